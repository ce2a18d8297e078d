"""A query that some index has to serve: eq=, range=, order_by= -> QueryShape. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alembic_index_ops import ArgumentError, IndexSpec, KeyColumn, define_index, describe_key

WORDS = ("eq", "range", "order_by", "query_where", "index_only")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShape:
    """What a query asks of one table.

    `eq` and `range` are compared with values that only the execution knows, by = and by >= and <;
    `where` is SQL that is written into the query. `index_only` are the columns that it returns,
    where it is to read nothing but the index.
    """

    eq: tuple[KeyColumn, ...] = ()
    range: tuple[KeyColumn, ...] = ()
    order_by: tuple[KeyColumn, ...] = ()
    where: str | None = None
    index_only: tuple[str, ...] = ()


def parse_shape(table: str, keywords: Mapping[str, Any]) -> QueryShape:
    """The query that these arguments describe. Raises ArgumentError."""
    eq, ranges, order_by = (_keys(table, word, keywords) for word in WORDS[:3])
    for word, keys in (("eq", eq), ("range", ranges)):
        for key in keys:
            if key.ordered:
                raise ArgumentError(
                    f"{word}= takes no order, and {key.label} has one; DESC and NULLS belong in"
                    " order_by="
                )
    for key in (*eq, *ranges, *order_by):
        if key.operator_class is not None:
            raise ArgumentError(
                f"{key.label} has an operator class, which an index has and a query has not;"
                " leave it out"
            )
    if not (eq or ranges or order_by):
        raise ArgumentError("a query needs one of eq=, range= and order_by=; add it")
    where, returned = keywords.get("query_where"), _list("index_only", keywords)
    spec = define_index("query", table, ["query"], include=returned, where=where)
    return QueryShape(
        eq=eq,
        range=ranges,
        order_by=order_by,
        where=spec.predicate,
        index_only=spec.included_columns,
    )


def describe_shape(shape: QueryShape) -> str:
    """The query in SQL's words, from WHERE on."""
    values = iter(range(1, 1 + len(shape.eq) + 2 * len(shape.range)))
    conditions = [f"{describe_key(key)} = ${next(values)}" for key in shape.eq]
    for key in shape.range:
        words = describe_key(key)
        conditions.append(f"{words} >= ${next(values)} AND {words} < ${next(values)}")
    if shape.where is not None:
        conditions.append(f"({shape.where})" if conditions else shape.where)
    parts = [f"WHERE {' AND '.join(conditions)}"] if conditions else []
    if shape.order_by:
        parts.append(f"ORDER BY {', '.join(map(describe_key, shape.order_by))}")
    if shape.index_only:
        parts.append(f"(returning {', '.join(shape.index_only)}, from the index alone)")
    return " ".join(parts)


def propose(shape: QueryShape, name: str, table: str, schema: str | None) -> IndexSpec:
    """The btree that may serve the query: equalities, then the range, then the order."""
    keys: dict[str, KeyColumn] = {key.label: key for key in shape.eq}
    ordered = {key.label: key for key in shape.order_by}
    for key in shape.range:
        keys.setdefault(key.label, ordered.get(key.label, key))
    for key in shape.order_by:
        keys.setdefault(key.label, key)
    return IndexSpec(
        name=name,
        table=table,
        schema=schema,
        key_columns=tuple(keys.values()),
        included_columns=tuple(column for column in shape.index_only if column not in keys),
    )


def _keys(table: str, word: str, keywords: Mapping[str, Any]) -> tuple[KeyColumn, ...]:
    columns = _list(word, keywords)
    return define_index("query", table, columns).key_columns if columns else ()


def _list(word: str, keywords: Mapping[str, Any]) -> Sequence[Any]:
    value = keywords.get(word)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        shown = f'"{value}"' if isinstance(value, str) else "..."
        raise ArgumentError(f"{word}= is a list of columns; write {word}=[{shown}]")
    return value
