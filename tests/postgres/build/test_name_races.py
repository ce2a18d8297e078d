"""A name that another session takes at the same moment, in a transaction still open."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_index_ops import NameTakenError
from alembic_index_ops.catalog.session import run, sqlstate
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

BUILT = {"ix": Seen("CREATE INDEX ix ON public.t USING btree (a)", "valid", built_by("a"))}
DRIVERS = ["psycopg", "psycopg2", "psycopg_async"]
SIZES = pytest.mark.parametrize("size", [4000, 1], ids=["aside", "at once"])


def prepare(database: Database, project: Project, size: int) -> None:
    execute(database, f"CREATE TABLE t AS SELECT generate_series(1, {size}) AS a")
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["a"])')


@SIZES
def test_the_loser_of_a_race_for_a_name(database: Database, project: Project, size: int) -> None:
    prepare(database, project, size)
    execute(database, "CREATE TABLE u (a int)")

    with (
        in_transaction(database, "CREATE INDEX ix ON u (a)") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("COMMIT")

    error = upgrade.exception()
    assert isinstance(error, NameTakenError)
    assert str(error) == (
        '"ix" in schema "public" is an index of table u, and no index of "public"."t": nothing'
        " was changed; give the index another name"
    )
    assert rows(database, "SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = 'ix'"
                "::regclass") == [("u",)]  # fmt: skip
    assert revisions(database) == set()
    execute(database, "DROP INDEX ix")
    project.upgrade()
    assert indexes(database) == BUILT


@SIZES
def test_the_winner_of_a_race_for_a_name(database: Database, project: Project, size: int) -> None:
    prepare(database, project, size)

    with (
        in_transaction(database, "CREATE TABLE ix ()") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("ROLLBACK")

    assert upgrade.exception() is None
    assert indexes(database) == BUILT


def test_the_loser_adopts_the_same_index(database: Database, project: Project) -> None:
    """A rename locks the index and not its table, so that it can end between look and deed."""
    prepare(database, project, 4000)
    execute(database, "CREATE INDEX before ON t (a)")

    with (
        in_transaction(database, "ALTER INDEX before RENAME TO ix") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("COMMIT")

    assert upgrade.exception() is None
    assert indexes(database) == {"ix": BUILT["ix"]._replace(comment=adopted_by("a"))}
    assert revisions(database) == {"a"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_sqlstate_of_a_name_that_was_taken_meanwhile(database: Database, driver: str) -> None:
    execute(database, "CREATE TABLE t (a int)")

    with in_transaction(database, "CREATE TABLE ix ()") as other:
        with waiting(
            database, lambda: failing(database, driver, "CREATE INDEX ix ON t (a)")
        ) as failed:
            other.execute("COMMIT")
        error = failed.result()

    assert "pg_class_relname_nsp_index" in str(error)
    assert sqlstate(error) == "42P07"


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("table", ["t", "pg_class"])
def test_the_sqlstate_of_duplicates_in_the_rows(
    database: Database, driver: str, table: str
) -> None:
    execute(database, f"CREATE TABLE public.{table} AS SELECT 1 AS a FROM generate_series(1, 2)")

    error = failing(database, driver, f"CREATE UNIQUE INDEX ix ON public.{table} (a)")

    assert sqlstate(error) == "23505"


def failing(database: Database, driver: str, statement: str) -> DBAPIError:
    """The error that the statement ends with, as SQLAlchemy has it with this driver."""
    url = database.url_for(driver=driver)

    def execute_failing(connection: Connection) -> DBAPIError:
        with pytest.raises(DBAPIError) as failed:
            run(connection, statement)
        return failed.value

    async def asynchronously() -> DBAPIError:
        async with create_async_engine(url, poolclass=NullPool).connect() as connection:
            return await connection.run_sync(execute_failing)

    if driver == "psycopg_async":
        return asyncio.run(asynchronously())
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return execute_failing(connection)
