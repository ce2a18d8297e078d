"""The partitions of a table, at every level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read
from alembic_index_ops.catalog.tables import Table

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition, and the OID of the table it is one of."""

    table: Table
    parent_oid: int


_TREE = """
WITH RECURSIVE tree AS (
  SELECT i.inhrelid AS oid, i.inhparent AS parent, 1 AS level
  FROM pg_catalog.pg_inherits i
  WHERE i.inhparent = CAST(CAST(:table AS bigint) AS oid) AND NOT i.inhdetachpending
  UNION ALL
  SELECT i.inhrelid, i.inhparent, tree.level + 1
  FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
  WHERE NOT i.inhdetachpending
)
SELECT c.oid, n.nspname, c.relname, c.relkind::text, tree.parent
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY tree.level, n.nspname, c.relname
"""


def read_partitions(connection: Connection, table: Table) -> list[Partition]:
    """Every partition below the table, the upper levels first."""
    return [
        Partition(Table(oid, schema, name, kind), parent)
        for oid, schema, name, kind, parent in read(connection, _TREE, table=table.oid)
    ]
