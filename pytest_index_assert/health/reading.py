"""Reads the `Schema` that the checks look at; nothing else here touches a database."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops import Implication, ObservedIndex, Table, prove_implications, read_indexes
from pytest_index_assert.health.foreign_keys import doubtful
from pytest_index_assert.health.schema import (
    Column,
    ForeignKey,
    ForeignKeyColumn,
    Relation,
    Schema,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Neither the system's nor a session's own, nor what an extension brought along.
_OURS = """
  NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
      AND d.classid = 'pg_catalog.pg_class'::regclass)
"""

_RELATIONS = f"""
WITH RECURSIVE base AS (
  SELECT oid, oid AS below FROM pg_catalog.pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT base.oid, t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.below
  WHERE t.typtype = 'd'
)
SELECT c.oid, n.nspname, c.relname, c.relkind::text,
  (SELECT i.inhparent FROM pg_catalog.pg_inherits i
   WHERE i.inhrelid = c.oid AND c.relispartition AND NOT i.inhdetachpending),
  (SELECT json_agg(json_build_array(a.attname, t.typname, t.typcategory = 'A', a.attnotnull)
     ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a
   LEFT JOIN base ON base.oid = a.atttypid AND NOT EXISTS (
     SELECT FROM pg_catalog.pg_type d WHERE d.oid = base.below AND d.typtype = 'd')
   JOIN pg_catalog.pg_type t ON t.oid = coalesce(base.below, a.atttypid)
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND {_OURS}
ORDER BY n.nspname, c.relname
"""

# The look-up that a foreign key makes is `column = value`, the operator turned round, by the
# column's collation; by that of the referenced column where bytes do not decide what is equal.
_FOREIGN_KEYS = f"""
SELECT k.oid, k.conname, k.conrelid, r.nspname, r.relname, (
  SELECT json_agg(json_build_array(
      a.attname, o.oid, CASE
        WHEN p.attcollation <> a.attcollation AND NOT (
          SELECT x.collisdeterministic FROM pg_catalog.pg_collation x WHERE x.oid = p.attcollation)
        THEN p.attcollation ELSE a.attcollation END,
      NOT (u.n = cardinality(k.conkey)
        AND coalesce(CAST(to_jsonb(k) ->> 'conperiod' AS boolean), false)),
      o.oprleft = a.atttypid OR l.typtype = 'p' OR t.typtype = 'd' OR EXISTS (
        SELECT FROM pg_catalog.pg_cast x WHERE x.castsource = a.atttypid
          AND x.casttarget = o.oprleft AND x.castmethod = 'b')
    ) ORDER BY u.n)
  FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY u(own, other, operator, n)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
  JOIN pg_catalog.pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = u.other
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_operator q ON q.oid = u.operator
  JOIN pg_catalog.pg_operator o ON o.oid = CASE q.oprcom WHEN 0 THEN q.oid ELSE q.oprcom END
  JOIN pg_catalog.pg_type l ON l.oid = o.oprleft
)::text
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN (SELECT rc.oid, rn.nspname, rc.relname FROM pg_catalog.pg_class rc
      JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace) r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND {_OURS}
ORDER BY n.nspname, c.relname, k.conname
"""

_SEARCHES = """
SELECT o.oid, m.amopopr FROM pg_catalog.pg_amop m
JOIN pg_catalog.pg_opclass o ON o.opcfamily = m.amopfamily
WHERE m.amoppurpose = 's' AND m.amopopr = ANY(CAST(string_to_array(:operators, ',') AS oid[]))
"""

_FACTS = """
SELECT current_schema()::text,
  (SELECT json_agg(DISTINCT conindid) FROM pg_catalog.pg_constraint WHERE contype = 'f')::text,
  (SELECT json_agg(indexrelid) FROM pg_catalog.pg_index
   WHERE indisunique AND NOT indimmediate)::text
"""


def read_schema(connection: Connection) -> Schema:
    """Tables, indexes and foreign keys of all schemas but the system's.

    Whether a partial index serves a foreign key is asked of the planner, on clones that are
    rolled back.
    """
    relations = tuple(
        Relation(oid, schema, name, kind, parent, _table_columns(columns))
        for oid, schema, name, kind, parent, columns in _rows(connection, _RELATIONS)
    )
    known = {relation.oid for relation in relations}
    default_schema, referenced, deferrable = _rows(connection, _FACTS)[0]
    foreign_keys = tuple(
        ForeignKey(oid, name, table_oid, f'"{schema}"."{table}"', _columns(columns))
        for oid, name, table_oid, schema, table, columns in _rows(connection, _FOREIGN_KEYS)
    )
    operators = {column.operator for key in foreign_keys for column in key.columns}
    searches = _rows(connection, _SEARCHES, operators=",".join(map(str, operators)))
    schema = Schema(
        default_schema=default_schema,
        relations=relations,
        indexes=tuple(index for index in read_indexes(connection) if index.table_oid in known),
        foreign_keys=foreign_keys,
        referenced=_oids(referenced),
        deferrable=_oids(deferrable),
        searches=frozenset((operator_class, operator) for operator_class, operator in searches),
    )
    return replace(schema, implied=_implied(connection, schema))


def _implied(connection: Connection, schema: Schema) -> frozenset[tuple[int, int]]:
    """What the planner proves of partial indexes: a look-up finds no row whose key is NULL."""
    pairs: list[tuple[ForeignKey, ObservedIndex]] = list(doubtful(schema))
    asked = []
    for foreign_key, index in pairs:
        relation = schema.relation[index.table_oid]
        table = Table(relation.oid, relation.schema, relation.name, relation.kind)
        found = (column.name.replace('"', '""') for column in foreign_key.columns)
        asked.append(
            Implication(
                table, " AND ".join(f'"{name}" IS NOT NULL' for name in found), index.predicate
            )
        )
    answers = prove_implications(connection, asked) if asked else ()
    # What the server cannot say counts for the index: a doubt is no finding.
    return frozenset(
        (foreign_key.oid, index.oid)
        for (foreign_key, index), answer in zip(pairs, answers, strict=True)
        if answer is not False
    )


def _table_columns(text: str | None) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in json.loads(text or "[]"))


def _columns(text: str) -> tuple[ForeignKeyColumn, ...]:
    return tuple(
        ForeignKeyColumn(name, int(operator), int(collation), equality, castless)
        for name, operator, collation, equality, castless in json.loads(text)
    )


def _oids(text: str | None) -> frozenset[int]:
    return frozenset(map(int, json.loads(text or "[]")))


def _rows(connection: Connection, query: str, **values: object) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    return [tuple(row) for row in connection.execute(text(query), values)]
