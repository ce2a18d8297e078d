"""Migrations in a process of their own, timed inside: the start of Python and Alembic not."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from textwrap import indent

from tests.projects import Project
from tests.servers import Database

_TIMED = """\
import time
began = time.monotonic()
{body}
print("\\nmigrated", began, time.monotonic(), flush=True)
"""
_TIMES = re.compile(r"^migrated (\S+) (\S+)$", re.MULTILINE)


def make_project(directory: Path, database: Database, upgrade: str, downgrade: str) -> Project:
    """A project whose revision does this."""
    directory.mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        project = Project(directory, database.url)
    project.revision("measured", _TIMED.format(body=upgrade), _TIMED.format(body=downgrade))
    return project


def migrate(project: Project, *command: str) -> tuple[float, float]:
    """Run the command; when, by time.monotonic(), its operations began and ended."""
    with project.start(*command) as process:
        output, _ = process.communicate()
    times = _TIMES.search(output)
    if process.returncode or times is None:
        raise SystemExit(f"alembic {' '.join(command)} failed:\n{indent(output, '  ')}")
    return float(times[1]), float(times[2])
