"""Dropping an index of a live table: only what may be dropped, and never cut half-way by us."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from alembic_index_ops.build.concurrent import run_concurrently
from alembic_index_ops.build.drop_plan import DropPlan, plan_drop
from alembic_index_ops.build.failures import GONE, drop_drain_failure, drop_failure
from alembic_index_ops.build.index_lock import wait_until_free
from alembic_index_ops.build.locks import locked_table, one_builder, strongly_locked_table
from alembic_index_ops.build.partition_drop import (
    drop_leftovers,
    drop_leftovers_inside,
    drop_partitioned,
    drop_partitioned_inside,
)
from alembic_index_ops.build.partition_loose import drop_loose_parts
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import explain_cut_drop
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.activity import read_sessions
from alembic_index_ops.catalog.occupation import is_awaited
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.sql import render_comment, render_drop
from alembic_index_ops.events import (
    Absent,
    DropInterrupted,
    Dropped,
    DropStarted,
    Kept,
    TableUsers,
)

if TYPE_CHECKING:
    from alembic_index_ops.catalog.indexes import ObservedIndex


def run_drop(task: Task) -> bool:
    """Drop the index, outside any transaction; True where it is kept, and its tags are due.

    Raises DropRefusedError, LockTimeoutError, or DropError for a drop that was cut off.
    """
    with session(task), one_builder(task):
        plan = _look(task)
        if plan.drop is not None and plan.drop.partitioned:
            drop_partitioned(task, plan.drop)
        elif plan.drop is not None:
            _drop_concurrently(task, plan.drop)
        kept = _tell(task, plan)
        if task.table.partitioned and plan.keep is None:
            drop_loose_parts(task)
        drop_leftovers(task, plan.debris)
    return kept


def _look(task: Task) -> DropPlan:
    """Judge while nobody can change the table's indexes.

    The drop goes by name, and begins when this lock is given back: to nobody who waits for it
    already, and might give the name to another index.
    """
    from sqlalchemy.exc import DBAPIError

    while True:
        try:
            with locked_table(task):
                plan = plan_drop(task.name, task.read_and_doubt(), task.revision)
                awaited = is_awaited(task.connection, task.table)
        except DBAPIError as error:
            raise drop_failure(task, error, concurrently=False) from error
        if plan.drop is None or not awaited:
            return plan
        time.sleep(random.uniform(0.1, 0.3))


def run_drop_inside(task: Task) -> bool:
    """Drop the index in the transaction that is open, or in one of its own, under an
    ACCESS EXCLUSIVE lock; True where it is kept, and its tags are due."""
    from sqlalchemy.exc import DBAPIError

    connection = task.connection
    try:
        with strongly_locked_table(task, "ACCESS EXCLUSIVE"):
            plan = plan_drop(task.name, task.read_and_doubt(), task.revision)
            if plan.drop is not None:
                task.tell(DropStarted, concurrently=False)
                if plan.drop.partitioned:
                    drop_partitioned_inside(task, plan.drop)
                else:
                    run(connection, render_drop(task.name, task.table.schema))
            drop_leftovers_inside(task, plan.debris)
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
    wait_until_free(task, index)
    task.tell(DropStarted, concurrently=True)
    users = [
        session.blocker for session in read_sessions(task.connection, task.table) if session.modes
    ]
    if users:
        task.tell(TableUsers, users=tuple(users))
    statement = render_drop(task.name, task.table.schema, concurrently=True)
    try:
        ended = run_concurrently(task, statement, drops_valid=index.usable)
    except BaseException:
        explanation = explain_cut_drop(task.name, task.table, "it was interrupted")
        task.tell(DropInterrupted, explanation=explanation)
        raise
    if ended.error is None or sqlstate(ended.error) == GONE:
        return
    if ended.verdict is not None:
        raise drop_drain_failure(task, ended.waiting_for) from ended.error
    raise drop_failure(task, ended.error, concurrently=True) from ended.error
