"""What the database has: the indexes, their states and definitions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.query import (
    OF_ALL,
    OF_SCHEMA,
    OF_TABLES,
    IndexRow,
    render_query,
    unpack,
)
from alembic_index_ops.catalog.session import read, settings, sqlstate
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import LockTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

_READ_LOCK_TIMEOUT = "2s"
# Dates and intervals in predicates as every session reads them alike, whatever its role has set.
_WORDS = {"DateStyle": "ISO, MDY", "IntervalStyle": "postgres"}


class ObservedIndex(IndexRow):
    """An index as the catalog has it: the state it is in, and its definition, `spec`.

    `schema` and `table` are those of its table. `size` is in bytes, as of the last VACUUM,
    ANALYZE or build. `constraint_type` is "p" (primary key), "u" (unique), "x" (exclusion)
    or None. `parent_oid` is the partitioned index that it is attached to.
    """

    @cached_property
    def spec(self) -> IndexSpec:
        """The definition, made when first asked for: most readers want few of thousands."""
        columns, keys = self.dictionary.resolve(self)
        return IndexSpec(
            name=self.name,
            schema=self.schema,
            table=self.table,
            key_columns=keys,
            included_columns=columns[self.key_count :],
            access_method=self.access_method,
            unique=self.unique,
            nulls_not_distinct=self.nulls_not_distinct,
            predicate=self.predicate,
            storage_parameters=tuple(
                (name, value)
                for name, _, value in (option.partition("=") for option in self.reloptions or ())
            ),
            tablespace=self.tablespace,
        )

    def __repr__(self) -> str:
        return f"<ObservedIndex {self.spec!r}, {self.state}>"

    @property
    def usable(self) -> bool:
        """Valid, ready and live: queries may use it and writes maintain it."""
        return self.valid and self.ready and self.live

    @property
    def state(self) -> str:
        """The state in words, as messages and reports show it."""
        if self.usable:
            return "valid"
        if not self.live:
            return "INVALID, being dropped"
        if not self.ready:
            return "INVALID, not ready: neither maintained nor enforcing"
        if not self.valid:
            return "INVALID, ready: writes maintain it, no query uses it"
        return "INVALID"


def read_indexes(
    connection: Connection,
    *,
    schema: str | None = None,
    table: str | None = None,
    table_oids: Iterable[int] | None = None,
) -> tuple[ObservedIndex, ...]:
    """Every index of a table, of a schema, or (with neither) of all schemas but the system's.

    A table alone is looked up on the search path. Raises TableNotFoundError for a table that
    is not there, LockTimeoutError where a table stays locked for two seconds.
    https://www.postgresql.org/docs/current/catalog-pg-index.html
    """
    from sqlalchemy.exc import DBAPIError

    values: dict[str, object] = {}
    if table is not None:
        from alembic_index_ops.catalog.tables import read_table

        table_oids = [read_table(connection, table, schema).oid]
    if table_oids is not None:
        which = OF_TABLES
        values["tables"] = ",".join(map(str, table_oids))
    elif schema is not None:
        which = OF_SCHEMA
        values["schema"] = schema
    else:
        which = OF_ALL
    try:
        with settings(connection, lock_timeout=_READ_LOCK_TIMEOUT, **_WORDS):
            rows = read(connection, render_query(connection, which), **values)
    except DBAPIError as error:
        if sqlstate(error) == "55P03":
            raise LockTimeoutError(
                f"the indexes of {table or schema or 'the database'} cannot be read: a table was"
                f" locked ACCESS EXCLUSIVE for more than {_READ_LOCK_TIMEOUT}."
                " Try again when that lock is gone."
            ) from error
        raise
    return tuple(sorted(map(ObservedIndex._make, unpack(rows))))


def read_index_names(connection: Connection, table: Table) -> list[str]:
    """The names of a table's indexes, read without looking at any definition."""
    rows = read(
        connection,
        "SELECT c.relname FROM pg_catalog.pg_index i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = CAST(CAST(:table AS bigint) AS oid) ORDER BY 1",
        table=table.oid,
    )
    return [str(row[0]) for row in rows]
