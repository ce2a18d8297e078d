"""What SQLAlchemy cannot say of an index, as elements of its own.

The one module here that imports SQLAlchemy as it is loaded, which is when an index of a model is
made or read: pickle has to find these classes by their names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ClauseElement, ColumnElement, TextClause
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from alembic_index_ops.definition.expressions import from_expression, unwrap
from alembic_index_ops.definition.spec import KeyColumn
from alembic_index_ops.definition.sql import render_key

if TYPE_CHECKING:
    from sqlalchemy import Column
    from sqlalchemy.sql.compiler import SQLCompiler


class KeyClause(ColumnElement[Any]):
    """One key of an index: by its definition, or by the model's own expression.

    An expression is read as late as it can be: in the body of a class its columns have no names
    yet. `element` is that expression, or the column that a definition names, where there is one:
    SQLAlchemy finds the index's columns in it, and copies it with the table.
    """

    inherit_cache = False
    _traverse_internals = [("element", InternalTraversal.dp_clauseelement)]  # noqa: RUF012

    def __init__(self, definition: KeyColumn | None, element: ClauseElement | None = None) -> None:
        self.definition = definition
        self.element = element

    @property
    def key_column(self) -> KeyColumn:
        """The key, whole. Raises ArgumentError for an expression that is none."""
        return self.definition or from_expression(self.element)

    @property
    def named(self) -> str | None:
        """The key of the column that the definition names and that is not bound yet."""
        return self.definition.column if self.definition and self.element is None else None

    def bind(self, column: Column[Any]) -> None:
        """Take the table's column for its key, which need not be its name."""
        if self.definition is not None:
            self.definition = replace(self.definition, column=str(column.name))
        self.element = column

    def __repr__(self) -> str:
        return f"<key {render_key(self.definition) if self.definition else self.element}>"


class SqlClause(ColumnElement[bool]):
    """A condition as SQL text, in which nothing is special."""

    inherit_cache = False
    _traverse_internals = [("sql", InternalTraversal.dp_string)]  # noqa: RUF012

    def __init__(self, sql: str) -> None:
        self.sql = sql


def _text(compiler: Any, sql: str) -> str:
    """SQL as the driver takes it: some read "%" as a placeholder unless it is doubled."""
    return str(compiler.post_process_text(sql))


@compiles(SqlClause)
def _compile_sql(clause: SqlClause, compiler: SQLCompiler, **_: Any) -> str:
    return _text(compiler, clause.sql)


@compiles(KeyClause, "postgresql")
def _compile_key(clause: KeyClause, compiler: SQLCompiler, **_: Any) -> str:
    return _text(compiler, render_key(clause.key_column))


@compiles(KeyClause)
def _compile_elsewhere(clause: KeyClause, compiler: SQLCompiler, **options: Any) -> str:
    """The value and DESC, which SQLite knows; the rest is PostgreSQL's."""
    key = clause.key_column
    target, _, _ = unwrap(clause.element)
    if key.column is not None:
        value = compiler.preparer.quote(key.column)
    elif target is None or isinstance(target, TextClause):
        value = f"({_text(compiler, str(key.expression))})"
    else:
        value = f"({compiler.process(target, **options)})"
    return f"{value} DESC" if key.descending else value
