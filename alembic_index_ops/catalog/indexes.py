"""What the database has: one query for a whole schema; row -> ObservedIndex."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from alembic_index_ops.catalog.dictionary import Dictionary
from alembic_index_ops.catalog.session import read, settings, sqlstate
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import LockTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

    from alembic_index_ops.catalog.tables import Table

_READ_LOCK_TIMEOUT = "2s"

# One row per index, with columns, operator classes and collations by number; the first row
# carries the dictionary that names them, so that each name crosses the wire once. (Resolving
# them in SQL takes twice as long.) The server deparses, and so locks the table for a moment,
# only expressions and predicates.
_READ = """
WITH target AS (
  SELECT i.*, tc.relname AS table_name, n.nspname
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = tc.relnamespace
  WHERE {which}
)
SELECT
  i.indexrelid, ic.relname, i.nspname, i.indrelid, i.table_name, am.amname,
  i.indisunique, {nulls_not_distinct},
  i.indisvalid, i.indisready, i.indislive, i.indisreplident, i.indisclustered,
  ic.relkind = 'I', inh.inhparent, con.contype::text, con.conname,
  ic.reloptions, ts.spcname, d.description,
  ic.relpages::bigint * current_setting('block_size')::bigint,
  i.indnkeyatts, i.indkey::text, i.indoption::text, i.indclass::text, i.indcollation::text,
  CASE WHEN i.indexprs IS NOT NULL THEN ARRAY(
    SELECT CASE attnum WHEN 0 THEN pg_get_indexdef(i.indexrelid, n::int, false) END
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, n) ORDER BY n) END,
  CASE WHEN i.indpred IS NOT NULL THEN pg_get_expr(i.indpred, i.indrelid) END,
  {parameters},
  CASE WHEN row_number() OVER () = 1 THEN json_build_object(
    'columns', (SELECT json_object_agg(attrelid, columns) FROM (
      SELECT attrelid, json_build_array(
        json_agg(attname ORDER BY attnum),
        json_agg(atttypid ORDER BY attnum),
        json_agg(attcollation ORDER BY attnum)) AS columns
      FROM pg_catalog.pg_attribute
      WHERE attnum > 0 AND attrelid IN (SELECT indrelid FROM target) GROUP BY attrelid) a),
    'domains', (SELECT json_object_agg(oid, typbasetype) FROM pg_catalog.pg_type
      WHERE typtype = 'd'),
    'classes', (SELECT json_object_agg(
        o.oid, json_build_array(o.opcname, n.nspname, o.opcdefault, o.opcmethod, o.opcintype))
      FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace),
    'collations', (SELECT json_object_agg(c.oid, json_build_array(c.collname, n.nspname))
      FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
      WHERE c.oid IN (SELECT unnest(v.indcollation::oid[])
        FROM (SELECT DISTINCT indcollation FROM target) v))
  )::text END
FROM target i
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = ic.relam
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = ic.reltablespace
LEFT JOIN pg_catalog.pg_inherits inh ON inh.inhrelid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint con
  ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_description d
  ON d.objoid = i.indexrelid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
"""

# Parameters of operator classes: GiST, GIN and BRIN have such, btree and hash none.
_PARAMETERS = """CASE WHEN am.amname NOT IN ('btree', 'hash') THEN (
    SELECT json_object_agg(attnum, attoptions)::text FROM pg_catalog.pg_attribute
    WHERE attrelid = i.indexrelid AND attoptions IS NOT NULL) END"""

_OF_TABLES = "i.indrelid = ANY(CAST(string_to_array(:tables, ',') AS oid[]))"
_OF_SCHEMA = "n.nspname = :schema"
_OF_ALL = "NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"


class _Row(NamedTuple):
    """The query's columns, in its order; the last one is the dictionary, parsed."""

    oid: int
    name: str
    schema: str
    table_oid: int
    table: str
    access_method: str
    unique: bool
    nulls_not_distinct: bool
    valid: bool
    ready: bool
    live: bool
    replica_identity: bool
    clustered: bool
    partitioned: bool
    parent_oid: int | None
    constraint_type: str | None
    constraint_name: str | None
    reloptions: list[str] | None
    tablespace: str | None
    comment: str | None
    size: int
    key_count: int
    indkey: str
    indoption: str
    indclass: str
    indcollation: str
    expressions: list[str | None] | None
    predicate: str | None
    parameters: str | None
    dictionary: Dictionary


class ObservedIndex(_Row):
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
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    values: dict[str, object] = {}
    if table is not None:
        from alembic_index_ops.catalog.tables import read_table

        table_oids = [read_table(connection, table, schema).oid]
    if table_oids is not None:
        which = _OF_TABLES
        values["tables"] = ",".join(map(str, table_oids))
    elif schema is not None:
        which = _OF_SCHEMA
        values["schema"] = schema
    else:
        which = _OF_ALL
    try:
        with settings(connection, lock_timeout=_READ_LOCK_TIMEOUT):
            observed = _observe(connection.execute(text(_query(connection, which)), values))
    except DBAPIError as error:
        if sqlstate(error) == "55P03":
            raise LockTimeoutError(
                f"the indexes of {table or schema or 'the database'} cannot be read: a table was"
                f" locked ACCESS EXCLUSIVE for more than {_READ_LOCK_TIMEOUT}."
                " Try again when that lock is gone."
            ) from error
        raise
    return tuple(sorted(observed, key=attrgetter("schema", "table", "name")))


def _observe(result: CursorResult[Any]) -> list[ObservedIndex]:
    """The rows as values, some at a time: ten thousand rows alive make the collector run."""
    observed: list[ObservedIndex] = []
    dictionary = None
    for rows in result.partitions(500):
        if dictionary is None:
            dictionary = Dictionary(**json.loads(rows[0][-1]))
        observed += [ObservedIndex._make((*row[:-1], dictionary)) for row in rows]
    return observed


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


def _query(connection: Connection, which: str) -> str:
    version = connection.dialect.server_version_info or (14,)
    # indnullsnotdistinct is 15+.
    nulls_not_distinct = "i.indnullsnotdistinct" if version >= (15,) else "false"
    return _READ.format(which=which, nulls_not_distinct=nulls_not_distinct, parameters=_PARAMETERS)
