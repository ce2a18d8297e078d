"""Locks before a build: one builder per table, and the table's lock within its budget."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import (
    current_setting,
    read,
    run,
    sqlstate,
    transaction,
)
from alembic_index_ops.errors import LockTimeoutError
from alembic_index_ops.settings import parse_duration

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.tables import Table

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"

# The first half of the advisory lock's key; the second is the table's OID.
_ADVISORY_CLASS = int.from_bytes(b"AIOP", "big")
_POLL_SECONDS = 0.1

_HOLDERS = """
SELECT DISTINCT a.pid, a.usename, a.application_name, a.state, a.query
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.granted AND a.pid <> pg_backend_pid() AND {which}
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
ORDER BY a.pid
"""

# What conflicts with SHARE UPDATE EXCLUSIVE.
_CONFLICTING = (
    "l.relation = CAST(CAST(:table AS bigint) AS oid) AND l.mode IN ('ShareUpdateExclusiveLock',"
    " 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
)


def milliseconds(seconds: float) -> str:
    """Seconds as a value of PostgreSQL's time settings; 0, which means "never", is avoided."""
    return f"{max(1, round(seconds * 1000))}ms"


def lock_timeout_floor(connection: Connection) -> float:
    """The shortest lock_timeout, in seconds, that still wins against autovacuum.

    The server cancels an autovacuum that is in the way only after deadlock_timeout.
    """
    return parse_duration(current_setting(connection, "deadlock_timeout"), "deadlock_timeout") + 0.5


@contextmanager
def one_builder(task: Task) -> Iterator[None]:
    """Hold the advisory lock by which our builds on a table take turns.

    It is polled, never waited in: a concurrent build waits for waiting sessions' snapshots,
    and the two would wait for each other. Raises LockTimeoutError after lock_timeout.
    """
    connection, table, budget = task.connection, task.table, task.settings.lock_timeout
    key = {"class": _ADVISORY_CLASS, "table": _signed(table.oid)}
    give_up = time.monotonic() + budget
    while not read(
        connection,
        "SELECT pg_try_advisory_lock(CAST(:class AS integer), CAST(:table AS integer))",
        **key,
    )[0][0]:
        if time.monotonic() > give_up:
            holders = _holders(
                connection,
                "l.locktype = 'advisory' AND l.classid = CAST(CAST(:class AS bigint) AS oid)"
                " AND l.objid = CAST(CAST(:table AS bigint) AS oid) AND l.objsubid = 2",
                **{"class": _ADVISORY_CLASS, "table": table.oid},
            )
            raise LockTimeoutError(
                f"{table}: another migration is building or dropping an index on this table, and"
                f" did not end within lock_timeout ({budget:g} s): {holders}.\n"
                "Nothing was changed; when it has ended, run this migration again."
            )
        time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))
    try:
        yield
    finally:
        _unlock(connection, key)


@contextmanager
def locked_table(task: Task) -> Iterator[None]:
    """A transaction of our own that holds the table's SHARE UPDATE EXCLUSIVE lock.

    It stops neither readers nor writers; while we have it, nobody builds, vacuums or alters.
    A materialised view cannot be locked; it is only waited for. The session's lock_timeout
    bounds the wait; then LockTimeoutError names who has the table.
    """
    from sqlalchemy.exc import DBAPIError

    connection, table = task.connection, task.table
    if table.materialised_view:
        _wait_for_view(connection, table, task.settings.lock_timeout)
    busy = None
    with suppress(_TableBusy), transaction(connection):
        if not table.materialised_view:
            try:
                run(connection, f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE")
            except DBAPIError as error:
                if sqlstate(error) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                    raise
                busy = error
                raise _TableBusy from error
            task.check_table()
        yield
    if busy is not None:
        # The transaction has ended; only now can be read who holds the lock.
        raise _table_busy(connection, table, task.settings.lock_timeout) from busy


def _wait_for_view(connection: Connection, table: Table, budget: float) -> None:
    """Poll until nobody has a lock that a build on the materialised view would wait for.

    Waiting inside the build would hold a snapshot, for which the other's build waits.
    """
    give_up = time.monotonic() + budget
    while read(connection, _HOLDERS.format(which=_CONFLICTING), table=table.oid):
        if time.monotonic() > give_up:
            raise _table_busy(connection, table, budget)
        time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))


class _TableBusy(Exception):
    """Ends the transaction in which the lock was not to be had."""


def _table_busy(connection: Connection, table: Table, budget: float) -> LockTimeoutError:
    """The error for a table whose lock was not to be had; says what holds it."""
    holders = _holders(connection, _CONFLICTING, table=table.oid)
    building = [
        row[0]
        for row in read(
            connection,
            "SELECT c.relname FROM pg_catalog.pg_index i"
            " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = CAST(CAST(:table AS bigint) AS oid) AND NOT i.indisvalid",
            table=table.oid,
        )
    ]
    what = f'; INVALID index "{building[0]}" is still being built or dropped' if building else ""
    return LockTimeoutError(
        f"{table}: its lock (SHARE UPDATE EXCLUSIVE) was not to be had within lock_timeout"
        f" ({budget:g} s){what}; held by {holders}.\n"
        "Nothing was changed; when that has ended, run this migration again, or give it longer:"
        " alembic -x index_ops.lock_timeout=5min ..."
    )


def _holders(connection: Connection, which: str, **values: object) -> str:
    rows = read(connection, _HOLDERS.format(which=which), **values)
    return (
        ", ".join(
            f"pid {pid} ({user or '?'}, {application or 'no application name'},"
            f" {state or 'state hidden'}: {' '.join((query or '').split())[:60]})"
            for pid, user, application, state, query in rows
        )
        or "a session that has just ended"
    )


def _unlock(connection: Connection, key: dict[str, int]) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    # Where the connection is gone, the lock is gone with it.
    with suppress(SQLAlchemyError):
        read(
            connection,
            "SELECT pg_advisory_unlock(CAST(:class AS integer), CAST(:table AS integer))",
            **key,
        )


def _signed(oid: int) -> int:
    return oid - (1 << 32) if oid >= (1 << 31) else oid
