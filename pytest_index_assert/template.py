"""A database that is migrated once, and cloned; only on a server of the plugin's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_index_assert.connection import open_engine

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PREFIX = "index_assert_"

_EXISTS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = :name)"
# CREATE DATABASE leaves out what ALTER DATABASE ... SET said, and no statement copies it.
_COPY_SETTINGS = """
INSERT INTO pg_catalog.pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT clone.oid, setrole, setconfig FROM pg_catalog.pg_db_role_setting
JOIN pg_catalog.pg_database template ON template.oid = setdatabase
CROSS JOIN pg_catalog.pg_database clone
WHERE template.datname = :template AND clone.datname = :clone
"""


def template_name(digest: str) -> str:
    """The template's name, by the digest of what decides how it comes out."""
    return f"{PREFIX}template_{digest[:16]}"


def has_template(server: URL, name: str) -> bool:
    """Whether the server has that template, whole."""
    with _administering(server) as connection:
        return _exists(connection, name)


def make_template(server: URL, name: str, migrate: Callable[[URL], None]) -> None:
    """Migrate a new database, which gets the name, and becomes a template, when all went well."""
    making = name.replace(f"{PREFIX}template_", f"{PREFIX}making_")
    with _administering(server) as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{making}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{making}"')
        migrate(server.set(database=making))
        connection.exec_driver_sql(f'ALTER DATABASE "{making}" RENAME TO "{name}"')
        connection.exec_driver_sql(
            f'ALTER DATABASE "{name}" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false'
        )


def clone_template(server: URL, template: str, clone: str) -> URL:
    """A new database that is as the template."""
    from sqlalchemy import text

    with _administering(server) as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{clone}" TEMPLATE "{template}"')
        connection.execute(text(_COPY_SETTINGS), {"template": template, "clone": clone})
    return server.set(database=clone)


def drop_clone(server: URL, clone: str) -> None:
    """Drop it, whoever is connected."""
    with _administering(server) as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{clone}" WITH (FORCE)')


@contextmanager
def _administering(server: URL) -> Iterator[Connection]:
    engine = open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Clones are made at the same time, and wait for each other.
        connection.exec_driver_sql("SET lock_timeout = 0")
        yield connection


def _exists(connection: Connection, name: str) -> bool:
    from sqlalchemy import text

    return bool(connection.execute(text(_EXISTS), {"name": name}).scalar())
