"""What the tests of the twin share."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic_index_ops.catalog import normalise, read_table
from alembic_index_ops.definition import IndexSpec, define_index


def run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    connection.commit()


def as_stored(
    connection: Connection,
    columns: list,
    table: str = "t",
    schema: str | None = None,
    **options: object,
) -> IndexSpec:
    spec = define_index("ix", table, columns, schema=schema, **options)
    (stored,) = normalise(connection, read_table(connection, table, schema), [spec])
    return stored
