"""What the tests of `read_indexes` share."""

from __future__ import annotations

from alembic_index_ops.catalog import ObservedIndex, read_indexes
from alembic_index_ops.definition import IndexSpec, KeyColumn
from tests.servers import Database


def read(database: Database, statements: str = "", **asked: str) -> tuple[ObservedIndex, ...]:
    """Run the statements, then read: the indexes of table t unless something else is asked."""
    with database.connect() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement)
    with database.engine.connect() as connection:
        return read_indexes(connection, **(asked or {"table": "t"}))


def spec(*keys: KeyColumn, **options: object) -> IndexSpec:
    defaults = {"name": "ix", "table": "t", "schema": "public", "key_columns": keys}
    return IndexSpec(**defaults | options)


def only(indexes: tuple[ObservedIndex, ...]) -> ObservedIndex:
    (index,) = indexes
    return index
