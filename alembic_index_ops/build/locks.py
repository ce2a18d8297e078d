"""Locks before a build: one builder per table, and the table's lock within its budget."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from alembic_index_ops.build.patience import Patience, listed
from alembic_index_ops.catalog.activity import WRITES, read_sessions
from alembic_index_ops.catalog.occupation import read_occupation
from alembic_index_ops.catalog.session import (
    current_setting,
    read,
    run,
    settings,
    sqlstate,
    transaction,
)
from alembic_index_ops.durations import milliseconds, parse_duration, render_duration
from alembic_index_ops.errors import LockTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.build.task import Task

LOCK_NOT_AVAILABLE, DEADLOCK, _CANCELLED = "55P03", "40P01", "57014"
PASSING = (LOCK_NOT_AVAILABLE, DEADLOCK)

_BRIEF_SECONDS = 0.1
_RELEASES = 3

ADVISORY_CLASS = int.from_bytes(b"AIOP", "big")
"""The first half of our advisory locks' keys; the second is the table's OID, or 0 for a deploy."""


def lock_timeout_floor(connection: Connection) -> float:
    """The shortest lock_timeout, in seconds, that still wins against autovacuum.

    The server cancels an autovacuum that is in the way only after deadlock_timeout.
    """
    return parse_duration(current_setting(connection, "deadlock_timeout"), "deadlock_timeout") + 0.5


@contextmanager
def one_builder(task: Task) -> Iterator[None]:
    """Hold the advisory lock by which our builds on a table take turns.

    It is polled, never waited in: a concurrent build waits for waiting sessions' snapshots,
    and the two would wait for each other. Raises what Patience raises.
    """
    patience = Patience(task)
    while not try_advisory(task.connection, task.table.oid):
        patience.wait()
    try:
        yield
    finally:
        release_advisory(task.connection, task.table.oid)


@contextmanager
def locked_table(task: Task) -> Iterator[None]:
    """A transaction of our own that holds the table's SHARE UPDATE EXCLUSIVE lock.

    It stops neither readers nor writers; while we have it, nobody builds, vacuums or alters.
    Each try waits long enough to win against autovacuum. A materialised view cannot be locked;
    it is only waited for. Raises what Patience raises.
    """
    patience = Patience(task)
    with ExitStack() as stack:
        if task.table.materialised_view:
            while _is_taken(task):
                patience.wait()
            stack.enter_context(transaction(task.connection))
        else:
            while not _try_table(task, stack):
                patience.wait()
        task.check_table()
        yield


@contextmanager
def strongly_locked_table(
    task: Task, mode: str, *, only: bool = False, unchanged: str = "Nothing was changed"
) -> Iterator[None]:
    """A transaction (a savepoint in one that is open) with a lock behind which others queue.

    First SHARE UPDATE EXCLUSIVE, which keeps builds and DDL away and stalls nobody; then `mode`
    in many tries of stall_timeout each, so that no reader or writer waits longer than that.
    Raises LockTimeoutError when lock_timeout is spent (`unchanged` says what that leaves). A
    materialised view cannot be locked; what
    the block does to it may wait for stall_timeout, once.
    """
    if task.table.materialised_view:
        stall = milliseconds(task.settings.stall_timeout)
        with settings(task.connection, lock_timeout=stall), transaction(task.connection):
            task.check_table()
            yield
        return
    give_up = time.monotonic() + task.settings.lock_timeout
    pause = 0.05
    with ExitStack() as stack:
        while not _try_strong(task, mode, only, stack):
            if time.monotonic() > give_up:
                raise _stalled(task, mode, unchanged)
            _let_snapshot_go(task)
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2.0, pause * 1.5)
        task.check_table()
        yield


def try_advisory(connection: Connection, second: int) -> bool:
    """Take the session's advisory lock of ours with this second key, if it is free."""
    got = read(
        connection,
        "SELECT pg_try_advisory_lock(CAST(:first AS integer), CAST(:second AS integer))",
        first=ADVISORY_CLASS,
        second=_signed(second),
    )
    return bool(got[0][0])


