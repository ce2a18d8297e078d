"""Any definition, rendered, created on a server and read back, equals itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from alembic_index_ops.catalog import normalise, read_indexes, read_table
from alembic_index_ops.definition import QualifiedName
from tests.postgres.definition.strategies import create, definitions, draw_columns, named
from tests.servers import Server


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """A connection whose transaction each example rolls back."""
    database = server.create_database()
    with database.engine.connect() as connection:
        yield connection
    server.drop_database(database.name)


@pytest.fixture(scope="module")
def collations(connection: Connection) -> list[QualifiedName]:
    """`C`, `POSIX`, and two of ICU's, where the server was built with it."""
    rows = connection.exec_driver_sql("SELECT 1 FROM pg_collation WHERE collname = 'de-x-icu'")
    found = ["C", "POSIX", *(("de-x-icu", "und-x-icu") if rows.first() else ())]
    connection.rollback()
    return named(*found)


ROUND_TRIP = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ROUND_TRIP
@given(data=st.data())
def test_created_and_read_back_it_equals_itself(connection, collations, pg_version, data):
    try:
        columns = draw_columns(data, connection)
        spec = data.draw(definitions(columns, collations, pg_version))
        create(connection, columns, spec)
        (index,) = read_indexes(connection, schema=spec.schema, table=spec.table)
    finally:
        connection.rollback()
    assert index.spec == spec


@ROUND_TRIP
@given(data=st.data())
def test_normalised_on_a_clone_it_equals_itself(connection, collations, pg_version, data):
    try:
        columns = draw_columns(data, connection)
        spec = data.draw(definitions(columns, collations, pg_version))
        create(connection, columns, spec)
        table = read_table(connection, spec.table, spec.schema)
        normalised = normalise(connection, table, [spec])
    finally:
        connection.rollback()
    assert normalised == (spec,)
