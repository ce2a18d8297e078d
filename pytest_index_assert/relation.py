"""What a requirement is about: the table, its indexes, and its partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic_index_ops import ObservedIndex, Table, read_indexes, read_table
from pytest_index_assert.requirement import Requirement

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Partitions, and tables that inherit. Foreign ones can be both, and cannot have indexes.
_LEAVES = """
WITH RECURSIVE below (oid) AS (
  SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = CAST(:oid AS oid)
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN below b ON i.inhparent = b.oid)
SELECT c.oid, n.nspname, c.relname, c.relkind::text FROM below
JOIN pg_catalog.pg_class c ON c.oid = below.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = CAST(:oid AS oid) AND attnum > 0 AND NOT attisdropped
"""
_OF_NAME = """
SELECT i.indrelid, n.nspname, c.relname, c.relkind::text, n.nspname = ANY (current_schemas(true))
FROM pg_catalog.pg_class ic
JOIN pg_catalog.pg_index i ON i.indexrelid = ic.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = ic.relnamespace
WHERE ic.relname = :name
ORDER BY array_position(current_schemas(true), n.nspname), n.nspname
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table and its indexes.

    `leaves` are the partitions that hold rows, or the tables that inherit, at any depth: a query on
    the table reads them too.
    """

    table: Table
    columns: frozenset[str]
    indexes: tuple[ObservedIndex, ...]
    leaves: tuple[Relation, ...] = ()

    @property
    def all_indexes(self) -> tuple[ObservedIndex, ...]:
        """The table's indexes, and those of its partitions."""
        return (*self.indexes, *(index for leaf in self.leaves for index in leaf.indexes))


def read_relation(connection: Connection, table: Table) -> Relation:
    """The table's indexes, and those of its partitions."""
    leaves = [Table(*row) for row in _rows(connection, _LEAVES, oid=table.oid)]
    oids = [table.oid, *(leaf.oid for leaf in leaves)]
    indexes = read_indexes(connection, table_oids=oids)

    def of(relation: Table) -> tuple[ObservedIndex, ...]:
        return tuple(index for index in indexes if index.table_oid == relation.oid)

    columns = frozenset(str(row[0]) for row in _rows(connection, _COLUMNS, oid=table.oid))
    return Relation(
        table, columns, of(table), tuple(Relation(leaf, columns, of(leaf)) for leaf in leaves)
    )


def find_table(connection: Connection, requirement: Requirement) -> Table | None:
    """The required table, or that of the index of the required name; None without such an index."""
    if requirement.table is not None:
        return read_table(connection, requirement.table, requirement.schema)
    for *table, on_path in _rows(connection, _OF_NAME, name=requirement.name):
        schema = table[1]
        if schema == requirement.schema or (requirement.schema is None and on_path):
            return Table(*table)
    return None


def _rows(connection: Connection, query: str, **values: object) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    return [tuple(row) for row in connection.execute(text(query), values)]
