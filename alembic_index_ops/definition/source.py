"""Spec -> the op.create_... call as source text, for migrations and for failure messages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from alembic_index_ops.definition.expressions import from_text
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName
from alembic_index_ops.definition.sql import qualified

_LINE = 88
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
    spec: IndexSpec, *, prefix: str = "op.", further: Mapping[str, object] | None = None
) -> str:
    """`op.create_desc_index("ix", "t", ["a", "b DESC"])`, over several lines where it is long.

    `further`: keyword arguments that say how to build, by their values.
    """
    arguments = [_text(spec.name), _text(spec.table), render_columns(spec.key_columns)]
    arguments += [f"{name}={value}" for name, value in keyword_sources(spec).items()]
    arguments += [f"{name}={_value(value)}" for name, value in (further or {}).items()]
    return _call(f"{prefix}{door(spec)}", arguments)


def render_drop_call(
    index_name: str, table_name: str, schema: str | None, *, prefix: str = "op."
) -> str:
    """`op.drop_concurrent_index("ix", "t")`."""
    arguments = [_text(index_name), _text(table_name)]
    if schema is not None:
        arguments.append(f"schema={_text(schema)}")
    return _call(f"{prefix}drop_concurrent_index", arguments)


def render_columns(columns: tuple[KeyColumn, ...]) -> str:
    """The list of columns as source: notation, key(...) or sa.text(...)."""
    return f"[{', '.join(render_column(column) for column in columns)}]"


def render_column(column: KeyColumn) -> str:
    """One column as source that reads back as the same KeyColumn."""
    if column.column is None:
        return f"sa.text({_text(_expression_sql(column))})"
    notation = column.operator_class is None and column.collation is None
    if notation and _NOTATION_NAME.fullmatch(column.column):
        return _text(column.column + _order(column))
    options = [_text(column.column)]
    if column.descending:
        options.append("desc=True")
    if column.nulls_first != column.descending:
        options.append(f"nulls_first={column.nulls_first}")
    if column.operator_class is not None:
        options.append(f"operator_class={_name(column.operator_class)}")
    if column.operator_class_parameters:
        options.append(f"operator_class_parameters={_mapping(column.operator_class_parameters)}")
    if column.collation is not None:
        options.append(f"collation={_name(column.collation)}")
    return f"key({', '.join(options)})"


def keyword_sources(spec: IndexSpec) -> dict[str, str]:
    """The keyword arguments that differ from their defaults, name -> source."""
    keywords: dict[str, str] = {}
    if spec.schema is not None:
        keywords["schema"] = _text(spec.schema)
    if spec.unique:
        keywords["unique"] = "True"
    if spec.included_columns:
        keywords["include"] = f"[{', '.join(map(_text, spec.included_columns))}]"
    if spec.access_method != "btree":
        keywords["using"] = _text(spec.access_method)
    if spec.predicate is not None:
        keywords["where"] = _text(spec.predicate)
    if spec.nulls_not_distinct:
        keywords["nulls_not_distinct"] = "True"
    if spec.storage_parameters:
        keywords["storage_parameters"] = _mapping(spec.storage_parameters)
    if spec.tablespace is not None:
        keywords["tablespace"] = _text(spec.tablespace)
    return keywords


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


def _call(function: str, arguments: list[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _LINE:
        return line
    body = "".join(f"    {argument},\n" for argument in arguments)
    return f"{function}(\n{body})"


def _value(value: object) -> str:
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _name(name: QualifiedName) -> str:
    if name.schema is None and QualifiedName.of(name.name) == name:
        return _text(name.name)
    return f"({_text(name.schema or 'pg_catalog')}, {_text(name.name)})"


def _mapping(pairs: tuple[tuple[str, str], ...]) -> str:
    return "{" + ", ".join(f"{_text(name)}: {_text(value)}" for name, value in pairs) + "}"
