"""What stands on an index and has to move, or to stop a replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table


@dataclass(frozen=True, slots=True)
class Dependents:
    """`foreign_keys` that point at the index, by name; the table's columns that are `not_null`;
    `statistics`: targets of the index's columns, by their number from 1."""

    foreign_keys: tuple[str, ...] = ()
    not_null: frozenset[str] = frozenset()
    statistics: tuple[tuple[int, int], ...] = ()


_READ = """
SELECT
  ARRAY(SELECT conname::text FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND conindid = CAST(CAST(:index AS bigint) AS oid) ORDER BY 1),
  ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
    WHERE attrelid = CAST(CAST(:table AS bigint) AS oid) AND attnotnull AND attnum > 0),
  ARRAY(SELECT CAST(attnum AS int) FROM pg_catalog.pg_attribute
    WHERE attrelid = CAST(CAST(:index AS bigint) AS oid) AND attstattarget >= 0 ORDER BY attnum),
  ARRAY(SELECT CAST(attstattarget AS int) FROM pg_catalog.pg_attribute
    WHERE attrelid = CAST(CAST(:index AS bigint) AS oid) AND attstattarget >= 0 ORDER BY attnum)
"""


def read_deferral(connection: Connection, index_oid: int) -> tuple[bool, bool]:
    """Whether the constraint of this index is deferrable, and deferred from the start."""
    rows = read(
        connection,
        "SELECT condeferrable, condeferred FROM pg_catalog.pg_constraint"
        " WHERE conindid = CAST(CAST(:index AS bigint) AS oid) AND contype IN ('p', 'u', 'x')",
        index=index_oid,
    )
    return (bool(rows[0][0]), bool(rows[0][1])) if rows else (False, False)


def has_constraint(connection: Connection, table: Table, name: str) -> bool:
    """Whether the table has a constraint of that name, of whatever kind."""
    rows = read(
        connection,
        "SELECT 1 FROM pg_catalog.pg_constraint"
        " WHERE conrelid = CAST(CAST(:table AS bigint) AS oid) AND conname = :name",
        table=table.oid,
        name=name,
    )
    return bool(rows)


def read_dependents(connection: Connection, table: Table, index_oid: int) -> Dependents:
    """What stands on the index; 0 for an index that is not there."""
    keys, not_null, numbers, targets = read(connection, _READ, table=table.oid, index=index_oid)[0]
    statistics = tuple(zip(numbers, targets, strict=True))
    return Dependents(tuple(keys), frozenset(not_null), statistics)
