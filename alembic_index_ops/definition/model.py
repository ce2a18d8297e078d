"""What users write for a model's index, and IndexSpec -> `sqlalchemy.Index`, with nothing lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Union

from alembic_index_ops.definition.arguments import (
    DEFINITION,
    about,
    check_arguments,
    unknown_argument,
)
from alembic_index_ops.definition.columns import SqlArgument, parse_notation, to_sql
from alembic_index_ops.definition.indexes import from_index
from alembic_index_ops.definition.spec import (
    IndexSpec,
    KeyColumn,
    canonical_parameters,
    check_name,
)
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.settings import SETTING_NAMES

if TYPE_CHECKING:
    from sqlalchemy import Column, Index, Table
    from sqlalchemy.sql.roles import DDLConstraintColumnRole

ModelColumn = Union[str, KeyColumn, "DDLConstraintColumnRole"]
"""A column of a model's index: notation, `key(...)`, a column, an attribute or an expression."""

_ELSEWHERE = {
    "schema": "leave it out: an index is in the schema of its table",
    **dict.fromkeys(
        ("comment", "concurrently", *SETTING_NAMES),
        "that belongs to building it, so write it in the migration",
    ),
}
_PLAIN_PARAMETER = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?", re.ASCII)


def index(
    name: str | None,
    *columns: ModelColumn,
    unique: bool = False,
    include: Sequence[str | DDLConstraintColumnRole] = (),
    using: str = "btree",
    where: SqlArgument | None = None,
    nulls_not_distinct: bool = False,
    storage_parameters: Mapping[str, object] | None = None,
    tablespace: str | None = None,
    **unknown: NoReturn,
) -> Index:
    """A `sqlalchemy.Index` for a model, in the operations' words: "created_at DESC", `key(...)`.

    A name in a string or in `key()` is the column's key in the table, as in SQLAlchemy's Index.
    `create_all` makes it whole on PostgreSQL, elsewhere as far as the database knows its parts.
    `name=None` leaves the name to the naming convention.
    Raises ArgumentError, at once or when the index meets its table, for what no index can be.
    """
    from sqlalchemy import Index, event

    label = f'index "{name}"' if name is not None else "index()"
    for argument in unknown:
        if argument in _ELSEWHERE:
            hint = _ELSEWHERE[argument]
            raise ArgumentError(f"{label}: there is no argument {argument}=; {hint}")
        raise unknown_argument(label, argument, DEFINITION[1:])
    if name is not None:
        if not isinstance(name, str):
            raise ArgumentError(f"index() takes the name first, or None, not {name!r}")
        check_name(name)
    check_arguments(
        label,
        include=include,
        unique=unique,
        using=using,
        nulls_not_distinct=nulls_not_distinct,
    )
    with about(label, name):
        if not columns:
            raise ArgumentError("it has no key columns; name at least one column")
        keys = [_read_column(column) for column in columns]
        options = _options(
            using.lower(), include, where, nulls_not_distinct, storage_parameters, tablespace
        )
    made = Index(name, *(given for given, _ in keys), unique=unique, **options)
    # SQLAlchemy looks up the names that it is given; then the keys take their places.
    expressions: Any = made.expressions
    for position, (_, clause) in enumerate(keys):
        if clause is not None:
            expressions[position] = clause
    if made.table is not None:
        _meet_table(made, made.table)
    else:
        event.listen(made, "after_parent_attach", _meet_table)
    return made


def to_index(spec: IndexSpec, table: Table) -> Index:
    """The index as one of the table's own; columns that the table lacks stay names."""
    from sqlalchemy import Index, column
    from sqlalchemy.sql.elements import conv

    columns = {str(each.name): each for each in table.columns}
    options = _options(
        spec.access_method,
        [columns.get(name, column(name)) for name in spec.included_columns],
        spec.predicate,
        spec.nulls_not_distinct,
        dict(spec.storage_parameters),
        spec.tablespace,
    )
    keys = [_to_element(key, columns) for key in spec.key_columns]
    # conv: the name is final, whatever naming convention the table's metadata has.
    made = Index(conv(spec.name), *keys, unique=spec.unique, **options)
    if made.table is None:
        table.append_constraint(made)
    return made


