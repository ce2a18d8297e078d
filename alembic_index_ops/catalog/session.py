"""Talking to the server: statements as they are, transactions of our own, settings put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError


_OPEN = "alembic_index_ops.transaction"
# A role may have another default, under which what we read after a wait would be old.
_WHOLE = ("BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT", ("ROLLBACK",))
_SAVEPOINT = (
    "SAVEPOINT alembic_index_ops",
    "RELEASE SAVEPOINT alembic_index_ops",
    ("ROLLBACK TO SAVEPOINT alembic_index_ops", "RELEASE SAVEPOINT alembic_index_ops"),
)


def read(connection: Connection, sql: str, **values: object) -> Sequence[Any]:
    """Run a query of ours with bound values; all its rows."""
    from sqlalchemy import text

    return connection.execute(text(sql), values).all()


def run(connection: Connection, sql: str) -> None:
    """Run one statement as it is: neither ":" nor "%" is special in it."""
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).close()


def read_as_is(connection: Connection, sql: str) -> Sequence[Any]:
    """The rows of a query that holds the caller's SQL: neither ":" nor "%" is special in it."""
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).all()


def is_autocommit(connection: Connection) -> bool:
    """Whether each statement commits itself. Asks the driver: SQLAlchemy may not know."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction of our own; inside another one, ours or the caller's, a savepoint."""
    # Of this very connection to the server; when that is gone, SQLAlchemy does not give it again.
    info = connection.info
    outermost = is_autocommit(connection) and _OPEN not in info
    begin, commit, rollback = _WHOLE if outermost else _SAVEPOINT
    run(connection, begin)
    if outermost:
        info[_OPEN] = True
    try:
        yield
    except BaseException:
        _quietly(connection, *rollback)
        raise
    else:
        run(connection, commit)
    finally:
        if outermost:
            info.pop(_OPEN, None)


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
    names = ", ".join(f"current_setting('{name}')" for name in values)
    now = dict(zip(values, read(connection, f"SELECT {names}")[0], strict=True))
    before = {name: value for name, value in now.items() if value != values[name]}
    if not before:
        yield
        return
    _set(connection, {name: values[name] for name in before}, local)
    try:
        yield
    except BaseException:
        # After a failure the transaction may be aborted, or the connection gone; both put
        # the settings back by themselves.
        with _suppressed():
            _set(connection, before, local)
        raise
    _set(connection, before, local)


def set_locally(connection: Connection, **values: str) -> None:
    """Server settings until the end of the transaction that is open."""
    _set(connection, values, local=True)


def current_setting(connection: Connection, name: str) -> str:
    """A server setting's value as text, with its unit."""
    return str(read(connection, "SELECT current_setting(:name)", name=name)[0][0])


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE of a driver's error: psycopg calls it sqlstate, psycopg2 pgcode."""
    original: Any = error.orig
    # SQLAlchemy wraps an error of asyncpg, which is then the cause.
    candidates = (original, getattr(original, "__cause__", None))
    codes = (
        getattr(each, "sqlstate", None) or getattr(each, "pgcode", None) for each in candidates
    )
    code = next((str(code) for code in codes if code), None)
    schemas = (getattr(getattr(each, "diag", each), "schema_name", None) for each in candidates)
    # Two sessions that take one name at once: the loser may hear of a duplicate key in
    # pg_class, which is nothing but a name that is taken.
    return "42P07" if code == "23505" and "pg_catalog" in schemas else code


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


def _set(connection: Connection, values: dict[str, str], local: bool) -> None:
    calls = ", ".join(f"set_config('{name}', :{name}, {local})" for name in values)
    read(connection, f"SELECT {calls}", **values)


def _quietly(connection: Connection, *statements: str) -> None:
    with _suppressed():
        for statement in statements:
            run(connection, statement)


@contextmanager
def _suppressed() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    with suppress(SQLAlchemyError):
        yield
