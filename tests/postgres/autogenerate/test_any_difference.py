"""Any two definitions of one index: a difference exactly where the server stores two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from alembic_index_ops import IndexSpec, compare_definitions
from alembic_index_ops.definition import QualifiedName, to_index
from tests.postgres.definition.strategies import create, definitions, draw_columns, named
from tests.servers import Server

PLUGINS = ["alembic.autogenerate.*", "alembic_index_ops"]


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """A connection whose transaction each example rolls back."""
    database = server.create_database()
    with database.engine.connect() as connection:
        yield connection
    server.drop_database(database.name)


def declare(spec: IndexSpec) -> MetaData:
    """A model whose table has the index."""
    metadata = MetaData()
    table = Table(spec.table, metadata, Column("unused", Integer), schema=spec.schema)
    to_index(spec, table)
    return metadata


def differences(connection: Connection, metadata: MetaData) -> list[str]:
    """What autogenerate would do with the index: `replace_index`, or nothing."""
    [table] = metadata.tables.values()
    options = {
        "autogenerate_plugins": PLUGINS,
        "include_schemas": True,
        "include_name": lambda name, kind, parents: (
            kind not in ("schema", "table") or name in (table.schema, table.name)
        ),
        "include_object": lambda item, name, kind, reflected, other: kind in ("table", "index"),
    }
    context = MigrationContext.configure(connection, opts=options)
    return [str(difference[0]) for difference in compare_metadata(context, metadata)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_two_definitions(connection, pg_version, data):
    try:
        columns = draw_columns(data, connection)
        collations: list[QualifiedName] = named("C", "POSIX")
        stored = data.draw(definitions(columns, collations, pg_version))
        other = data.draw(definitions(columns, collations, pg_version))
        other = replace(other, name=stored.name, table=stored.table, schema=stored.schema)
        create(connection, columns, stored)
        same = compare_definitions(other, stored) == ()

        assert differences(connection, declare(stored)) == []
        assert differences(connection, declare(other)) == ([] if same else ["replace_index"])
    finally:
        connection.rollback()
