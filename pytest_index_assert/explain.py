"""Plans of the application's own statements: EXPLAIN EXECUTE, in a transaction that reads.

The statement is prepared, never executed. PREPARE takes one query and nothing else.
https://www.postgresql.org/docs/current/sql-prepare.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from pytest_index_assert.connection import reading
from pytest_index_assert.errors import RequirementError
from pytest_index_assert.likeness import open_like
from pytest_index_assert.plans import Node, with_schemas
from pytest_index_assert.statement import Statement

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy import Engine

Kind = Literal["generic", "custom"]
_NAME = "pytest_index_assert"
_ARGUMENTS = f"""
SELECT cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = '{_NAME}'
"""
# What `settings` may switch off; a role or a database may have done so.
_ON = dict.fromkeys(
    (
        "enable_bitmapscan",
        "enable_indexscan",
        "enable_indexonlyscan",
        "enable_sort",
        "enable_incremental_sort",
        "enable_nestloop",
    ),
    "on",
)


class Explainer:
    """Plans of one prepared statement."""

    def __init__(self, connection: Connection[Any], statement: Statement, arguments: int) -> None:
        self._connection = connection
        self._statement = statement
        self.arguments = arguments

    def plan(self, kind: Kind, settings: Mapping[str, str]) -> Node:
        """The plan under these settings: "generic" knows no value, "custom" all of them.

        Beside what EXPLAIN tells, what is read has its schema, as otherwise with VERBOSE only.
        Raises RequirementError where the values are missing, or are none for the server.
        """
        import psycopg

        for name, value in {**_ON, "plan_cache_mode": f"force_{kind}_plan", **settings}.items():
            # A savepoint, rolled back, would make psycopg forget what is prepared.
            _run(self._connection, f"SET LOCAL {name} = '{value}'")
        # A generic plan is kept, whatever the settings were that it was made under.
        _run(self._connection, f"DEALLOCATE {_NAME}")
        _prepare(self._connection, self._statement)
        values = self._literals(kind)
        call = f"{_NAME}({', '.join(values)})" if values else _NAME
        try:
            plan, verbose = (
                _run(self._connection, f"EXPLAIN (FORMAT JSON, COSTS OFF{more}) EXECUTE {call}")
                for more in ("", ", VERBOSE")
            )
        except psycopg.DataError as error:
            raise RequirementError(
                f"assert_query_uses: a value does not fit: {error.diag.message_primary}"
            ) from None
        return with_schemas(plan[0][0]["Plan"], verbose[0][0]["Plan"])

    def _literals(self, kind: Kind) -> list[str]:
        import psycopg

        if kind == "generic":
            return ["NULL"] * self.arguments
        values = self._statement.values
        if values is None or len(values) != self.arguments:
            why = self._statement.missing or f"the statement has {self.arguments} parameters"
            raise RequirementError(
                f'assert_query_uses: {why}; give their values in params=, or ask for mode="generic"'
            )
        cursor = psycopg.ClientCursor(self._connection)
        try:
            return [cursor.mogrify("%s", [value]) for value in values]
        except psycopg.ProgrammingError as error:
            raise RequirementError(
                f'assert_query_uses: {error}; ask for mode="generic", which needs no values'
            ) from None


@contextmanager
def explaining(engine: Engine, statement: Statement) -> Iterator[tuple[Explainer, Any]]:
    """The statement, prepared, and the connection that it is prepared on.

    Nothing of it remains. Raises RequirementError for what the server does not prepare, and
    NoDatabaseError.
    """
    import psycopg

    if engine.dialect.driver != "psycopg":
        # Others send what they get as it is, be it one statement or several.
        engine = open_like(engine)
    with reading(engine) as connection:
        raw: Any = connection.connection.driver_connection
        try:
            with raw.transaction(force_rollback=True):
                _run(raw, "SET TRANSACTION READ ONLY")
                _prepare(raw, statement)
                arguments = _run(raw, _ARGUMENTS)[0]
                yield Explainer(raw, statement, arguments), connection
        finally:
            # It outlives the transaction, unless psycopg has swept it away with its own.
            with suppress(psycopg.errors.InvalidSqlStatementName):
                _run(raw, f"DEALLOCATE {_NAME}")


def _prepare(connection: Connection[Any], statement: Statement) -> None:
    import psycopg

    types = _types(connection, statement)
    given = f" ({', '.join(types)})" if types else ""
    try:
        _run(connection, f"PREPARE {_NAME}{given} AS {statement.sql}")
    except psycopg.Error as error:
        hint = "; say its type, as in CAST(:name AS integer)" if error.sqlstate == "42P18" else ""
        raise RequirementError(
            "assert_query_uses: the server does not plan this statement:"
            f" {error.diag.message_primary or error}{hint}"
        ) from None


def _types(connection: Connection[Any], statement: Statement) -> list[str]:
    """The types that psycopg gives the values: a float is none of an index on a bigint."""
    from psycopg import ProgrammingError
    from psycopg.adapt import PyFormat, Transformer

    values = statement.values
    if not (statement.typed and values):
        return []
    transformer = Transformer(connection)
    try:
        transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    except ProgrammingError:
        return []  # It cannot send them either, as is told where they are needed.
    known = connection.adapters.types
    types = []
    for oid in transformer.types or ():
        info = known.get(oid) if oid else None
        array = "[]" if info is not None and info.array_oid == oid else ""
        types.append("unknown" if info is None else f"{info.regtype}{array}")
    return types


def _run(connection: Connection[Any], sql: str) -> Any:
    """The first row, if there is one; "%" means nothing in `sql`, and it is one statement."""
    # A binary result takes the extended protocol, and that one statement at a time.
    cursor = connection.execute(sql.encode(), prepare=False, binary=True)
    return cursor.fetchone() if cursor.description else None
