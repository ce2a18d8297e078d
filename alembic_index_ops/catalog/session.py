"""Talking to the server: statements as they are, transactions of our own, settings put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row
    from sqlalchemy.exc import DBAPIError


def read(connection: Connection, sql: str, **values: object) -> Sequence[Row[Any]]:
    """Run a query of ours with bound values; all its rows."""
    from sqlalchemy import text

    return connection.execute(text(sql), values).all()


def run(connection: Connection, sql: str) -> None:
    """Run one statement as it is: neither ":" nor "%" is special in it."""
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).close()


def is_autocommit(connection: Connection) -> bool:
    """Whether each statement commits itself. Asks the driver: SQLAlchemy may not know."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction of our own; inside the caller's one, a savepoint."""
    begin, commit, rollback = (
        ("BEGIN", "COMMIT", "ROLLBACK")
        if is_autocommit(connection)
        else (
            "SAVEPOINT alembic_index_ops",
            "RELEASE SAVEPOINT alembic_index_ops",
            "ROLLBACK TO SAVEPOINT alembic_index_ops; RELEASE SAVEPOINT alembic_index_ops",
        )
    )
    run(connection, begin)
    try:
        yield
    except BaseException:
        _quietly(connection, rollback)
        raise
    run(connection, commit)


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """A transaction of our own (or a savepoint) of which nothing remains."""
    try:
        with transaction(connection):
            yield
            raise _Undo
    except _Undo:
        pass


class _Undo(Exception):
    """Ends `rolled_back` by the road of every failure."""


@contextmanager
def settings(connection: Connection, **values: str) -> Iterator[None]:
    """Server settings for a block, put back whatever happens.

    Inside a transaction they are local to it, so that a SET LOCAL of the caller does not
    outlive it by our restoring it.
    """
    local = not is_autocommit(connection)
    before = {name: current_setting(connection, name) for name in values}
    for name, value in values.items():
        _set(connection, name, value, local)
    try:
        yield
    except BaseException:
        # After a failure the transaction may be aborted, or the connection gone; both put
        # the settings back by themselves.
        with _suppressed():
            for name, value in before.items():
                _set(connection, name, value, local)
        raise
    for name, value in before.items():
        _set(connection, name, value, local)


def current_setting(connection: Connection, name: str) -> str:
    """A server setting's value as text, with its unit."""
    return str(read(connection, "SELECT current_setting(:name)", name=name)[0][0])


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE of a driver's error: psycopg calls it sqlstate, psycopg2 pgcode."""
    original: Any = error.orig
    for candidate in (original, getattr(original, "__cause__", None)):
        code = getattr(candidate, "sqlstate", None) or getattr(candidate, "pgcode", None)
        if code:
            return str(code)
    return None


def server_message(error: DBAPIError) -> str:
    """The first line of what the server said, with its detail; never the whole statement."""
    original: Any = error.orig
    diagnostics = getattr(original, "diag", None)
    primary = getattr(diagnostics, "message_primary", None)
    detail = getattr(diagnostics, "message_detail", None)
    if primary is None:
        cause = getattr(original, "__cause__", None)
        primary = getattr(cause, "message", None) or str(original).splitlines()[0]
        detail = getattr(cause, "detail", None)
    return f"{primary} ({detail})" if detail else str(primary)


def _set(connection: Connection, name: str, value: str, local: bool) -> None:
    read(
        connection,
        "SELECT set_config(:name, :value, CAST(:local AS boolean))",
        name=name,
        value=value,
        local=local,
    )


def _quietly(connection: Connection, sql: str) -> None:
    with _suppressed():
        for statement in sql.split("; "):
            run(connection, statement)


@contextmanager
def _suppressed() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError:
        pass
