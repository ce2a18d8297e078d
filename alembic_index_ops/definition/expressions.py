"""SQLAlchemy expressions and indexes -> KeyColumn, SQL text and IndexSpec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops.definition.columns import parse_notation, split_order, to_sql, with_order
from alembic_index_ops.definition.spec import (
    IndexSpec,
    KeyColumn,
    QualifiedName,
)
from alembic_index_ops.errors import ArgumentError

if TYPE_CHECKING:
    from sqlalchemy import Index

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

    target = expression
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
    descending = operators.desc_op in modifiers
    nulls_first = (
        True
        if operators.nulls_first_op in modifiers
        else False
        if operators.nulls_last_op in modifiers
        else None
    )
    collation = None
    if (
        isinstance(target, elements.BinaryExpression)
        and target.operator is operators.collate
        and isinstance(target.right, elements.CollationClause)
    ):
        collation = _collation_name(target.right.collation)
        target = target.left
    if isinstance(target, TextClause):
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
            operator_class_parameters=tuple(_read_parameters(parameters or "")),
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


def from_index(index: Index) -> IndexSpec:
    """A `sqlalchemy.Index` on a table -> IndexSpec; how to build it (CONCURRENTLY) is left out.

    Keeps what SQLAlchemy's own DDL loses: the operator class of a DESC key.
    Raises ArgumentError for an index without name or table.
    """
    if index.table is None or not index.name:
        raise ArgumentError(f"{index!r} has no table or no name; attach it to a Table first")
    options: Mapping[str, Any] = index.dialect_options["postgresql"]
    operator_classes: Mapping[str, str] = options["ops"] or {}
    include = options["include"] or ()
    return IndexSpec(
        name=str(index.name),
        table=str(index.table.name),
        schema=index.table.schema,
        key_columns=tuple(
            _index_key(expression, operator_classes) for expression in index.expressions
        ),
        included_columns=tuple(
            name if isinstance(name, str) else str(name.name) for name in include
        ),
        access_method=(options["using"] or "btree").lower(),
        unique=bool(index.unique),
        nulls_not_distinct=bool(options["nulls_not_distinct"]),
        predicate=to_sql(options["where"]),
        storage_parameters=tuple((options["with"] or {}).items()),
        tablespace=options["tablespace"],
    )


def _index_key(expression: object, operator_classes: Mapping[str, str]) -> KeyColumn:
    column = from_expression(expression)
    for label in _labels(expression):
        if label in operator_classes:
            found = re.fullmatch(r"\s*([^()]+?)\s*(?:\((.*)\))?\s*", operator_classes[label])
            if found is None:
                raise ArgumentError(f"operator class {operator_classes[label]!r} is malformed")
            return replace(
                column,
                operator_class=QualifiedName.of(found[1]),
                operator_class_parameters=tuple(_read_parameters(found[2] or "")),
            )
    return column


def _labels(expression: object) -> Iterator[str]:
    """The keys under which `postgresql_ops` may name this expression, outermost first."""
    from sqlalchemy.sql import operators

    target: Any = expression
    while target is not None:
        label = getattr(target, "key", None)
        if isinstance(label, str):
            yield label
        # What desc(), nulls_last() and collate() wrap; a function wraps nothing.
        collated = getattr(target, "operator", None) is operators.collate
        target = target.left if collated else getattr(target, "element", None)


def _collation_name(text: str) -> QualifiedName | None:
    return QualifiedName.of(text.strip('"'))


def _read_name(sql: str) -> QualifiedName:
    """A name as SQL writes it, with or without its schema; unquoted ones fold to lower case."""
    names = [
        name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
        for name in _NAME.findall(sql)
    ]
    return QualifiedName(names[-1], names[0] if len(names) > 1 else None)


def _read_parameters(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip(), value.strip().strip("'")
