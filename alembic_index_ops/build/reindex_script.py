"""Rebuilding indexes as a script, which may be run again. Pure text.

The script cannot name the INVALID indexes that it will meet, and REINDEX of a table or a schema
leaves them out: what is to be done about each is told before anything is rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

from alembic_index_ops.build.script_parts import Script
from alembic_index_ops.build.script_templates import FINGERPRINT
from alembic_index_ops.definition.spec import digest
from alembic_index_ops.definition.sql import dollar, literal, qualified, quote

# Of the tables that are asked for: their indexes, and of each INVALID one what it is a copy of, if
# it is one, under the name that REINDEX gives it (at most 63 bytes).
_TARGETS = f"""targets AS (
    SELECT i.*, c.relname::text, n.nspname,
      regexp_match(c.relname::text, '^(.+)(_cc(?:new|old)\\d*)$') AS parts
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
    WHERE c.relkind = 'i' AND {{on_tables}}
  ), broken AS (
    SELECT x.indexrelid, x.nspname, x.relname, (
      SELECT b.indexrelid FROM pg_index b JOIN pg_class bc ON bc.oid = b.indexrelid
      WHERE b.indrelid = x.indrelid AND b.indexrelid <> x.indexrelid
        AND CASE WHEN octet_length(bc.relname::text) + octet_length(x.parts[2]) > 63
          THEN starts_with(bc.relname::text, x.parts[1]) ELSE bc.relname = x.parts[1] END
        AND {FINGERPRINT.format(index="b.indexrelid")}
          = {FINGERPRINT.format(index="x.indexrelid")}
      LIMIT 1) AS original
    FROM targets x WHERE NOT (x.indisvalid AND x.indisready AND x.indislive)
  )"""

_LISTED = """string_agg(format('%I.%I', nspname, relname), ', ' ORDER BY nspname, relname),
    string_agg(format(CASE WHEN original IS NULL THEN 'REINDEX' ELSE 'DROP' END
      || ' INDEX CONCURRENTLY %I.%I;', nspname, relname), ' ' ORDER BY nspname, relname)"""

_GUARD = """DECLARE
  broken text;
  remedy text;
BEGIN
  IF current_setting('server_version_num')::int BETWEEN 140000 AND 140003 THEN
    RAISE EXCEPTION 'REINDEX CONCURRENTLY on PostgreSQL % can leave a corrupt index',
      current_setting('server_version') USING HINT = 'Update the server first (fixed in 14.4).';
  END IF;
  IF {found} IS NULL THEN
    RAISE EXCEPTION '% does not exist; nothing was changed', {label};
  END IF;
  WITH {targets}
  SELECT {listed} INTO broken, remedy FROM broken WHERE {left_out};
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'INVALID indexes that this REINDEX would leave so: %', broken
      USING HINT = format('Run %s Then run this script again. (Wait for what is being built.)',
        remedy);
  END IF;
  PERFORM set_config({memory}, (WITH {targets}
    SELECT coalesce(array_agg(indexrelid), '{{}}')::text FROM targets
    WHERE {asked_for} AND NOT EXISTS (
      SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'x')), false);
END"""

# Each rebuilt index has another OID.
_CHECK = """DECLARE
  before oid[] := nullif(current_setting({memory}, true), '');
  broken text;
  remedy text;
BEGIN
  IF before IS NULL OR EXISTS (SELECT FROM pg_index WHERE indexrelid = ANY (before)) THEN
    RAISE EXCEPTION '% was not reindexed: the revision is not stamped', {label}
      USING HINT = 'See the errors above, then run this script again.';
  END IF;
  WITH {targets}
  SELECT {listed} INTO broken, remedy FROM broken WHERE {concerned};
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'INVALID indexes are left, the revision is not stamped: %', broken
      USING HINT = format('Run %s Then run this script again.', remedy);
  END IF;
END"""


@dataclass(frozen=True, slots=True)
class _What:
    """What is rebuilt: `found` is its OID, `on_tables` the condition on its tables, and of their
    indexes `asked_for` those that are rebuilt, `left_out` INVALID ones that are not, `concerned`
    INVALID ones that may not be there at the end; all as SQL."""

    statement: str
    label: str
    found: str
    on_tables: str
    asked_for: str = "true"
    left_out: str = "true"
    concerned: str = "true"


def render_reindex_script(
    index_name: str | None, table_name: str | None, schema: str | None
) -> Script:
    """Guard, REINDEX, and the check that every index is rebuilt and none INVALID."""
    what = _what(index_name, table_name, schema)
    words = {
        "found": what.found,
        "label": literal(what.label),
        "targets": _TARGETS.format(on_tables=what.on_tables),
        "listed": _LISTED,
        "asked_for": what.asked_for,
        "left_out": what.left_out,
        "concerned": what.concerned,
        "memory": literal(f"alembic_index_ops.d{digest(what.statement)}"),
    }
    guard, check = (f"DO {dollar(template.format(**words))}" for template in (_GUARD, _CHECK))
    return Script((guard, what.statement), (), check)


def _what(index_name: str | None, table_name: str | None, schema: str | None) -> _What:
    if index_name is not None:
        name = qualified(index_name, schema)
        index = f"to_regclass({literal(name)})"
        # Its parts, where it is a partitioned table's: REINDEX rebuilds those.
        these = f"(SELECT relid FROM pg_partition_tree({index}) UNION SELECT {index})"
        # The index itself, and what REINDEX left of it.
        return _What(
            f"REINDEX INDEX CONCURRENTLY {name}",
            f"index {name}",
            index,
            f"i.indrelid IN (SELECT indrelid FROM pg_index WHERE indexrelid IN {these})",
            f"indexrelid IN {these}",
            f"original IN {these}",
            f"(indexrelid IN {these} OR original IN {these})",
        )
    if table_name is not None:
        name = qualified(table_name, schema)
        table = f"to_regclass({literal(name)})"
        return _What(
            f"REINDEX TABLE CONCURRENTLY {name}",
            f"table {name}",
            table,
            f"t.oid IN (SELECT relid FROM pg_partition_tree({table}) UNION SELECT {table})",
        )
    name = quote(str(schema))
    return _What(
        f"REINDEX SCHEMA CONCURRENTLY {name}",
        f"schema {name}",
        f"to_regnamespace({literal(name)})",
        f"t.relnamespace = to_regnamespace({literal(name)}) AND t.relkind IN ('r', 'm')",
    )
