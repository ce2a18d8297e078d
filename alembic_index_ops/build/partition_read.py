"""Reading the indexes of partitions, which others may have locked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from alembic_index_ops.build.patience import listed
from alembic_index_ops.catalog.activity import read_sessions
from alembic_index_ops.catalog.session import transaction
from alembic_index_ops.catalog.tree import read_descendants
from alembic_index_ops.durations import render_duration
from alembic_index_ops.errors import LockTimeoutError
from alembic_index_ops.events import Blocker, LockAwaited

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex

T = TypeVar("T")


def read_patiently(task: Task, look: Callable[[], T]) -> T:
    """What `look` reads of the table's partitions; an ACCESS EXCLUSIVE lock hides expressions.

    Raises LockTimeoutError, which names who has such a lock, when lock_timeout is spent.
    """
    began = time.monotonic()
    while True:
        try:
            with transaction(task.connection):
                return look()
        except LockTimeoutError as error:
            waited, holders = time.monotonic() - began, _holders(task)
            if waited > task.settings.lock_timeout:
                budget = render_duration(task.settings.lock_timeout)
                raise LockTimeoutError(
                    f'index "{task.name}" on {task.table}: the indexes of its partitions could not'
                    f" be read within lock_timeout ({budget}): a partition is locked ACCESS"
                    f" EXCLUSIVE by {listed(holders)}\nWhat is built stays; run the migration again"
                    " when that has ended, or give it longer: alembic -x"
                    " index_ops.lock_timeout=1h ..."
                ) from error
            task.tell(LockAwaited, seconds=waited, holders=tuple(holders))
        time.sleep(random.uniform(0.1, 0.5))


def read_parts(task: Task, index_name: str) -> tuple[ObservedIndex, ...]:
    """The parts of an index of the table, at every level; as patiently."""
    schema = task.table.schema
    return read_patiently(task, lambda: read_descendants(task.connection, index_name, schema))


def _holders(task: Task) -> list[Blocker]:
    return [
        session.blocker
        for session in read_sessions(task.connection, task.table, partitions=True)
        if "AccessExclusiveLock" in session.modes
    ]
