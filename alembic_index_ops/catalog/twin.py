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
from alembic_index_ops.definition.sql import quote, render_create
from alembic_index_ops.errors import ArgumentError, CannotJudgeError, LockTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table
    from alembic_index_ops.definition.spec import IndexSpec

_LOCK_TIMEOUT = "2s"

# What the server says of a definition that it would refuse on the real table too:
# undefined or ambiguous column, object or function; wrong types; syntax; not immutable.
REFUSED = frozenset({
    "42601", "42602", "42622", "42701", "42702", "42703", "42704", "42725", "42803", "42804",
    "42809", "42846", "42883", "42P01", "42P17", "42P20", "42P21", "42P22", "22023", "54011",
})  # fmt: skip


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
                clone = replace(current, schema="pg_temp", name=f"i{position}", tablespace=None)
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
        raise _explain(error, current, table) from error
    for position in asked:
        spec = result[position]
        result[position] = replace(
            observed[f"i{position}"],
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
    return CannotJudgeError(
        f'index "{spec.name}" on {table} cannot be judged: the server does not normalise its'
        f" expression or predicate on a temporary clone: {message}."
        " The role needs TEMP on the database, and the server must not be a standby."
    )
