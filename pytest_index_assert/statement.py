"""The application's statement as its driver would prepare it: SQL with $1, $2, and the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_index_assert.errors import RequirementError

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement
    from sqlalchemy.engine import Compiled, Dialect

    Parameters = Mapping[str, Any] | Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with numbered parameters; `values` is None where one of them is not known.

    `typed`: the driver gives the values types of its own, as psycopg does.
    """

    sql: str
    values: tuple[Any, ...] | None
    missing: str | None = None
    typed: bool = False


def compile_statement(statement: Any, params: Parameters, dialect: Dialect) -> Statement:
    """A select(), an ORM query, a text(), or SQL itself, for the driver that `dialect` is of.

    SQL has `:name` and a mapping of values, or `$1` and a sequence. Raises RequirementError for
    what is no statement, and for DDL.
    """
    from sqlalchemy import text
    from sqlalchemy.sql.ddl import DDLElement
    from sqlalchemy.sql.elements import ClauseElement

    typed = dialect.driver in ("psycopg", "psycopg_async")
    if isinstance(statement, str):
        if isinstance(params, Sequence):
            return Statement(statement, tuple(params), typed=typed)
        statement = text(statement)
    if isinstance(params, Sequence):
        raise RequirementError("assert_query_uses: params of this statement is a mapping of names")
    # A legacy Query of the ORM has its select() there.
    statement = getattr(statement, "statement", statement)
    if isinstance(statement, DDLElement):
        raise RequirementError("assert_query_uses: DDL has no plan; give a query")
    if not isinstance(statement, ClauseElement):
        raise RequirementError(
            f"assert_query_uses takes a statement of SQLAlchemy or SQL, not {statement!r}"
        )
    numbered: Any = type(dialect)
    compiled = _compile(statement, params, numbered(paramstyle="numeric_dollar"))
    return replace(compiled, typed=typed)


def _compile(
    statement: ClauseElement, params: Mapping[str, Any] | None, dialect: Dialect
) -> Statement:
    from sqlalchemy.exc import CompileError, InvalidRequestError

    try:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    except CompileError as error:
        raise RequirementError(f"assert_query_uses: {error}") from None
    try:
        return Statement(str(compiled), _values(compiled, params))
    except InvalidRequestError as error:
        return Statement(str(compiled), None, str(error).splitlines()[0])


def _values(compiled: Compiled, params: Mapping[str, Any] | None) -> tuple[Any, ...]:
    known = compiled.construct_params(dict(params or {})) or {}
    names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
    # What a type makes of a value before the driver gets it; no public name tells it.
    processors = getattr(compiled, "_bind_processors", {})
    return tuple(
        processors[name](known[name]) if name in processors else known[name] for name in names
    )