def _read_column(column: ModelColumn) -> tuple[Any, Any]:
    """What sqlalchemy.Index is given, and what then takes its place, or None."""
    from sqlalchemy import ClauseElement, Column

    from alembic_index_ops.definition.clauses import KeyClause

    key = parse_notation(column) if isinstance(column, str) else column
    if isinstance(key, KeyColumn):
        if key == KeyColumn(key.column, key.expression) and key.column is not None:
            return key.column, None
        clause = KeyClause(key)
        return (clause if key.column is None else key.column), clause
    if isinstance(column, list | tuple):
        raise ArgumentError("columns are arguments of their own, not a list; leave out the [ ]")
    element: Any = column
    if hasattr(element, "__clause_element__"):
        element = element.__clause_element__()
    if isinstance(element, Column):
        return column, None
    if not isinstance(element, ClauseElement):
        raise ArgumentError(
            f"{column!r} is no column: give a name, key(...) or a SQLAlchemy expression"
        )
    return KeyClause(None, element), None


def _to_element(key: KeyColumn, columns: Mapping[str, Column[Any]]) -> Any:
    from alembic_index_ops.definition.clauses import KeyClause

    column = columns.get(key.column or "")
    return column if column is not None and key == KeyColumn(key.column) else KeyClause(key, column)


def _options(
    using: str,
    include: Iterable[object],
    where: SqlArgument | None,
    nulls_not_distinct: bool,
    storage_parameters: Mapping[str, object] | None,
    tablespace: str | None,
) -> dict[str, Any]:
    """The keyword arguments of sqlalchemy.Index; those that would say the default are left out."""
    condition = _condition(where)
    options = {
        "postgresql_using": using if using != "btree" else None,
        "postgresql_include": list(include) or None,
        "postgresql_where": condition,
        "sqlite_where": condition,
        # False is written as NULLS DISTINCT, which PostgreSQL 14 does not know.
        "postgresql_nulls_not_distinct": nulls_not_distinct or None,
        "postgresql_with": {
            parameter: _write_parameter(value)
            for parameter, value in canonical_parameters(storage_parameters or {})
        },
        "postgresql_tablespace": tablespace,
    }
    return {name: value for name, value in options.items() if value is not None and value != {}}


def _condition(where: SqlArgument | None) -> Any:
    """A condition as SQLAlchemy takes it: text is SQL, ":" and "%" included."""
    from sqlalchemy import ClauseElement, TextClause

    from alembic_index_ops.definition.clauses import SqlClause

    element: Any = where
    if hasattr(element, "__clause_element__"):
        element = element.__clause_element__()
    if isinstance(element, ClauseElement) and not isinstance(element, TextClause):
        return element
    sql = to_sql(element)
    return None if sql is None else SqlClause(sql)


def _meet_table(index: Index, table: Table) -> None:
    """Take the table's columns for the names, and have all that is wrong told now."""
    from alembic_index_ops.definition.clauses import KeyClause

    for clause in index.expressions:
        if isinstance(clause, KeyClause) and clause.named:
            clause.bind(table.c[clause.named])
    label = f'index "{index.name}" on "{table.name}"'
    with about(label, index.name):
        for column in index.dialect_options["postgresql"]["include"] or ():
            if isinstance(column, str) and column not in table.c:
                raise ArgumentError(f'include names "{column}", which is no column of the table')
        if index.name:
            from_index(index)


def _write_parameter(value: str) -> str:
    """A storage parameter's value as SQL, in which no driver takes "%" for a placeholder.

    `from_index` reads it back.
    """
    if _PLAIN_PARAMETER.fullmatch(value):
        return value
    escaped = value.replace("'", "''").replace("\\", "\\\\").replace("%", "\\x25")
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"
