"""The duplicate keys that keep a unique index from being built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read_as_is, server_message, settings, sqlstate
from alembic_index_ops.definition.sql import render_value
from alembic_index_ops.durations import milliseconds, render_duration

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.definition.spec import IndexSpec

_CANCELLED = "57014"
_SHOWN = 10
_CHARACTERS = 80


def list_duplicates(task: Task, wished: IndexSpec) -> str:
    """Up to ten duplicate keys with their counts, a line each; why not, where that fails.

    Each line ends with a line break. Bounded by duplicates_timeout.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    budget = task.settings.duplicates_timeout
    # With row security on, its policies could hide rows that the index holds.
    session = {"statement_timeout": milliseconds(budget), "row_security": "off"}
    try:
        with settings(task.connection, **session):
            rows = read_as_is(task.connection, _render_search(task, wished))
    except SQLAlchemyError as error:
        cause = server_message(error) if isinstance(error, DBAPIError) else str(error)
        if isinstance(error, DBAPIError) and sqlstate(error) == _CANCELLED:
            cause = f"that took longer than duplicates_timeout ({render_duration(budget)})"
        return f"(The duplicates could not be listed: {cause}.)\n"
    lines = [f"  {_cut(row[:-1])}: {row[-1]:,} rows" for row in rows]
    more = "at least these" if len(lines) == _SHOWN else "these"
    return "".join(f"{line}\n" for line in (f"Duplicates, {more}:", *lines)) if lines else ""


def _render_search(task: Task, wished: IndexSpec) -> str:
    keys = [render_value(column) for column in wished.key_columns]
    names = [f"key_{number}" for number in range(1, len(keys) + 1)]
    selected = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    where = f" WHERE {wished.predicate}" if wished.predicate else ""
    # NULLs are no duplicates, unless the index says so.
    known = " AND ".join(f"{name} IS NOT NULL" for name in names)
    having = "count(*) > 1" if wished.nulls_not_distinct else f"count(*) > 1 AND {known}"
    shown = ", ".join(f"CAST({name} AS text)" for name in names)
    # A unique index keeps the rows of its own table apart, not those of its heirs.
    source = str(task.table) if task.table.partitioned else f"ONLY {task.table}"
    return (
        f"SELECT {shown}, count(*) FROM (SELECT {selected} FROM {source}{where}) rows"
        f" GROUP BY {', '.join(names)} HAVING {having}"
        f" ORDER BY count(*) DESC, {', '.join(map(str, range(1, len(names) + 1)))} LIMIT {_SHOWN}"
    )


def _cut(values: tuple[str | None, ...]) -> str:
    words = ["NULL" if value is None else value for value in values]
    # A line break, or what commands a terminal, as it would be written in a string.
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in ", ".join(words))
    shown = text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}..."
    return f"({shown})"
