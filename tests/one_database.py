"""One database for many tests, emptied after each: making one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeRole
from tests.projects import Project
from tests.servers import Database, Server

_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = """
DO $$
DECLARE schema text;
BEGIN
  FOR schema IN SELECT nspname FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
  LOOP EXECUTE format('DROP SCHEMA %I CASCADE', schema); END LOOP;
  CREATE SCHEMA public;
  GRANT USAGE ON SCHEMA public TO PUBLIC;
  EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
END $$
"""


@pytest.fixture(scope="package")
def one_database(server: Server) -> Iterator[Database]:
    """A database for the tests of a package."""
    database = server.create_database()
    yield database
    server.drop_database(database.name)


@pytest.fixture
def database(one_database: Database, make_role: MakeRole) -> Iterator[Database]:
    """An empty database; afterwards whoever is connected is ended, and it is emptied.

    It asks for `make_role` so that it goes first: a role that owns a table cannot be dropped.
    """
    yield one_database
    with one_database.connect() as connection:
        connection.execute(_OTHERS)
        connection.execute(_EMPTY)


@pytest.fixture
def project(tmp_path: Path, database: Database) -> Project:
    """An Alembic project on the test's database, env.py as `alembic init` makes it."""
    return Project(tmp_path, database.url)
