"""The indexes that a statement is asked to use: which there are, and how plans name them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pytest_index_assert.errors import RequirementError
from pytest_index_assert.plans import Node

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A part of a partitioned index has a name of its own.
_INDEXES = """
SELECT n.nspname, c.relname, pg_get_expr(i.indpred, i.indrelid), i.indisvalid AND i.indisready,
  pg_table_is_visible(c.oid),
  (SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_am m ON m.oid = c.relam
   WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND m.amname = 'btree'),
  (SELECT json_agg(json_build_array(s.nspname, p.relname)) FROM pg_catalog.pg_class p
   JOIN pg_catalog.pg_namespace s ON s.oid = p.relnamespace
   WHERE p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid))),
  (SELECT json_agg(json_build_array(s.nspname, t.relname)) FROM pg_catalog.pg_class t
   JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
   WHERE t.oid = i.indrelid OR t.oid IN (SELECT relid FROM pg_partition_tree(i.indrelid)))
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'
"""

_STRINGS = re.compile("'(?:[^']|'')*'")

Place = tuple[str, str]
"""A schema and a name."""


@dataclass(frozen=True, slots=True)
class UsedIndex:
    """An index: its predicate, and the names that it and its table have in plans.

    `first`: the column that a btree begins with; None for an expression.
    """

    schema: str
    name: str
    predicate: str | None
    usable: bool
    visible: bool
    first: str | None
    parts: frozenset[Place]
    tables: frozenset[Place]

    def __str__(self) -> str:
        where = f" (of the rows WHERE {self.predicate})" if self.predicate else ""
        return f'"{self.name}"{where}'

    def is_searched(self, scan: Node) -> bool:
        """Whether the scan begins somewhere in the index: its first column has a condition."""
        condition = _STRINGS.sub("", scan.get("Index Cond", ""))
        if self.first is None or not condition:
            return bool(condition)
        quoted = '"' + self.first.replace('"', '""') + '"'
        named = rf'(?<![\w"]){re.escape(self.first)}(?![\w"])|{re.escape(quoted)}'
        return re.search(named, condition) is not None


def name_of(item: Any) -> str:
    """An index's name, with its schema where one is known: of text, a model's Index, an IndexSpec.

    Raises RequirementError for anything else.
    """
    name = item if isinstance(item, str) else getattr(item, "name", None)
    if not isinstance(name, str) or not name:
        raise RequirementError(
            f"assert_query_uses: index= is a name, a model's index, or a list of them, not {item!r}"
        )
    schema = None
    if not isinstance(item, str):
        schema = getattr(item, "schema", None) or getattr(
            getattr(item, "table", None), "schema", None
        )
    return f"{schema}.{name}" if schema else name


def read_used(connection: Connection) -> list[UsedIndex]:
    """All indexes of the database."""
    return [
        UsedIndex(
            str(schema),
            str(name),
            predicate,
            bool(usable),
            bool(visible),
            first,
            frozenset(map(tuple, parts)),
            frozenset(map(tuple, tables)),
        )
        for schema, name, predicate, usable, visible, first, parts, tables in (
            connection.exec_driver_sql(_INDEXES).all()
        )
    ]


def find_used(name: str, known: Sequence[UsedIndex]) -> tuple[UsedIndex | None, list[str]]:
    """The index, or the lines that say why there is none: by its name, or schema.name.

    A name that several schemas have is that of the search path.
    """
    found = [index for index in known if name in (index.name, f"{index.schema}.{index.name}")]
    if len(found) > 1:
        found = [index for index in found if index.visible] or found
    if not found:
        return None, [f'there is no index "{name}"{_hint(name, known)}']
    if len(found) > 1:
        places = " or ".join(sorted(f'index="{index.schema}.{index.name}"' for index in found))
        return None, [f'there are several indexes "{name}"; write {places}']
    return (found[0], []) if found[0].usable else (None, list(_invalid(found[0])))


def _hint(name: str, known: Iterable[UsedIndex]) -> str:
    near = get_close_matches(name, [index.name for index in known], 3)
    return f"; there is {', '.join(near)}" if near else ""


def _invalid(index: UsedIndex) -> Iterator[str]:
    yield f'index "{index.name}" is INVALID: no plan uses it'
    parts = (() if index.visible else (index.schema,)) + (index.name,)
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    yield f"  to make it valid: REINDEX INDEX CONCURRENTLY {quoted};"
