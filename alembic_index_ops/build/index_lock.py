"""Statements that need the lock of one index, which somebody else may hold for a while."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from alembic_index_ops.build.locks import PASSING
from alembic_index_ops.build.patience import listed
from alembic_index_ops.catalog.activity import EXCLUDES_BUILDS, read_sessions
from alembic_index_ops.catalog.session import settings, sqlstate, transaction
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.durations import milliseconds, render_duration
from alembic_index_ops.errors import LockTimeoutError
from alembic_index_ops.events import Blocker

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex

# Shorter than any deadlock_timeout that is in use: a REINDEX CONCURRENTLY has the index's lock
# while it waits for snapshots, and who waits for that lock may have one.
_TRY_SECONDS = 0.3


def patiently(
    task: Task,
    index: ObservedIndex,
    act: Callable[[], None],
    left: str = "Nothing was changed.",
    seconds: float = _TRY_SECONDS,
) -> None:
    """Run `act` in a transaction (a savepoint in one that is open), in short tries.

    Raises LockTimeoutError, which names who has the index, when lock_timeout is spent.
    """

    def try_once() -> None:
        with transaction(task.connection):
            act()

    seconds = min(seconds, task.settings.lock_timeout)
    in_tries(task, seconds, try_once, lambda: _spent(task, index, left))


def in_tries(
    task: Task, seconds: float, act: Callable[[], None], spent: Callable[[], LockTimeoutError]
) -> None:
    """Run `act`, each wait of it for a lock no longer than `seconds`, until it has its locks.

    Raises what `spent` makes when lock_timeout is spent.
    """
    from sqlalchemy.exc import DBAPIError

    give_up = time.monotonic() + task.settings.lock_timeout
    while True:
        try:
            with settings(task.connection, lock_timeout=milliseconds(seconds)):
                act()
            return
        except DBAPIError as error:
            if sqlstate(error) not in PASSING:
                raise
            if time.monotonic() > give_up:
                raise spent() from error
        time.sleep(random.uniform(0.1, 0.5))


def wait_until_free(task: Task, index: ObservedIndex) -> None:
    """Wait until nobody has a lock on the index that keeps DROP INDEX CONCURRENTLY from beginning.

    Once begun it is not cut, and this wait would be bounded by nothing. Raises LockTimeoutError.
    """
    give_up = time.monotonic() + task.settings.lock_timeout
    while read_holders(task, index):
        if time.monotonic() > give_up:
            raise _spent(task, index, "Nothing was changed.")
        time.sleep(random.uniform(0.1, 0.5))


def read_holders(task: Task, index: ObservedIndex) -> list[Blocker]:
    """Who has a lock of the index that its own changes need."""
    relation = Table(index.oid, index.schema, index.name, "i")
    return [
        session.blocker
        for session in read_sessions(task.connection, relation)
        if session.modes & EXCLUDES_BUILDS
    ]


def _spent(task: Task, index: ObservedIndex, left: str) -> LockTimeoutError:
    budget, holders = render_duration(task.settings.lock_timeout), read_holders(task, index)
    return LockTimeoutError(
        f'index "{index.name}" on {task.table}: its own lock was not to be had within lock_timeout'
        f" ({budget}); held by {listed(holders)}\n{left} Run the migration again when"
        " that has ended, or give it longer: alembic -x index_ops.lock_timeout=1h ..."
    )
