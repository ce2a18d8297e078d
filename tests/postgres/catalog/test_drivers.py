"""Every driver reads and normalises the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_index_ops.catalog import (
    Implication,
    normalise,
    normalise_all,
    prove_implications,
    read_indexes,
    read_table,
)
from alembic_index_ops.definition import KeyColumn, define_index, key
from alembic_index_ops.errors import ArgumentError, LockTimeoutError
from tests.servers import Database

Answer = TypeVar("Answer")
Ask = Callable[[Callable[[Connection], Answer]], Answer]

WHERE = "status = ':x' AND note <> '50%' AND note <> '%s'"
STORED = "((status)::text = ':x'::text) AND (note <> '50%'::text) AND (note <> '%s'::text)"


@pytest.fixture(params=["psycopg", "psycopg2", "asyncpg", "psycopg_async"])
def driver(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["transaction", "autocommit"])
def ask(request: pytest.FixtureRequest, database: Database, driver: str) -> Ask:
    """Calls a function with a connection of the driver, through run_sync where it is async."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (status varchar(9), note text, n int)")
    options = {"poolclass": NullPool}
    if request.param == "autocommit":
        options["isolation_level"] = "AUTOCOMMIT"
    url = database.url_for(driver=driver)

    def ask(question: Callable[[Connection], Answer]) -> Answer:
        with create_engine(url, **options).connect() as connection:
            return question(connection)

    async def ask_async(question: Callable[[Connection], Answer]) -> Answer:
        async with create_async_engine(url, **options).connect() as connection:
            return await connection.run_sync(question)

    if driver in ("asyncpg", "psycopg_async"):
        return lambda question: asyncio.run(ask_async(question))
    return ask


def test_read_indexes(database, ask):
    with database.connect() as connection:
        connection.execute(
            "CREATE UNIQUE INDEX ix ON t (n DESC NULLS LAST, lower(note)) INCLUDE (status)"
            f" WITH (fillfactor = 70) WHERE {WHERE}"
        )
        connection.execute("COMMENT ON INDEX ix IS ':c %s'")
    (index,) = ask(lambda connection: read_indexes(connection, table="t"))
    assert index.spec == define_index(
        "ix",
        "t",
        ["n DESC NULLS LAST", KeyColumn(expression="lower(note)")],
        schema="public",
        unique=True,
        include=["status"],
        storage_parameters={"fillfactor": 70},
        where=STORED,
    )
    assert (index.comment, index.state, index.size) == (":c %s", "valid", 8192)


def test_operator_class_parameters(database, ask):
    with database.connect() as connection:
        connection.execute("CREATE TABLE v (v tsvector)")
        connection.execute("CREATE INDEX ix ON v USING gist (v tsvector_ops (siglen = 64))")
    (index,) = ask(lambda connection: read_indexes(connection, schema="public", table="v"))
    assert index.spec.key_columns == (
        key("v", operator_class="tsvector_ops", operator_class_parameters={"siglen": 64}),
    )


def test_normalise(ask):
    def twice(connection: Connection) -> list[str | None]:
        table = read_table(connection, "t", None)
        spec = define_index("ix", "t", ["n"], where=WHERE)
        return [normalise(connection, table, [spec])[0].predicate for _ in range(2)]

    assert ask(twice) == [STORED, STORED]


def test_normalise_all(database, ask):
    with database.connect() as connection:
        connection.execute("CREATE TABLE u (status varchar(9), note text, n int)")

    def look(connection: Connection) -> list[str]:
        tables = [read_table(connection, name, None) for name in "ttu"]
        wheres = [WHERE, "missing > 1", WHERE]
        asked = [
            (table, define_index("ix", table.name, ["n"], where=where))
            for table, where in zip(tables, wheres, strict=True)
        ]
        return [getattr(each, "predicate", str(each)) for each in normalise_all(connection, asked)]

    assert ask(look) == [
        STORED,
        'index "ix" on "public"."t": the server refuses this definition: column "missing" does'
        " not exist. Nothing was changed; correct the columns, the expression or the predicate.",
        STORED,
    ]


def test_prove_implications(ask):
    def prove(connection: Connection) -> tuple[object, ...]:
        table = read_table(connection, "t", None)
        asked = [(WHERE, "note <> '50%'"), ("note <> '50%'", WHERE)]
        return prove_implications(connection, [Implication(table, *pair) for pair in asked])

    assert ask(prove) == (True, False)


def test_normalise_leaves_nothing_behind(ask):
    def look(connection: Connection) -> list[str]:
        table = read_table(connection, "t", None)
        normalise(connection, table, [define_index("ix", "t", ["n"], where=WHERE)])
        return connection.scalars(
            text(
                "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')"
            )
        ).all()

    assert ask(look) == ["t"]


def test_a_refusal_leaves_the_connection_usable(ask):
    def refuse(connection: Connection) -> tuple[str, int]:
        table = read_table(connection, "t", None)
        with pytest.raises(ArgumentError) as caught:
            normalise(connection, table, [define_index("ix", "t", ["n"], where="missing > 1")])
        return str(caught.value), connection.scalar(text("SELECT 1"))

    assert ask(refuse) == (
        'index "ix" on "public"."t": the server refuses this definition: column "missing" does'
        " not exist. Nothing was changed; correct the columns, the expression or the predicate.",
        1,
    )


def test_a_locked_table_is_a_lock_timeout(database, ask):
    with database.connect() as connection:
        connection.execute("CREATE INDEX ix ON t (lower(note))")

    def refuse(connection: Connection) -> str:
        with pytest.raises(LockTimeoutError):
            read_indexes(connection, table="t")
        connection.rollback()
        return connection.scalar(text("SHOW lock_timeout"))

    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        assert ask(refuse) == "0"
