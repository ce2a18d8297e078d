"""Spec -> the op.create_... call as source text, for migrations and for failure messages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from alembic_index_ops.definition.expressions import from_text
from alembic_index_ops.definition.layout import (
    BODY_WIDTH,
    Brackets,
    Source,
    call,
    lay_out,
    text_source,
    value_source,
)
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName
from alembic_index_ops.definition.sql import qualified

_NOTATION_NAME = re.compile(r"[^\W\d][\w$]*")
_PLAIN_CLASS = re.compile(r"(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*_ops")


def door(spec: IndexSpec) -> str:
    """The operation a spec is written with: DESC key, else INCLUDE, else concurrent."""
    if any(key.descending for key in spec.key_columns):
        return "create_desc_index"
    if spec.included_columns:
        return "create_covering_index"
    return "create_concurrent_index"


def render_create_call(
    spec: IndexSpec,
    *,
    prefix: str = "op.",
    further: Mapping[str, object] | None = None,
    door_name: str | None = None,
    sqlalchemy_prefix: str = "sa.",
    width: int = BODY_WIDTH,
) -> str:
    """`op.create_desc_index("ix", "t", ["a", "b DESC"])`, over several lines where it is long.

    `further`: keyword arguments that say how to build, by their values. `door_name`: another
    operation with the same arguments. `width`: the columns of a line.
    """
    function = f"{prefix}{door_name or door(spec)}"
    return lay_out(_create_call(function, spec, further or {}, sqlalchemy_prefix), width)


def render_drop_call(
    index_name: str,
    table_name: str,
    schema: str | None,
    *,
    prefix: str = "op.",
    width: int = BODY_WIDTH,
) -> str:
    """`op.drop_concurrent_index("ix", "t")`."""
    names = [index_name, table_name]
    return render_call(f"{prefix}drop_concurrent_index", names, {"schema": schema}, width=width)


def render_call(
    function: str,
    arguments: Sequence[object],
    further: Mapping[str, object | None],
    *,
    width: int = BODY_WIDTH,
) -> str:
    """Any other call; keyword arguments that are None are left out."""
    return lay_out(call(function, list(map(value_source, arguments)), _given(further)), width)


def render_call_of_many(
    function: str,
    specs: Sequence[IndexSpec],
    further: Mapping[str, object | None],
    *,
    sqlalchemy_prefix: str = "sa.",
    width: int = BODY_WIDTH,
) -> str:
    """`op.create_indexes([define_index(...), ...])`, one index a line."""
    each = tuple(_create_call("define_index", spec, {}, sqlalchemy_prefix) for spec in specs)
    return lay_out(call(function, [Brackets("[", each, "]", broken=True)], _given(further)), width)


def render_column(column: KeyColumn, *, sqlalchemy_prefix: str = "sa.") -> str:
    """One column as source that reads back as the same KeyColumn, on one line."""
    return lay_out(_column(column, sqlalchemy_prefix), sys.maxsize)


def names_used(specs: Iterable[IndexSpec]) -> frozenset[str]:
    """Which of "key" and "text" (SQLAlchemy's) the calls for these specs call."""
    columns = (column for spec in specs for column in spec.key_columns)
    return frozenset(
        "text" if column.column is None else "key" for column in columns if not _is_notation(column)
    )


def _create_call(
    function: str, spec: IndexSpec, further: Mapping[str, object], sqlalchemy_prefix: str
) -> Brackets:
    columns = tuple(_column(column, sqlalchemy_prefix) for column in spec.key_columns)
    return call(
        function,
        [text_source(spec.name), text_source(spec.table), Brackets("[", columns, "]")],
        _given(
            {
                "schema": spec.schema,
                "unique": spec.unique or None,
                "include": list(spec.included_columns) or None,
                "using": spec.access_method if spec.access_method != "btree" else None,
                "where": spec.predicate,
                "nulls_not_distinct": spec.nulls_not_distinct or None,
                "storage_parameters": dict(spec.storage_parameters) or None,
                "tablespace": spec.tablespace,
            }
        )
        | _given(further),
    )


def _given(keywords: Mapping[str, object | None]) -> dict[str, Source]:
    return {name: value_source(value) for name, value in keywords.items() if value is not None}


def _column(column: KeyColumn, sqlalchemy_prefix: str) -> Source:
    if column.column is None:
        return call(f"{sqlalchemy_prefix}text", [text_source(_expression_sql(column))], {})
    if _is_notation(column):
        return text_source(column.column + _order(column))
    options = {
        "desc": column.descending or None,
        "nulls_first": column.nulls_first if column.nulls_first != column.descending else None,
        "operator_class": _name(column.operator_class),
        "operator_class_parameters": dict(column.operator_class_parameters) or None,
        "collation": _name(column.collation),
    }
    return call("key", [text_source(column.column)], _given(options))


def _is_notation(column: KeyColumn) -> bool:
    """True for what the notation can say: a name that it can read, and an order."""
    return (
        column.column is not None
        and column.operator_class is None
        and column.collation is None
        and _NOTATION_NAME.fullmatch(column.column) is not None
    )


def _expression_sql(column: KeyColumn) -> str:
    sql = _key_sql(str(column.expression), column)
    if from_text(sql) != column:
        # The expression ends like a key (`a COLLATE "C"`), or is but a name: parentheses tell.
        sql = _key_sql(f"({column.expression})", column)
    # sa.text() reads ":name" as a bound value; "::" is left alone by it.
    return re.sub(r"(?<!:):(?!:)", r"\\:", sql)


def _key_sql(expression: str, column: KeyColumn) -> str:
    parts = [expression]
    if column.collation is not None:
        parts.append(f"COLLATE {qualified(column.collation.name, column.collation.schema)}")
    if column.operator_class is not None:
        name = column.operator_class
        plain = _PLAIN_CLASS.fullmatch(str(name))
        parts.append(str(name) if plain else qualified(name.name, name.schema))
    if column.operator_class_parameters:
        pairs = ", ".join(f"{name}={value}" for name, value in column.operator_class_parameters)
        parts.append(f"({pairs})")
    return " ".join(parts) + _order(column)


def _order(column: KeyColumn) -> str:
    order = " DESC" if column.descending else ""
    if column.nulls_first != column.descending:
        order += " NULLS FIRST" if column.nulls_first else " NULLS LAST"
    return order


def _name(name: QualifiedName | None) -> str | tuple[str, str] | None:
    """An operator class or a collation as `key()` takes it."""
    if name is None:
        return None
    if name.schema is None and QualifiedName.of(name.name) == name:
        return name.name
    return (name.schema or "pg_catalog", name.name)
