"""Indexes for a reflected model, exactly: SQLAlchemy's reflection leaves out some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.tables import read_tables_by_name
from alembic_index_ops.definition.model import to_index

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData


def reflect_indexes(connection: Connection, metadata: MetaData) -> None:
    """Exchange the indexes of the metadata's tables for those that the database has.

    For use after `metadata.reflect(connection)`, which loses collations, the order and the operator
    classes of expressions, operator class parameters and tablespaces. Indexes of constraints are
    left to the constraints, as SQLAlchemy leaves them. A table that the database has not is left
    as it is.
    """
    tables = list(metadata.tables.values())
    found = read_tables_by_name(connection, [(table.name, table.schema) for table in tables])
    by_oid = {there.oid: table for table, there in zip(tables, found, strict=True) if there}
    for table in by_oid.values():
        table.indexes.clear()
    for index in read_indexes(connection, table_oids=by_oid):
        if index.constraint_type is None:
            to_index(index.spec, by_oid[index.table_oid])
