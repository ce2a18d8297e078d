"""`alembic upgrade`, as anyone would run it, and a look at the database while it runs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, Engine

from example_project.demo.inventory import Build, IndexName, read_builds, read_valid

PROJECT = Path(__file__).parents[1]
SECONDS_BETWEEN_LOOKS = 0.05


class MigrationFailed(Exception):
    """The message is what Alembic printed."""


def run_upgrade(url: URL, revision: str, on_wait: Callable[[], None] | None = None) -> None:
    """Migrate to `revision` in a process of its own, calling `on_wait` until it has ended.

    Raises MigrationFailed.
    """
    command = [sys.executable, "-m", "alembic", "-c", "alembic.ini", "upgrade", revision]
    environment = os.environ | {"DATABASE_URL": url.render_as_string(hide_password=False)}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while _is_running(process):
                if on_wait is not None:
                    on_wait()
        finally:
            process.terminate()
            process.wait()
        if process.returncode != 0:
            output.seek(0)
            raise MigrationFailed(output.read())


def look(engine: Engine) -> tuple[set[IndexName], list[Build]]:
    """The valid indexes and the running builds, without holding up a build.

    A concurrent build waits for old snapshots, so this one is given back at once.
    """
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return read_valid(connection), read_builds(connection)


def _is_running(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(SECONDS_BETWEEN_LOOKS)
    except subprocess.TimeoutExpired:
        return True
    return False
