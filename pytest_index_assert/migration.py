"""Migrations, run in a process of their own: the user's logging, event loop and filters stay.

Before anything is applied, env.py runs once with a function that applies nothing and looks for
this session's mark: many an env.py reads its own variable and would migrate another database.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_index_assert.connection import open_engine, shown, without_secrets
from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.history import History
from pytest_index_assert.inputs import Reads
from pytest_index_assert.options import Options

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import URL, Connection

_RUNNER = "pytest_index_assert.migration_process"
_TAIL_LINES = 30
_MISSED = re.compile(r"^KeyError: '(?P<name>[A-Z_][A-Z0-9_]*)'\Z", re.MULTILINE)
# What SQLAlchemy, asyncpg and the system say of a server that is not there.
_UNREACHABLE = re.compile(r"^\S*(?:OperationalError|Connection\w*Error|OSError|gaierror)\b.*", re.M)
# Alembic's own errors say all in a line: no traceback is needed.
_COMMAND_ERROR = re.compile(r"^alembic\.util\.exc\.CommandError: (?P<message>.*)\Z", re.M)
_POLL_SECONDS = 0.05
# One migration of a database at a time, also by the workers of pytest-xdist.
_ONE_AT_A_TIME = 0x1DE8A55E


def read_revisions(config: Config, options: Options) -> tuple[str, ...]:
    """The revisions that `--index-assert-revision` stands for, by the revision files."""
    answer = _run({"task": "revisions", **make_job(config, options)}, options, None)
    return tuple(answer["revisions"])


def migrate(config: Config, url: URL, options: Options) -> Reads:
    """Upgrade that database, and no other; what the migration read.

    Raises NoDatabaseError when env.py would migrate another database, or fails.
    """
    task = {"task": "upgrade", "variable": options.url_variable}
    return Reads(**run_marked(task, config, url, options)["reads"])


def walk_history(config: Config, url: URL, options: Options) -> History:
    """Upgrade that database, which is empty, and tell what each revision did to its indexes.

    Where a revision fails, the history ends with the one before. Raises NoDatabaseError as
    `migrate` does.
    """
    task = {"task": "history", "variable": options.url_variable}
    answer = run_marked(task, config, url, options)
    failure = answer["failure"]
    return History.from_json(
        {**answer["history"], "failure": failure and without_secrets(failure, url)}
    )


def run_marked(task: dict[str, Any], config: Config, url: URL, options: Options) -> dict[str, Any]:
    """What the task's process answers, which ran env.py on that database and on no other.

    Raises NoDatabaseError when env.py would go to another database, or fails.
    """
    with _marked(url) as token:
        job = {**task, **make_job(config, options), "token": token}
        answer = _run(job, options, url)
    if answer["outcome"] not in ("never ran", "another database"):
        return answer
    if answer["outcome"] == "never ran":
        raise NoDatabaseError(
            f"{_env_py(config)} did not call context.run_migrations(), so {shown(url)} could not"
            " be migrated"
        )
    variable = options.url_variable
    hint = (
        f"It was given as sqlalchemy.url and as the variable {variable}."
        if variable
        else "It was given as sqlalchemy.url. If env.py reads an environment variable, name that"
        " variable in the ini file: index_assert_url_env = DATABASE_URL"
    )
    raise NoDatabaseError(
        f"{_env_py(config)} connects to another database ({answer['found']}) than the one to be"
        f" migrated, {shown(url)}; no migration was applied.\n{hint}"
    )


@contextmanager
def _marked(url: URL) -> Iterator[list[int]]:
    """The database bears a random mark that only it can show: an advisory lock of our session.

    The session stays out of any transaction, so no concurrent build waits for it.
    """
    engine = open_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    token = [secrets.randbits(31), secrets.randbits(31)]
    from sqlalchemy.exc import DBAPIError

    try:
        connection = engine.connect()
    except DBAPIError as error:
        cause = without_secrets(str(error.orig).strip(), url)
        raise NoDatabaseError(f"{shown(url)} cannot be reached: {cause}") from None
    with connection:
        while not _try_lock(connection, 0, _ONE_AT_A_TIME):
            time.sleep(_POLL_SECONDS)
        _try_lock(connection, *token)
        yield token


def _try_lock(connection: Connection, first: int, second: int) -> bool:
    from sqlalchemy import text

    found = connection.execute(
        text("SELECT pg_try_advisory_lock(CAST(:first AS int), CAST(:second AS int))"),
        {"first": first, "second": second},
    )
    return bool(found.scalar())


def make_job(config: Config, options: Options) -> dict[str, Any]:
    """What the other process needs to make the same Config; attributes stay behind."""
    toml: Any = getattr(config, "toml_file_name", None)
    written = [Path(name) for name in (config.config_file_name, toml) if name]
    homes = [path.absolute().parent for path in written if path.exists()]
    sections = {
        section: dict(config.file_config.items(section, raw=True))
        for section in config.file_config.sections()
    }
    return {
        "ini": None if config.config_file_name is None else str(config.config_file_name),
        "toml": None if toml is None else str(toml),
        "ini_section": config.config_ini_section,
        "sections": sections,
        "x": getattr(config.cmd_opts, "x", None) or [],
        "revision": options.revision,
        "directory": str(homes[0] if homes else options.root),
        "path": [os.path.abspath(entry) for entry in sys.path],
    }


def _run(job: dict[str, Any], options: Options, url: URL | None) -> dict[str, Any]:
    """Do the job in another process. The URL goes by its standard input, never by arguments."""
    environment = dict(os.environ)
    if url is not None:
        job["url"] = _render_for_ini(url)
        if options.url_variable:
            environment[options.url_variable] = job["url"]
    done = subprocess.run(
        [sys.executable, "-u", "-m", _RUNNER],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode == 0 and done.stdout:
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    told = _COMMAND_ERROR.search(done.stderr.rstrip())
    tail = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
    tail = told["message"] if told else tail
    where = "" if url is None else f" of {shown(url)}"
    tail = tail if url is None else without_secrets(tail, url)
    tail += _hint_of_variable(done.stderr, options)
    raise NoDatabaseError(
        f"the migration{where} failed; the end of what it said:\n{tail or '(nothing)'}"
        if job["task"] != "revisions"
        else f"the revisions cannot be read; the end of what Alembic said:\n{tail or '(nothing)'}"
    )


def _hint_of_variable(stderr: str, options: Options) -> str:
    """What helps an env.py that takes its URL from an environment variable: it misses that, or goes
    where no server is, though the one to be migrated has just been reached."""
    if options.url_variable:
        return ""
    missed = _MISSED.search(stderr.rstrip())
    if missed is not None and missed["name"] not in os.environ:
        which, name = f"the environment variable {missed['name']}", missed["name"]
    elif any("connect" in line.lower() for line in _UNREACHABLE.findall(stderr)):
        which, name = "an environment variable", "DATABASE_URL"
    else:
        return ""
    return (
        f"\nIf env.py reads its URL from {which}, name that variable in the"
        f" ini file: index_assert_url_env = {name}"
    )


def _render_for_ini(url: URL) -> str:
    """The URL with plain slashes in its query, as in `?host=/run/postgresql`.

    Many an env.py hands it to `config.set_main_option`, which stumbles over `%2F`.
    """
    address, mark, query = url.render_as_string(hide_password=False).partition("?")
    return address + mark + query.replace("%2F", "/")


def _env_py(config: Config) -> str:
    location = config.get_main_option("script_location")
    return f"{location}/env.py" if location else "env.py"
