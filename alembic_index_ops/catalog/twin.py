"""The twin: an empty clone of a table on which the server normalises definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.session import (
    read,
    rolled_back,
    run,
    server_message,
    settings,
    sqlstate,
)
from alembic_index_ops.definition.spec import KeyColumn
from alembic_index_ops.definition.sql import quote, render_create, render_key
from alembic_index_ops.errors import ArgumentError, CannotJudgeError, LockTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table
    from alembic_index_ops.definition.spec import IndexSpec

_LOCK_TIMEOUT = "2s"
_PREFIX = "alembic_index_ops_"  # of the clone's indexes; tables and theirs share one name space

# What the server says of a definition that it would refuse on the real table too:
# undefined or ambiguous column, object or function; wrong types; syntax; not immutable; what an
# access method or an index cannot have.
REFUSED = frozenset({
    "42601", "42602", "42622", "42701", "42702", "42703", "42704", "42725", "42803", "42804",
    "42809", "42846", "42883", "42P01", "42P17", "42P20", "42P21", "42P22", "22023", "54011",
    "0A000",
})  # fmt: skip

# Of these: what the server can also say because the clone is not the table. Its row has another
# type, so no function of the real row takes it, and its schema is another one.
_OF_THE_CLONE = frozenset({"42703", "42883", "42P01"})


def normalise(
    connection: Connection, table: Table, specs: Sequence[IndexSpec]
) -> tuple[IndexSpec, ...]:
    """The specs as the server would store them on `table`, in the same order.

    Specs that are evidently plain pass as they are. The clone lives in a transaction (inside
    the caller's one, a savepoint) that is rolled back. Raises ArgumentError for a definition
    that the server refuses, CannotJudgeError where it refuses the clone or cannot tell, and
    LockTimeoutError where the table stays locked.
    """
    asked = [position for position, spec in enumerate(specs) if not spec.evidently_plain]
    result = [replace(spec, schema=table.schema, table=table.name) for spec in specs]
    if not asked:
        return tuple(result)
    from sqlalchemy.exc import DBAPIError

    current = result[asked[0]]
    try:
        with rolled_back(connection), settings(connection, lock_timeout=_LOCK_TIMEOUT):
            run(
                connection,
                f"CREATE TEMP TABLE {quote(table.name)} (LIKE {table}) ON COMMIT DROP",
            )
            for position in asked:
                current = result[position]
                name = f"{_PREFIX}{position}"
                clone = replace(current, schema="pg_temp", name=name, tablespace=None)
                run(connection, render_create(clone))
            oid = read(
                connection,
                "SELECT CAST(to_regclass(:name) AS oid)",
                name=f"pg_temp.{quote(table.name)}",
            )[0][0]
            observed = {
                index.name: index.spec for index in read_indexes(connection, table_oids=[oid])
            }
    except DBAPIError as error:
        if sqlstate(error) in _OF_THE_CLONE and _is_understood(connection, table, current):
            raise _cannot_judge(error, current, table) from error
        raise _explain(error, current, table) from error
    for position in asked:
        spec = result[position]
        result[position] = replace(
            observed[f"{_PREFIX}{position}"],
            name=spec.name,
            schema=spec.schema,
            table=spec.table,
            tablespace=spec.tablespace,
        )
    return tuple(result)


def _explain(error: Exception, spec: IndexSpec, table: Table) -> Exception:
    code = sqlstate(error)  # type: ignore[arg-type]
    message = server_message(error)  # type: ignore[arg-type]
    if code == "55P03":
        return LockTimeoutError(
            f'index "{spec.name}" on {table} cannot be judged: the table was locked for more than'
            f" {_LOCK_TIMEOUT}. Try again when that lock is gone."
        )
    if code in REFUSED:
        return ArgumentError(
            f'index "{spec.name}" on {table}: the server refuses this definition: {message}.'
            " Nothing was changed; correct the columns, the expression or the predicate."
        )
    return _cannot_judge(error, spec, table)


def _is_understood(connection: Connection, table: Table, spec: IndexSpec) -> bool:
    """Whether the server finds every name of the definition on the table itself."""
    from sqlalchemy.exc import DBAPIError

    terms = [render_key(KeyColumn(key.column, key.expression)) for key in spec.key_columns]
    terms += map(quote, spec.included_columns)
    where = f" WHERE {spec.predicate}" if spec.predicate else ""
    try:
        with rolled_back(connection), settings(connection, lock_timeout=_LOCK_TIMEOUT):
            run(connection, f"EXPLAIN SELECT {', '.join(terms)} FROM {table}{where}")
    except DBAPIError:
        return False
    return True


def _cannot_judge(error: Exception, spec: IndexSpec, table: Table) -> CannotJudgeError:
    message = server_message(error)  # type: ignore[arg-type]
    return CannotJudgeError(
        f'index "{spec.name}" on {table} cannot be judged: the server does not normalise its'
        f" expression or predicate on a temporary clone: {message}."
        " The role needs TEMP on the database, a session that is not read-only, and a server that"
        " is no standby; functions of the whole row and schema.table.column cannot be judged."
    )
