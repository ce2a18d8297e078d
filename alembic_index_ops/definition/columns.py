"""What users write for a column -> KeyColumn; what they write for an index -> IndexSpec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Union

from alembic_index_ops.definition.arguments import about, check_arguments
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName
from alembic_index_ops.errors import ArgumentError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, TextClause

ColumnArgument = Union[str, KeyColumn, "ColumnElement[object]", "TextClause"]
"""A column: notation such as "created_at DESC", `key(...)`, or a SQLAlchemy expression."""

SqlArgument = Union[str, "ColumnElement[bool]", "TextClause"]
"""A condition: SQL text, or a SQLAlchemy expression."""

_NAME = re.compile(r"[^\W\d][\w$]*")
_ORDER = re.compile(
    r"(?:\s+(?P<direction>ASC|DESC))?(?:\s+NULLS\s+(?P<nulls>FIRST|LAST))?\s*", re.IGNORECASE
)


def key(
    column: str,
    *,
    desc: bool = False,
    nulls_first: bool | None = None,
    operator_class: str | tuple[str, str] | None = None,
    operator_class_parameters: Mapping[str, object] | None = None,
    collation: str | tuple[str, str] | None = None,
) -> KeyColumn:
    """A key column by its literal name, with what the notation cannot say.

    `operator_class` and `collation` are names, "schema.name" or (schema, name).
    Raises ArgumentError for parameters without an operator class.
    """
    if not isinstance(column, str):
        raise ArgumentError(
            f"key() takes a column's name, not {type(column).__name__}; give the SQLAlchemy"
            " expression itself in the list of columns"
        )
    return KeyColumn(
        column,
        descending=desc,
        nulls_first=nulls_first,
        operator_class=QualifiedName.of(operator_class),
        operator_class_parameters=tuple((operator_class_parameters or {}).items()),  # type: ignore[arg-type]
        collation=QualifiedName.of(collation),
    )


def parse_notation(text: str) -> KeyColumn:
    """Read `name [ASC | DESC] [NULLS FIRST | NULLS LAST]`; the name's case is kept."""
    name = _NAME.match(text)
    order = _ORDER.fullmatch(text, name.end()) if name else None
    if name is None or order is None:
        raise ArgumentError(_notation_help(text))
    return with_order(KeyColumn(name.group()), order["direction"], order["nulls"])


def with_order(column: KeyColumn, direction: str | None, nulls: str | None) -> KeyColumn:
    """The same key in the order that the keywords name; None is PostgreSQL's default."""
    descending = (direction or "").upper() == "DESC"
    return KeyColumn(
        column.column,
        column.expression,
        descending=descending,
        nulls_first=None if nulls is None else nulls.upper() == "FIRST",
        operator_class=column.operator_class,
        operator_class_parameters=column.operator_class_parameters,
        collation=column.collation,
    )


def split_order(sql: str) -> tuple[str, str | None, str | None]:
    """SQL, and the ASC/DESC and NULLS FIRST/LAST at its end."""
    found = re.search(
        r"(?<=[\w\"')\]])(?:\s+(ASC|DESC))?(?:\s+NULLS\s+(FIRST|LAST))?\s*$", sql, re.IGNORECASE
    )
    if found is None or not (found[1] or found[2]):
        return sql, None, None
    return sql[: found.start()], found[1], found[2]


def to_key_column(column: ColumnArgument) -> KeyColumn:
    """Any form of a column -> KeyColumn. Raises ArgumentError for what is none of them."""
    if isinstance(column, KeyColumn):
        return column
    if isinstance(column, str):
        return parse_notation(column)
    from alembic_index_ops.definition.expressions import from_expression

    return from_expression(column)


def to_sql(condition: SqlArgument | None) -> str | None:
    """SQL text of a condition; text is taken as it is, ":" and "%" included."""
    if condition is None or isinstance(condition, str):
        return condition
    from alembic_index_ops.definition.expressions import compile_sql

    return compile_sql(condition)


def define_index(
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    *,
    schema: str | None = None,
    unique: bool = False,
    include: Sequence[str] = (),
    using: str = "btree",
    where: SqlArgument | None = None,
    nulls_not_distinct: bool = False,
    storage_parameters: Mapping[str, object] | None = None,
    tablespace: str | None = None,
) -> IndexSpec:
    """The index that these arguments, the same as the operations', describe.

    Raises ArgumentError, which names the index and the argument, for what no index can be.
    """
    for argument, value in (("index_name", index_name), ("table_name", table_name)):
        if not isinstance(value, str):
            raise ArgumentError(
                f"{argument} is {value!r}; give the name itself (naming conventions need a model)"
            )
    where_label = f'index "{index_name}" on "{table_name}"'
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        shown = columns if isinstance(columns, str) else "..."
        raise ArgumentError(f'{where_label}: columns is a list; write ["{shown}"]')
    check_arguments(
        where_label,
        include=include,
        unique=unique,
        using=using,
        nulls_not_distinct=nulls_not_distinct,
    )
    with about(where_label, index_name):
        return IndexSpec(
            # op.f("name") is a str that naming conventions leave alone; here a name is a name.
            name=str(index_name),
            table=str(table_name),
            schema=None if schema is None else str(schema),
            key_columns=tuple(to_key_column(column) for column in columns),
            included_columns=tuple(_included(name, where_label) for name in include),
            access_method=using.lower(),
            unique=unique,
            nulls_not_distinct=nulls_not_distinct,
            predicate=to_sql(where),
            storage_parameters=tuple((storage_parameters or {}).items()),  # type: ignore[arg-type]
            tablespace=tablespace,
        )


def _included(name: object, where_label: str) -> str:
    if isinstance(name, str):
        return str(name)
    found = getattr(name, "name", None)
    if isinstance(found, str):
        return found
    raise ArgumentError(f"{where_label}: include takes column names, not {name!r}")


def _source(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _notation_help(text: str) -> str:
    problem = f"{text!r} is neither a column name nor a column name with ASC, DESC, NULLS FIRST"
    body, direction, nulls = split_order(text.strip())
    options = "".join(
        [
            ", desc=True" if (direction or "").upper() == "DESC" else "",
            f", nulls_first={nulls.upper() == 'FIRST'}" if nulls else "",
        ]
    )
    call = re.fullmatch(r"(\w+)\(\s*([^\W\d][\w$]*)\s*\)", text.strip())
    if call:
        hint = f'for an expression, write sa.func.{call[1]}(sa.column("{call[2]}"))'
    elif re.search(r"[()|:+*/]", body):
        hint = f"for an expression, write sa.text({_source(text.strip())})"
    else:
        name = _source(body.strip('"').replace('""', '"'))
        hint = f"for a column of that name, write key({name}{options})"
    return f"{problem} or NULLS LAST; {hint}"
