"""A partition's index becomes part of its parent's, or is repaired there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.concurrent import run_concurrently
from alembic_index_ops.build.failures import build_failure, drain_failure
from alembic_index_ops.build.index_lock import in_tries, read_holders
from alembic_index_ops.build.locks import LOCK_NOT_AVAILABLE, one_builder
from alembic_index_ops.build.patience import listed
from alembic_index_ops.build.watch import Verdict
from alembic_index_ops.catalog.activity import read_sessions
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.sql import qualified, render_reindex
from alembic_index_ops.durations import render_duration
from alembic_index_ops.errors import LockTimeoutError

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex


def render_attach(parent: ObservedIndex, part: ObservedIndex) -> str:
    """ALTER INDEX ... ATTACH PARTITION."""
    return (
        f"ALTER INDEX {qualified(parent.name, parent.schema)}"
        f" ATTACH PARTITION {qualified(part.name, part.schema)}"
    )


def attach(task: Task, parent: ObservedIndex, leaf: Task, part: ObservedIndex) -> None:
    """ALTER INDEX ... ATTACH PARTITION, in tries of stall_timeout: it takes ACCESS EXCLUSIVE on
    the partition's index. Repeated, it changes nothing.

    Raises LockTimeoutError when lock_timeout is spent.
    """
    from sqlalchemy.exc import DBAPIError

    statement = render_attach(parent, part)

    def spent() -> LockTimeoutError:
        users = [
            *read_holders(task, parent),
            *(each.blocker for each in read_sessions(task.connection, leaf.table)),
        ]
        return LockTimeoutError(
            f'index "{task.name}" on {task.table}: its part "{part.name}" of partition'
            f" {leaf.table} was not attached within lock_timeout"
            f" ({render_duration(task.settings.lock_timeout)}); in use by"
            f" {listed(users)}\nWhat is built stays; run the migration again."
        )

    try:
        in_tries(task, task.settings.stall_timeout, lambda: run(task.connection, statement), spent)
    except DBAPIError as error:
        raise build_failure(leaf, error, "What is built stays.") from error


def repair(leaf: Task, part: ObservedIndex) -> None:
    """REINDEX CONCURRENTLY an INVALID index that is attached, and so cannot be dropped."""
    with one_builder(leaf):
        ended = run_concurrently(leaf, render_reindex(part.name, part.schema))
    if ended.error is None:
        return
    left_behind = "It stays as it was."
    if ended.verdict is Verdict.DRAIN_SPENT or sqlstate(ended.error) == LOCK_NOT_AVAILABLE:
        raise drain_failure(leaf, ended.waiting_for, left_behind, "repaired") from ended.error
    raise build_failure(leaf, ended.error, left_behind) from ended.error
