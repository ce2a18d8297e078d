from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from importlib.metadata import version
from uuid import uuid4

import hypothesis
import pytest
from psycopg import sql

from tests.servers import BINDIR_VARIABLE, Database, Server, find_bindir

MakeRole = Callable[..., str]

# No database of examples in the checkout, and no clock: a test with a server is slow now and then.
# The same examples in each run, so that a red one tells of the change; `matrix all` draws others.
hypothesis.settings.register_profile("random", database=None, deadline=None)
hypothesis.settings.register_profile(
    "same", hypothesis.settings.get_profile("random"), derandomize=True
)
hypothesis.settings.load_profile("same")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would all that they
# start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    packages = ("alembic", "sqlalchemy", "psycopg")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{versions}, PostgreSQL from {os.environ.get(BINDIR_VARIABLE, 'the embedded server')}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL server of this test process, started by the first test that needs it."""
    server = Server(find_bindir(), in_memory=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def pg_version(server: Server) -> int:
    """The server's major version."""
    return server.version


@pytest.fixture
def make_role(server: Server) -> Iterator[MakeRole]:
    """`make_role(name=None, attributes="")` creates an ordinary LOGIN role and returns its name."""
    names: list[str] = []

    def make_role(name: str | None = None, attributes: str = "") -> str:
        name = name or f"role_{uuid4().hex[:12]}"
        role = sql.Identifier(name)
        server.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(role, sql.SQL(attributes)))
        names.append(name)
        return name

    yield make_role
    for name in reversed(names):
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def database(server: Server, make_role: MakeRole) -> Iterator[Database]:
    """A fresh, empty database, dropped afterwards.

    It asks for `make_role` so that it goes first: a role that owns a table cannot be dropped.
    """
    database = server.create_database()
    yield database
    server.drop_database(database.name)
