"""Where a build takes place: what can be known of the table and the running transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.catalog.session import read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

SMALL_BYTES = 64 * 1024
"""A table whose leaves together are at most this big is indexed at once."""

# The leaves of a partitioned table, or the table itself; with what is stored out of line, which
# an expression may have to read.
_SIZE = """
WITH RECURSIVE tree AS (
  SELECT CAST(CAST(:table AS bigint) AS oid) AS oid
  UNION ALL
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i
  JOIN tree ON i.inhparent = tree.oid
  JOIN pg_catalog.pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
)
SELECT CAST(coalesce(sum(pg_relation_size(c.oid)
  + CASE WHEN c.reltoastrelid <> 0 THEN pg_relation_size(c.reltoastrelid) ELSE 0 END), 0) AS bigint)
FROM tree JOIN pg_catalog.pg_class c USING (oid) WHERE c.relkind IN ('r', 'm')
"""


def read_size(connection: Connection, table: Table) -> int:
    """Bytes of the table, or of all its leaves, with TOAST. Waits behind ACCESS EXCLUSIVE locks."""
    return int(read(connection, _SIZE, table=table.oid)[0][0])


def is_small_and_free(connection: Connection, table: Table, name: str) -> bool:
    """Whether the table has at most SMALL_BYTES, nothing in its schema has that name, and no
    build of ours has left anything on it."""
    row = read(
        connection,
        f"""
        SELECT ({_SIZE}),
          EXISTS (SELECT FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = :name AND n.nspname = :schema),
          ARRAY(SELECT c.relname::text FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = CAST(CAST(:table AS bigint) AS oid))
        """,
        table=table.oid,
        schema=table.schema,
        name=name,
    )[0]
    size, taken, names = row
    return size <= SMALL_BYTES and not taken and not any(map(is_aside, names))


def has_unstamped_writes(
    connection: Connection, version_table: str, version_table_schema: str | None
) -> bool:
    """Whether this transaction certainly wrote something that no Alembic stamp covers.

    Not certain, and so False: a transaction that has stamped (an earlier revision may have
    written), or that made the version table itself.
    """
    from alembic_index_ops.definition.sql import qualified

    name = qualified(version_table, version_table_schema)
    own = read(
        connection,
        "SELECT mod(CAST(CAST(pg_current_xact_id_if_assigned() AS text) AS bigint), 4294967296)",
    )[0][0]
    if own is None:
        return False
    found = read(
        connection,
        "SELECT CAST(CAST(xmin AS text) AS bigint) = :own FROM pg_catalog.pg_class"
        " WHERE oid = to_regclass(:name)",
        own=own,
        name=name,
    )
    if not found or found[0][0]:
        return False
    return not read(
        connection,
        f"SELECT 1 FROM {name} WHERE CAST(CAST(xmin AS text) AS bigint) = :own",
        own=own,
    )