def release_advisory(connection: Connection, second: int) -> None:
    """Give it back; where the connection is gone, the lock is gone with it.

    A cancel may hit this very statement, and a lock that stays would keep our own workers away.
    """
    from sqlalchemy.exc import SQLAlchemyError

    for _ in range(_RELEASES):
        with suppress(SQLAlchemyError):
            read(
                connection,
                "SELECT pg_advisory_unlock(CAST(:first AS integer), CAST(:second AS integer))",
                first=ADVISORY_CLASS,
                second=_signed(second),
            )
            return
        if connection.invalidated:
            return


def _let_snapshot_go(task: Task) -> None:
    """In a transaction that is open, a query's snapshot stays until the next statement (its portal
    does), and a build would wait for it until that transaction ends."""
    with transaction(task.connection):
        pass


def _try_table(task: Task, stack: ExitStack) -> bool:
    return _try_locking(task, stack, ())


def _try_strong(task: Task, mode: str, only: bool, stack: ExitStack) -> bool:
    # An index of a partitioned table is one of each partition; heirs of a table have their own.
    which = "" if task.table.partitioned and not only else "ONLY "
    strong = f"LOCK TABLE {which}{task.table} IN {mode} MODE"
    return _try_locking(task, stack, ((strong, task.settings.stall_timeout),))


def _try_locking(task: Task, stack: ExitStack, strong: Sequence[tuple[str, float]]) -> bool:
    """Begin a transaction on the stack with SHARE UPDATE EXCLUSIVE, then the strong locks.

    False, and none begun, if one takes longer than its seconds.
    """
    from sqlalchemy.exc import DBAPIError

    patience = _gentle_seconds(task)
    if patience is None:
        return False
    gentle = f"LOCK TABLE ONLY {task.table} IN SHARE UPDATE EXCLUSIVE MODE"
    began, seconds = time.monotonic(), patience
    try:
        with ExitStack() as attempt:
            attempt.enter_context(transaction(task.connection))
            for statement, seconds in ((gentle, patience), *strong):
                # The second bounds them all, where the lock is one of each partition.
                limit = milliseconds(seconds)
                began = time.monotonic()
                with settings(task.connection, lock_timeout=limit, statement_timeout=limit):
                    run(task.connection, statement)
            stack.push(attempt.pop_all())
    except DBAPIError as error:
        timed_out = sqlstate(error) == _CANCELLED and time.monotonic() - began >= seconds
        if sqlstate(error) not in PASSING and not timed_out:
            raise
        return False
    return True


def _gentle_seconds(task: Task) -> float | None:
    """How long one try for SHARE UPDATE EXCLUSIVE may wait; None for not now.

    A waiting LOCK TABLE may hold a snapshot (of the catalog), and a build on the table that comes
    to wait for that snapshot would be ended as a deadlock after deadlock_timeout. So nobody waits
    behind a build, and behind others just long enough to have an autovacuum cancelled; unless
    somebody waits for that already.
    """
    occupation = read_occupation(task.connection, task.table)
    if occupation.build is not None:
        return None
    if not occupation.holders or occupation.queued:
        return _BRIEF_SECONDS
    return lock_timeout_floor(task.connection)


def _is_taken(task: Task) -> bool:
    return bool(read_occupation(task.connection, task.table).holders)


def _stalled(task: Task, mode: str, unchanged: str) -> LockTimeoutError:
    conflicting = WRITES if mode == "SHARE" else None
    blockers = [
        session.blocker
        for session in read_sessions(task.connection, task.table, partitions=True)
        if session.modes & (conflicting or session.modes)
    ]
    stall, budget = task.settings.stall_timeout, task.settings.lock_timeout
    return LockTimeoutError(
        f"{task.table}: its {mode} lock was not to be had in tries of {render_duration(stall)}"
        f" (stall_timeout; readers or writers queue behind each) within lock_timeout"
        f" ({render_duration(budget)}); in use by {listed(blockers)}\n"
        f"{unchanged}; run the migration again when those have ended, or give it longer:"
        " alembic -x index_ops.lock_timeout=1h ..."
    )


def _signed(oid: int) -> int:
    return oid - (1 << 32) if oid >= (1 << 31) else oid
