"""`sqlalchemy.Index` -> IndexSpec, with nothing lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops.definition.columns import to_sql
from alembic_index_ops.definition.expressions import from_expression, read_parameters
from alembic_index_ops.definition.spec import (
    IndexSpec,
    KeyColumn,
    QualifiedName,
    canonical_parameters,
)
from alembic_index_ops.errors import ArgumentError

if TYPE_CHECKING:
    from sqlalchemy import Index, Table


def from_index(index: Index) -> IndexSpec:
    """A `sqlalchemy.Index` on a table -> IndexSpec; how to build it (CONCURRENTLY) is left out.

    Keeps what SQLAlchemy's own DDL loses: the operator class of a DESC key.
    Raises ArgumentError for an index without name or table.
    """
    if index.table is None or not index.name:
        raise ArgumentError(f"{index!r} has no table or no name; attach it to a Table first")
    options: Mapping[str, Any] = index.dialect_options["postgresql"]
    operator_classes: Mapping[str, str] = options["ops"] or {}
    return IndexSpec(
        name=_final_name(index),
        table=str(index.table.name),
        schema=index.table.schema,
        key_columns=tuple(
            _index_key(expression, operator_classes) for expression in index.expressions
        ),
        included_columns=tuple(
            _included_name(column, index.table) for column in options["include"] or ()
        ),
        access_method=(options["using"] or "btree").lower(),
        unique=bool(index.unique),
        nulls_not_distinct=bool(options["nulls_not_distinct"]),
        predicate=to_sql(options["where"]),
        storage_parameters=canonical_parameters(
            (name, _read_parameter(value)) for name, value in (options["with"] or {}).items()
        ),
        tablespace=options["tablespace"],
    )


def _final_name(index: Index) -> str:
    """The name as SQLAlchemy writes it: one of a naming convention is shortened to fit."""
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.sql.elements import conv

    if not isinstance(index.name, conv):
        return str(index.name)
    preparer: Any = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]
    return str(preparer.format_constraint(index, _alembic_quote=False))


def _included_name(column: Any, table: Table) -> str:
    if isinstance(column, str):
        column = table.c.get(column, column)
    elif hasattr(column, "__clause_element__"):
        column = column.__clause_element__()
    return str(getattr(column, "name", column))


def _index_key(expression: object, operator_classes: Mapping[str, str]) -> KeyColumn:
    column = from_expression(expression)
    for label in _labels(expression) if operator_classes else ():
        if label in operator_classes:
            found = re.fullmatch(r"\s*([^()]+?)\s*(?:\((.*)\))?\s*", operator_classes[label])
            if found is None:
                raise ArgumentError(f"operator class {operator_classes[label]!r} is malformed")
            return replace(
                column,
                operator_class=QualifiedName.of(found[1]),
                operator_class_parameters=tuple(read_parameters(found[2] or "")),
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


def _read_parameter(value: object) -> object:
    """A storage parameter's value as SQLAlchemy has it: SQL where it is text."""
    quoted = re.fullmatch(r"(E?)'(.*)'", value, re.DOTALL) if isinstance(value, str) else None
    if quoted is None:
        return value
    text = quoted[2].replace("''", "'")
    if quoted[1]:
        return re.sub(r"\\(x25|.)", lambda found: found[1].replace("x25", "%"), text)
    return text
