"""Tables by name, as the search path resolves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read
from alembic_index_ops.definition.sql import qualified
from alembic_index_ops.errors import TableNotFoundError, UnsupportedError

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

_FIND = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(:name)
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A relation that can carry indexes: table, partitioned table or materialised view."""

    oid: int
    schema: str
    name: str
    kind: str

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
    table = Table(*rows[0])
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
