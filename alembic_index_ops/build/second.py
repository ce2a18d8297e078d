"""The second connection, on which a running build is watched."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.driver import for_psycopg
from alembic_index_ops.catalog.session import read, run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_READ_TIMEOUT = "10s"

_PROOF = """
SELECT pg_backend_pid(), EXISTS (
  SELECT 1 FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'advisory' AND l.granted AND l.pid = :pid AND l.objsubid = 2
    AND l.classid = CAST(CAST(:first AS bigint) AS oid)
    AND l.objid = CAST(CAST(:second AS bigint) AS oid)
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
"""


class NoSecondConnection(Exception):
    """Why there is none, in words."""


class SecondConnection:
    """A connection of the same kind as the migration's, to the same server, in autocommit.

    It is opened as the user's engine opens its own (an async engine's URL by psycopg), and used
    only if the server process behind it is another one, and sees that of the first one hold
    `advisory`: so a pooler that leads elsewhere is found out. Raises NoSecondConnection, and
    whatever opening a connection raises.
    """

    def __init__(self, first: Connection, pid: int, advisory: tuple[int, int], name: str) -> None:
        self._engine = engine_like(first.engine)
        self.connection = self._engine.connect()
        if self.connection.connection.dbapi_connection is first.connection.dbapi_connection:
            # Closing it would close the migration's own.
            self.connection.detach()
            raise NoSecondConnection("the engine's creator always gives the same connection")
        try:
            self._check(pid, advisory, name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it; nothing of it stays, neither settings nor the connection."""
        from sqlalchemy.exc import SQLAlchemyError

        with suppress(SQLAlchemyError):
            # A pooler may give the server's session to somebody else.
            for setting in ("application_name", "statement_timeout", "idle_session_timeout"):
                run(self.connection, f"RESET {setting}")
        with suppress(SQLAlchemyError):
            self.connection.close()
        self._engine.dispose()

    def cancel(self, pid: int) -> None:
        """Cancel what that process runs, where the driver cannot; after SET ROLE one may not."""
        read(self.connection, "SELECT set_config('role', 'none', false)")
        read(self.connection, "SELECT pg_cancel_backend(:pid)", pid=pid)

    def _check(self, pid: int, advisory: tuple[int, int], name: str) -> None:
        self.connection = self.connection.execution_options(isolation_level="AUTOCOMMIT")
        first, second = advisory
        own, seen = read(self.connection, _PROOF, pid=pid, first=first, second=second)[0]
        if own == pid:
            raise NoSecondConnection("it reaches the same server process")
        if not seen:
            raise NoSecondConnection("it does not see the first one; a pooler may lie between")
        read(
            self.connection,
            "SELECT set_config('application_name', :name, false),"
            " set_config('statement_timeout', :timeout, false),"
            " set_config('idle_session_timeout', '0', false)",
            name=name,
            timeout=_READ_TIMEOUT,
        )


def first_line(error: Exception) -> str:
    """The first line of what the driver, or SQLAlchemy, says."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def engine_like(engine: Engine) -> Engine:
    """An engine with a pool of its own that connects as this one does; an async one, by psycopg."""
    from sqlalchemy import Engine as SyncEngine
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if engine.dialect.is_async:
        return create_engine(for_psycopg(engine.url), poolclass=NullPool)
    return SyncEngine(engine.pool.recreate(), engine.dialect, engine.url)
