"""Dropping an index of a live table: only what may be dropped, and never cut half-way by us."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from alembic_index_ops.build.debris import drop_debris
from alembic_index_ops.build.failures import GONE, drop_failure
from alembic_index_ops.build.locks import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    locked_table,
    milliseconds,
    one_builder,
)
from alembic_index_ops.build.plan import DropPlan, plan_drop
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import explain_cut_drop
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.session import run, settings, sqlstate, transaction
from alembic_index_ops.definition.sql import render_comment, render_drop
from alembic_index_ops.events import Absent, DropInterrupted, Dropped, DropStarted, Kept

if TYPE_CHECKING:
    from alembic_index_ops.catalog.indexes import ObservedIndex

_STALL_SECONDS = 0.1


def run_drop(task: Task) -> bool:
    """Drop the index, outside any transaction; True where it is kept, and its tags are due.

    Raises DropRefusedError, LockTimeoutError, or DropError for a drop that was cut off.
    """
    with session(task) as task, one_builder(task):
        with locked_table(task):
            plan = plan_drop(task.name, task.read_state(), task.revision)
        if plan.drop is not None and plan.drop.partitioned:
            _drop_partitioned(task)
        elif plan.drop is not None:
            _drop_concurrently(task, plan.drop)
        kept = _tell(task, plan)
        drop_debris(task, [index.name for index in plan.debris])
    return kept


def run_drop_inside(task: Task) -> bool:
    """Drop the index in the transaction that is open, or in one of its own, under an
    ACCESS EXCLUSIVE lock; True where it is kept, and its tags are due."""
    from sqlalchemy.exc import DBAPIError

    connection = task.connection
    try:
        with (
            settings(connection, lock_timeout=milliseconds(task.settings.lock_timeout)),
            transaction(connection),
        ):
            plan = plan_drop(task.name, task.read_state(), task.revision)
            if plan.drop is not None:
                task.tell(DropStarted, concurrently=False)
                run(connection, render_drop(task.name, task.table.schema))
            for index in plan.debris:
                run(connection, render_drop(index.name, task.table.schema))
    except DBAPIError as error:
        raise drop_failure(task, error, concurrently=False) from error
    return _tell(task, plan)


def release_tags(task: Task) -> None:
    """After a downgrade that keeps the index: end this revision's part in its tags.

    To be run in the transaction that stamps the downgrade: earlier, a downgrade that is cut
    and repeated would take the index for its own.
    """
    index = task.read_state().named(task.name)
    if index is None or task.revision is None:
        return
    tags = parse_comment(index.comment).release(task.revision.id).render()
    run(task.connection, render_comment(task.name, task.table.schema, tags))


def _tell(task: Task, plan: DropPlan) -> bool:
    if plan.drop is not None:
        task.tell(Dropped)
    elif plan.keep is not None:
        task.tell(Kept, reason=plan.kept_because)
    else:
        task.tell(Absent, nearest=plan.nearest)
    return plan.keep is not None


def _drop_concurrently(task: Task, index: ObservedIndex) -> None:
    """A valid index is dropped without a timeout: cut half-way it would be INVALID."""
    from sqlalchemy.exc import DBAPIError

    task.tell(DropStarted, concurrently=True)
    timeout = "0" if index.usable else milliseconds(task.settings.lock_timeout)
    statement = render_drop(task.name, task.table.schema, concurrently=True)
    try:
        with settings(task.connection, lock_timeout=timeout):
            run(task.connection, statement)
    except DBAPIError as error:
        if sqlstate(error) == GONE:
            return
        raise drop_failure(task, error, concurrently=True) from error
    except BaseException:
        explanation = explain_cut_drop(task.name, task.table, "it was interrupted")
        task.tell(DropInterrupted, explanation=explanation)
        raise


def _drop_partitioned(task: Task) -> None:
    """Many short tries for the strong locks that it needs, so that nobody queues behind one."""
    from sqlalchemy.exc import DBAPIError

    task.tell(DropStarted, concurrently=False)
    give_up = time.monotonic() + task.settings.lock_timeout
    while True:
        try:
            with (
                settings(task.connection, lock_timeout=milliseconds(_STALL_SECONDS)),
                transaction(task.connection),
            ):
                run(task.connection, f"LOCK TABLE {task.table} IN ACCESS EXCLUSIVE MODE")
                run(task.connection, render_drop(task.name, task.table.schema))
            return
        except DBAPIError as error:
            waiting = sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK)
            if not waiting or time.monotonic() > give_up:
                raise drop_failure(task, error, concurrently=False) from error
        time.sleep(random.uniform(0.5, 1.5))
