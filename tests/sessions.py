"""Other people's sessions: what they hold open, and how a build is found and cut among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.observe import eventually, rows
from tests.servers import Database

_BUILDING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
  AND query LIKE %s
"""


@contextmanager
def in_transaction(
    database: Database, *statements: str, isolation: str = "READ COMMITTED"
) -> Iterator[psycopg.Connection]:
    """A session that ran `statements` and leaves its transaction open, until the block ends."""
    with database.connect() as connection:
        connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        for statement in statements:
            connection.execute(statement)
        yield connection
        if not connection.closed:
            connection.execute("ROLLBACK")


class Running:
    """A statement that another session runs, in a thread of its own."""

    def __init__(self, connection: psycopg.Connection, statement: str) -> None:
        self.pid = connection.info.backend_pid
        self.error: psycopg.Error | None = None
        self._connection, self._statement = connection, statement
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the statement, and wait for its end."""
        if self._thread.is_alive():
            self._connection.cancel_safe()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._connection.execute(self._statement)
        except psycopg.Error as error:
            self.error = error


@contextmanager
def running(database: Database, statement: str) -> Iterator[Running]:
    """A session that runs `statement` meanwhile; it is cancelled at the end of the block."""
    with database.connect() as connection:
        statement_running = Running(connection, statement)
        try:
            yield statement_running
        finally:
            statement_running.cancel()


def fail_building(database: Database, statement: str) -> None:
    """Run a CREATE INDEX CONCURRENTLY that meets duplicates, and so leaves an INVALID index."""
    with database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(statement)


def backend_running(database: Database, query: str) -> int:
    """The pid of the session that runs a statement like `query`, as soon as there is one."""
    return int(eventually(lambda: rows(database, _BUILDING, query))[0][0])


def is_running(database: Database, pid: int) -> bool:
    """Whether that session is still there."""
    return bool(rows(database, "SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid))
