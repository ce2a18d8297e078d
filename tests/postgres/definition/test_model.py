"""`create_all` of a model with `index(...)` makes what the operations make of its arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_index_ops.definition import (
    IndexSpec,
    KeyColumn,
    define_index,
    index,
    key,
    render_create,
    to_index,
)
from alembic_index_ops.definition.sql import quote
from tests.postgres.definition.strategies import definitions, draw_columns, named
from tests.servers import Database, Server

# A name that holds what drivers, SQLAlchemy and SQL each take for something of their own.
ODD = 'a%s:x"\\é'

CASES = [
    (["n", "s DESC NULLS LAST"], {"unique": True}),
    ([key("s", operator_class="text_pattern_ops", desc=True)], {}),
    ([key("s", operator_class="text_pattern_ops", collation="C", nulls_first=True)], {}),
    ([key("w", operator_class="tsvector_ops", operator_class_parameters={"siglen": 64})], "gist"),
    ([key("j", operator_class="jsonb_path_ops")], "gin"),
    ([key(ODD, desc=True)], {"where": f"{quote(ODD)} <> '%s:x\\' || '100%'", "include": [ODD]}),
    ([key(ODD)], {"where": sa.column(ODD) == "%s:x\\'"}),
    ([sa.column(ODD).desc()], {"where": sa.text(f"{quote(ODD)} <> ':x'")}),
    ([sa.column(ODD) + "%s:x\\'", sa.func.lower(sa.column("s")).collate("C").desc()], {}),
    ([sa.text("lower(s) text_pattern_ops DESC"), sa.text("s || ':x%s'")], {}),
    ([(sa.column("n") + 1).desc(), sa.case((sa.column("n") % 2 == 0, 1))], {}),
    ([KeyColumn(expression="s || E'\\\\%s'", descending=True, nulls_first=False)], {}),
    (["n"], {"using": "brin", "storage_parameters": {"autosummarize": True, "pages_per_range": 9}}),
    (["n"], {"storage_parameters": {"fillfactor": 70}, "tablespace": "pg_default"}),
]


@pytest.fixture(scope="module")
def server_database(server: Server) -> Iterator[Database]:
    """A database in which nothing is committed."""
    database = server.create_database()
    yield database
    server.drop_database(database.name)


@pytest.fixture(scope="module")
def connection(server_database: Database) -> Iterator[Connection]:
    with server_database.engine.connect() as connection:
        yield connection


def model(columns: list[Any], options: Any) -> tuple[sa.MetaData, IndexSpec]:
    """A model with the index, and what the operations would make of the same arguments."""
    if isinstance(options, str):
        options = {"using": options}
    metadata = sa.MetaData()
    sa.Table(
        "t%s:x",
        metadata,
        sa.Column("n", sa.Integer),
        sa.Column("s", sa.Text),
        sa.Column("w", TSVECTOR),
        sa.Column("j", JSONB),
        sa.Column(ODD, sa.Text),
        index("ix%s:x", *columns, **options),
    )
    return metadata, define_index("iy", "t%s:x", columns, **options)


def read_definition(connection: Connection, name: str, schema: str = "public") -> str:
    """pg_get_indexdef, without the index's own name."""
    query = (
        "SELECT pg_get_indexdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relname = :name AND nspname = :schema"
    )
    found = connection.scalar(sa.text(query), {"name": name, "schema": schema})
    start, on, definition = str(found).partition(" INDEX ")
    return start + on + definition.partition(" ON ")[2]


def create_both(connection: Connection, metadata: sa.MetaData, spec: IndexSpec) -> list[str]:
    metadata.create_all(connection)
    if connection.dialect.driver == "asyncpg":
        connection.exec_driver_sql(render_create(spec))
    else:
        connection.exec_driver_sql(render_create(spec), execution_options={"no_parameters": True})
    return [read_definition(connection, name) for name in ("ix%s:x", "iy")]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize(("columns", "options"), CASES)
def test_create_all(server_database: Database, driver: str, columns: list[Any], options: Any):
    engine = sa.create_engine(server_database.url_for(driver=driver), poolclass=NullPool)
    with engine.connect() as connection:
        made, wanted = create_both(connection, *model(columns, options))
    assert made == wanted


@pytest.mark.parametrize(("columns", "options"), CASES)
def test_create_all_with_asyncpg(server_database: Database, columns: list[Any], options: Any):
    async def create() -> list[str]:
        url = server_database.url_for(driver="asyncpg")
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(create_both, *model(columns, options))

    made, wanted = asyncio.run(create())
    assert made == wanted


TYPES = {
    "n": sa.Integer,
    "s": sa.Text,
    "c": sa.Text(collation="C"),
    "v": sa.String(20),
    "j": JSONB,
    "w": TSVECTOR,
}


@settings(max_examples=75, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_create_all_of_any_definition(connection, pg_version, data):
    try:
        columns = draw_columns(data, connection)
        spec = data.draw(definitions(columns, named("C", "POSIX"), pg_version))
        table = sa.Table(
            spec.table,
            sa.MetaData(),
            *(sa.Column(columns.names[role], TYPES[role]) for role in TYPES),
            index(
                spec.name,
                *spec.key_columns,
                unique=spec.unique,
                include=spec.included_columns,
                using=spec.access_method,
                where=spec.predicate,
                nulls_not_distinct=spec.nulls_not_distinct,
                storage_parameters=dict(spec.storage_parameters),
            ),
            schema=spec.schema,
        )
        connection.execute(sa.schema.CreateSchema(spec.schema, if_not_exists=True))
        table.metadata.create_all(connection)
        made = read_definition(connection, spec.name, spec.schema)

        (first,) = table.indexes
        first.drop(connection)
        table.indexes.clear()
        to_index(spec, table).create(connection)
        again = read_definition(connection, spec.name, spec.schema)

        first.drop(connection)
        connection.exec_driver_sql(render_create(spec), execution_options={"no_parameters": True})
        wanted = read_definition(connection, spec.name, spec.schema)
    finally:
        connection.rollback()
    assert (made, again) == (wanted, wanted)
