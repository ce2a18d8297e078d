"""The tree of a partitioned index: its parts on the partitions, at every level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.session import read
from alembic_index_ops.definition.sql import qualified

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DESCENDANTS = """
WITH RECURSIVE tree AS (
  SELECT CAST(to_regclass(:name) AS oid) AS oid
  UNION ALL
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT i.indexrelid, i.indrelid
FROM tree JOIN pg_catalog.pg_index i ON i.indexrelid = tree.oid
WHERE tree.oid <> CAST(to_regclass(:name) AS oid)
"""


def read_descendants(
    connection: Connection, index_name: str, schema: str
) -> tuple[ObservedIndex, ...]:
    """The indexes attached below a partitioned index, at every level; none for any other."""
    rows = read(connection, _DESCENDANTS, name=qualified(index_name, schema))
    attached = {row[0] for row in rows}
    found = read_indexes(connection, table_oids=[row[1] for row in rows]) if rows else ()
    return tuple(index for index in found if index.oid in attached)
