"""Tables by name, as the search path resolves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read
from alembic_index_ops.definition.sql import qualified
from alembic_index_ops.errors import IndexNotFoundError, TableNotFoundError, UnsupportedError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "m": "materialised view",
    "v": "view",
    "f": "foreign table",
    "S": "sequence",
    "c": "type",
    "t": "TOAST table",
    "i": "index",
    "I": "partitioned index",
}

# Made in this transaction: we hold ACCESS EXCLUSIVE on it, and the row of its system column
# tableoid, which no ALTER rewrites, was written by a transaction that is in progress: ours, or
# a savepoint of ours, whose xid is above ours. xmin has 32 bits, xid8 has 64: it is lifted to
# the nearest number. An xmin from 2^31 transactions ago looks like a future one; the lock, and
# that such a number is not below the snapshot's end, tell it apart.
_CREATED_HERE = """
SELECT CASE
  WHEN own IS NULL OR lifted < own THEN false
  WHEN lifted < horizon THEN pg_xact_status(CAST(CAST(lifted AS text) AS xid8)) = 'in progress'
  ELSE lifted - horizon < 1000000
END
FROM (
  SELECT own, horizon,
    horizon + mod(CAST(CAST(a.xmin AS text) AS bigint) - mod(horizon, 4294967296)
      + 6442450944, 4294967296) - 2147483648 AS lifted
  FROM pg_catalog.pg_attribute a, (
    SELECT CAST(CAST(pg_current_xact_id_if_assigned() AS text) AS bigint) AS own,
      CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS horizon
  ) x
  WHERE a.attrelid = c.oid AND a.attname = 'tableoid'
    AND EXISTS (
      SELECT 1 FROM pg_catalog.pg_locks l
      WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation = a.attrelid
        AND l.mode = 'AccessExclusiveLock' AND l.granted)
) y
"""

_FIND = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind::text,
  CASE WHEN pg_current_xact_id_if_assigned() IS NOT NULL THEN ({_CREATED_HERE}) ELSE false END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(:name)
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A relation that can carry indexes: table, partitioned table or materialised view.

    `created_here`: the transaction that read it made it, so that nobody else can see it yet.
    """

    oid: int
    schema: str
    name: str
    kind: str
    created_here: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """The table as SQL and messages name it, quoted and with its schema."""
        return qualified(self.name, self.schema)

    @property
    def partitioned(self) -> bool:
        """True for the parent of partitions, at any level."""
        return self.kind == "p"

    @property
    def materialised_view(self) -> bool:
        """True for a materialised view, which LOCK TABLE refuses."""
        return self.kind == "m"


def read_tables_by_name(
    connection: Connection, names: Sequence[tuple[str, str | None]]
) -> list[Table | None]:
    """The table of each (name, schema), in the same order; None for one that is not there.

    `schema=None` takes the first on the search path.
    """
    asked = json.dumps([qualified(name, schema) for name, schema in names])
    found = {
        row[0]: Table(*row[1:])
        for row in read(
            connection,
            """
            SELECT w.position, c.oid, n.nspname, c.relname, c.relkind::text
            FROM json_array_elements_text(CAST(:names AS json)) WITH ORDINALITY AS w(name, position)
            JOIN pg_catalog.pg_class c ON c.oid = to_regclass(w.name)
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            """,
            names=asked,
        )
    }
    return [found.get(position) for position in range(1, len(names) + 1)]


def read_table_of_index(
    connection: Connection, index_name: str, schema: str | None
) -> tuple[str, str]:
    """Schema and name of the table that has the index. Raises IndexNotFoundError."""
    rows = read(
        connection,
        """
        SELECT n.nspname, t.relname FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
        WHERE i.indexrelid = to_regclass(:name)
        """,
        name=qualified(index_name, schema),
    )
    if not rows:
        where = f'in schema "{schema}"' if schema else "on the search path"
        raise IndexNotFoundError(
            f'index "{index_name}" does not exist {where}. Nothing was changed; correct the name,'
            " or say schema=."
        )
    return str(rows[0][0]), str(rows[0][1])


def read_tables(
    connection: Connection, schema: str, *, partitioned: bool = False
) -> list[tuple[str, str]]:
    """Schema and name of each table and materialised view of the schema that has an index; or of
    each partitioned table, the lower levels first."""
    rows = read(
        connection,
        """
        SELECT n.nspname, t.relname FROM pg_catalog.pg_class t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = :schema
          AND t.relkind = ANY (string_to_array(CAST(:kinds AS text), ','))
          AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid)
        ORDER BY (SELECT count(*) FROM pg_catalog.pg_partition_ancestors(t.oid)) DESC, 2
        """,
        schema=schema,
        kinds="p" if partitioned else "r,m",
    )
    return [(str(schema_name), str(name)) for schema_name, name in rows]


@dataclass(frozen=True, slots=True)
class Holder:
    """The relation that has a name: its kind, and for an index the table it belongs to."""

    oid: int
    kind: str
    table_oid: int | None
    table: str | None


def read_table(connection: Connection, name: str, schema: str | None) -> Table:
    """The table of that name; `schema=None` takes the first on the search path.

    Raises TableNotFoundError where there is none, UnsupportedError where it is something
    that cannot carry an index of its own.
    """
    rows = read(connection, _FIND, name=qualified(name, schema))
    if not rows:
        place = f'schema "{schema}"' if schema else "the search path"
        found = [
            str(row[0])
            for row in read(
                connection,
                "SELECT n.nspname FROM pg_catalog.pg_class c"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relname = :name AND c.relkind IN ('r', 'p', 'm') ORDER BY 1",
                name=name,
            )
        ]
        hint = f'; there is one in schema "{found[0]}": pass schema="{found[0]}"' if found else ""
        before, dot, after = name.partition(".")
        if dot and schema is None:
            hint = f'; for table "{after}" of schema "{before}" pass schema="{before}"'
        raise TableNotFoundError(f'table "{name}" does not exist in {place}{hint}')
    oid, nspname, relname, kind, created_here = rows[0]
    table = Table(oid, nspname, relname, kind, created_here=bool(created_here))
    if table.kind not in {"r", "p", "m"}:
        raise UnsupportedError(
            f"{table} is a {_KINDS.get(table.kind, 'relation')}, and indexes belong on tables,"
            " partitioned tables and materialised views"
        )
    return table


def read_holder(connection: Connection, name: str, schema: str) -> Holder | None:
    """The relation of that name, of whatever kind; None where the name is free."""
    rows = read(
        connection,
        """
        SELECT c.oid, c.relkind::text, i.indrelid, t.relname
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        WHERE n.nspname = :schema AND c.relname = :name
        """,
        schema=schema,
        name=name,
    )
    return Holder(*rows[0]) if rows else None


def describe_kind(kind: str) -> str:
    """pg_class.relkind in words."""
    return _KINDS.get(kind, "relation")
