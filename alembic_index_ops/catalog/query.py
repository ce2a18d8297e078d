"""The one query behind `read_indexes`, and what its rows hold.

With ten thousand indexes it is the number of fields and joins that takes the time, so a row has
few: a name that many rows share crosses the wire once, and facts of which there are few kinds
come packed in one text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from alembic_index_ops.catalog.dictionary import Dictionary, UnreadDictionary

if TYPE_CHECKING:
    from sqlalchemy import Connection

# One of the rows carries the names: a line of those that every index needs, and the dictionary,
# which only definitions need. (A window function that marks the first row would store them all.)
# The server deparses, and so locks the table for a moment, only expressions and predicates.
# 403 and 405 are btree and hash, whose operator classes have no parameters.
_READ = """
WITH target AS (
  SELECT t.oid, t.relname, n.nspname
  FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  -- Not t.relhasindex: VACUUM and ANALYZE clear it where no index is ready.
  WHERE EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = t.oid) AND {which}
)
SELECT
  i.indrelid, ic.relname, i.indexrelid, inh.inhparent, con.conname, ic.reloptions, d.description,
  ic.relpages * (SELECT current_setting('block_size')::bigint),
  CASE WHEN i.indexprs IS NOT NULL THEN ARRAY(
    SELECT CASE attnum WHEN 0 THEN pg_get_indexdef(i.indexrelid, n::int, false) END
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, n) ORDER BY n) END,
  CASE WHEN i.indexprs IS NOT NULL AND ic.relam = 403 THEN ARRAY(
    SELECT atttypid::text FROM pg_catalog.pg_attribute
    WHERE attrelid = i.indexrelid ORDER BY attnum) END,
  CASE WHEN i.indpred IS NOT NULL THEN pg_get_expr(i.indpred, i.indrelid) END,
  CASE WHEN ic.relam NOT IN (403, 405) THEN (
    SELECT json_object_agg(attnum, attoptions)::text FROM pg_catalog.pg_attribute
    WHERE attrelid = i.indexrelid AND attoptions IS NOT NULL) END,
  concat_ws(',',
    concat(i.indisunique, {nulls_not_distinct}, i.indisvalid, i.indisready, i.indislive,
      i.indisreplident, i.indisclustered, ic.relkind = 'I', con.contype),
    ic.relam, ic.reltablespace, i.indnkeyatts, i.indkey, i.indoption, i.indclass, i.indcollation),
  CASE WHEN i.indexrelid = (
    SELECT f.indexrelid FROM target JOIN pg_catalog.pg_index f ON f.indrelid = target.oid LIMIT 1
  ) THEN concat_ws(chr(10), json_build_object(
    'tables', (SELECT json_object_agg(oid, json_build_array(nspname, relname)) FROM target),
    'methods', (SELECT json_object_agg(oid, amname) FROM pg_catalog.pg_am),
    'tablespaces', (SELECT json_object_agg(oid, spcname) FROM pg_catalog.pg_tablespace)
  ), json_build_object(
    'columns', (SELECT json_object_agg(oid, (
      SELECT json_build_array(
        json_agg(attname ORDER BY attnum),
        json_agg(atttypid ORDER BY attnum),
        json_agg(attcollation ORDER BY attnum))
      FROM pg_catalog.pg_attribute WHERE attrelid = target.oid AND attnum > 0)) FROM target),
    'domains', (SELECT json_object_agg(oid, typbasetype) FROM pg_catalog.pg_type
      WHERE typtype = 'd'),
    'classes', (SELECT json_object_agg(
        o.oid, json_build_array(o.opcname, n.nspname, o.opcdefault, o.opcmethod, o.opcintype))
      FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace),
    'collations', (SELECT json_object_agg(c.oid, json_build_array(c.collname, n.nspname))
      FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
      WHERE c.oid IN (SELECT unnest(v.indcollation::oid[]) FROM (
        SELECT DISTINCT k.indcollation
        FROM pg_catalog.pg_index k JOIN target ON target.oid = k.indrelid) v))
  )) END
FROM target t
JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_inherits inh ON inh.inhrelid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint con
  ON con.conrelid = t.oid AND con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_description d
  ON d.objoid = i.indexrelid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
"""

OF_TABLES = "t.oid = ANY(CAST(string_to_array(:tables, ',') AS oid[]))"
OF_SCHEMA = "n.nspname = :schema"
OF_ALL = "NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"


class IndexRow(NamedTuple):
    """What is read of an index, in the query's order; from `unique` on, what was packed.

    Rows sort by schema, table and name, which no two share.
    """

    schema: str
    table: str
    table_oid: int
    name: str
    oid: int
    parent_oid: int | None
    constraint_name: str | None
    reloptions: list[str] | None
    comment: str | None
    size: int
    expressions: list[str | None] | None
    expression_types: list[str] | None
    predicate: str | None
    parameters: str | None
    unique: bool
    nulls_not_distinct: bool
    valid: bool
    ready: bool
    live: bool
    replica_identity: bool
    clustered: bool
    partitioned: bool
    constraint_type: str | None
    access_method: str
    tablespace: str | None
    key_count: int
    indkey: str
    indoption: str
    indclass: str
    indcollation: str
    dictionary: Dictionary | UnreadDictionary


def render_query(connection: Connection, which: str) -> str:
    """The query for the indexes of one of OF_TABLES, OF_SCHEMA, OF_ALL."""
    version = connection.dialect.server_version_info or (14,)
    # indnullsnotdistinct is 15+.
    nulls_not_distinct = "i.indnullsnotdistinct" if version >= (15,) else "false"
    return _READ.format(which=which, nulls_not_distinct=nulls_not_distinct)


def unpack(rows: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The query's rows with every fact in its place, as IndexRow has them."""
    if not rows:
        return
    line, _, rest = next(row[-1] for row in rows if row[-1]).partition("\n")
    names = json.loads(line)
    methods, tablespaces = names["methods"], names["tablespaces"]
    tables = {int(oid): (*name, int(oid)) for oid, name in names["tables"].items()}
    dictionary = UnreadDictionary(rest)

    @cache
    def facts(packed: str) -> tuple[object, ...]:
        flags, method, tablespace, key_count, *vectors = packed.split(",")
        states = [flag == "t" for flag in flags[:8]]
        named = flags[8:] or None, methods[method], tablespaces.get(tablespace)
        return (*states, *named, int(key_count), *vectors, dictionary)

    for row in rows:
        yield tables[row[0]] + row[1:-2] + facts(row[-2])
