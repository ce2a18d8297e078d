"""SQLAlchemy expressions -> KeyColumn and SQL text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alembic_index_ops.definition.columns import parse_notation, split_order, with_order
from alembic_index_ops.definition.spec import KeyColumn, QualifiedName
from alembic_index_ops.errors import ArgumentError

_QUOTED = r'"(?:[^"]|"")+"'
_NAME = re.compile(rf"{_QUOTED}|[^\W\d][\w$]*")
_COLLATE = re.compile(
    rf"(?P<key>.+?)\s+COLLATE\s+(?P<name>(?:(?:{_NAME.pattern})\.)?(?:{_NAME.pattern}))",
    re.DOTALL | re.IGNORECASE,
)
# Every operator class that PostgreSQL ships, and by custom those of extensions, ends in _ops.
# One in quotes can have any name: behind a closed parenthesis or quote it can be nothing else.
_OPERATOR_CLASS = re.compile(
    r"(?P<key>.+?)\s+"
    rf"(?P<name>(?:\w+\.)?\w+_ops|(?<=[)\"]\s)(?:{_QUOTED}\.)?{_QUOTED})"
    r"\s*(?:\((?P<parameters>[^()]*)\))?",
    re.DOTALL,
)


def from_expression(expression: object) -> KeyColumn:
    """A column, `desc()`, `nulls_last()`, `collate()`, function or `text()` -> KeyColumn.

    Raises ArgumentError for what is no SQLAlchemy expression.
    """
    from sqlalchemy import TextClause
    from sqlalchemy.sql import elements, operators

    from alembic_index_ops.definition.clauses import KeyClause

    target, modifiers, collation = unwrap(expression)
    descending = operators.desc_op in modifiers
    nulls_first = (
        True
        if operators.nulls_first_op in modifiers
        else False
        if operators.nulls_last_op in modifiers
        else None
    )
    if isinstance(target, KeyClause):
        column = target.key_column
    elif isinstance(target, TextClause):
        column = from_text(compile_sql(target))
    elif isinstance(target, elements._textual_label_reference):  # sa.desc("name")
        column = parse_notation(target.element)
    elif isinstance(target, elements.ColumnClause):
        name = str(target.name)
        column = from_text(name) if target.is_literal else KeyColumn(name)
    elif isinstance(target, elements.ColumnElement):
        column = KeyColumn(expression=compile_sql(target))
    else:
        raise ArgumentError(
            f"{expression!r} is no column: give a name, key(...) or a SQLAlchemy expression"
        )
    if modifiers:
        descending = descending or (column.descending and operators.asc_op not in modifiers)
        if nulls_first is None and column.nulls_first != column.descending:
            nulls_first = column.nulls_first
        column = replace(column, descending=descending, nulls_first=nulls_first)
    return column if collation is None else replace(column, collation=collation)


def unwrap(expression: object) -> tuple[Any, list[object], QualifiedName | None]:
    """What a key's expression is of, its modifiers (operators such as `desc_op`), its collation."""
    from sqlalchemy.sql import elements, operators

    target: Any = expression
    if hasattr(target, "__clause_element__"):
        target = target.__clause_element__()
    modifiers: list[object] = []
    while True:
        if isinstance(target, elements.UnaryExpression) and target.modifier is not None:
            modifiers.append(target.modifier)
            target = target.element
        elif isinstance(target, elements.Label | elements.Grouping):
            target = target.element
        else:
            break
    if (
        isinstance(target, elements.BinaryExpression)
        and target.operator is operators.collate
        and isinstance(target.right, elements.CollationClause)
    ):
        return target.left, modifiers, _collation_name(target.right.collation)
    return target, modifiers, None


def from_text(sql: str) -> KeyColumn:
    """The SQL of one key, as `sa.text()` holds it; a bare name folds to lower case as in SQL."""
    body, direction, nulls = split_order(sql.strip())
    operator_class = parameters = None
    found = _OPERATOR_CLASS.fullmatch(body)
    if found:
        body, parameters = found["key"], found["parameters"]
        operator_class = _read_name(found["name"])
    collation = None
    found = _COLLATE.fullmatch(body)
    if found:
        body, collation = found["key"], _read_name(found["name"])
    if _NAME.fullmatch(body):
        column = KeyColumn(_read_name(body).name)
    else:
        column = KeyColumn(expression=body)
    return with_order(
        replace(
            column,
            operator_class=operator_class,
            operator_class_parameters=tuple(read_parameters(parameters or "")),
            collation=collation,
        ),
        direction,
        nulls,
    )


def compile_sql(expression: object) -> str:
    """SQL of a SQLAlchemy expression: PostgreSQL's, values inline, columns without table."""
    from sqlalchemy import BindParameter, TextClause
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.exc import CompileError
    from sqlalchemy.sql import visitors

    element: Any = expression
    if hasattr(element, "__clause_element__"):
        element = element.__clause_element__()
    if not hasattr(element, "compile"):
        raise ArgumentError(f"{expression!r} is neither SQL text nor a SQLAlchemy expression")
    if isinstance(element, TextClause) and all(
        value.required for value in element._bindparams.values()
    ):
        # No value was ever bound, and an index can have none: ":name" is SQL, as in a string.
        return re.sub(r"\\:(?!:)", ":", element.text)
    for value in visitors.iterate(element):
        if isinstance(value, BindParameter) and value.required:
            raise ArgumentError(
                f'":{value.key}" in {element} is a bound value without a value; an index holds'
                " values, so write it into the expression, or the whole as text"
            )
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    # SQLAlchemy 2.0 doubles backslashes until it has asked a server, which since 9.1 says no.
    dialect._backslash_escapes = False
    try:
        compiled = element.compile(
            dialect=dialect,
            compile_kwargs={"literal_binds": True, "include_table": False},
        )
    except CompileError as error:
        raise ArgumentError(
            f"the values in {element} cannot be written into SQL: {error}; write the SQL as text"
        ) from None
    return str(compiled)


def _collation_name(text: str) -> QualifiedName | None:
    return QualifiedName.of(text.strip('"'))


def _read_name(sql: str) -> QualifiedName:
    """A name as SQL writes it, with or without its schema; unquoted ones fold to lower case."""
    names = [
        name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
        for name in _NAME.findall(sql)
    ]
    return QualifiedName(names[-1], names[0] if len(names) > 1 else None)


def read_parameters(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip(), value.strip().strip("'")
