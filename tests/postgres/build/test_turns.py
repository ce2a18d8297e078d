"""The advisory lock by which our builds on a table take turns."""

from __future__ import annotations

from sqlalchemy import Connection, event

from alembic_index_ops.build.locks import release_advisory, try_advisory
from tests.observe import rows
from tests.servers import Database

HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


def test_it_is_given_back_though_the_statement_that_does_it_fails_once(database: Database) -> None:
    engine = database.engine
    failing = ["SELECT 1 / 0"]

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def fail(
        connection: Connection,
        cursor: object,
        statement: str,
        parameters: object,
        *others: object,
    ) -> tuple[str, object]:
        if "pg_advisory_unlock" in statement and failing:
            return failing.pop(), {}
        return statement, parameters

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert try_advisory(connection, 7)
        assert rows(database, HELD) == [(1,)]

        release_advisory(connection, 7)

        assert (failing, rows(database, HELD)) == ([], [(0,)])
