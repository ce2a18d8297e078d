"""Building an index under its name aside, and verifying it there."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from alembic_index_ops.build.concurrent import Ended, run_concurrently
from alembic_index_ops.build.debris import drop_leftover
from alembic_index_ops.build.failures import (
    NAME_TAKEN,
    build_failure,
    deadlock_failure,
    drain_failure,
    shown_cause,
)
from alembic_index_ops.build.locks import DEADLOCK, LOCK_NOT_AVAILABLE
from alembic_index_ops.build.name import JudgeAgain
from alembic_index_ops.build.watch import Verdict
from alembic_index_ops.catalog.activity import read_waiters
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.session import sqlstate
from alembic_index_ops.definition.compare import Difference, compare_definitions
from alembic_index_ops.definition.sql import render_create
from alembic_index_ops.errors import VerificationError
from alembic_index_ops.events import BuildStarted, Interrupted, Retried

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.definition.spec import IndexSpec

_JUDGEMENTS = 6
T = TypeVar("T")


def retrying(task: Task, judge_and_act: Callable[[], T]) -> T:
    """Do it; where something changed between the look and the deed, look again, a few times."""
    from sqlalchemy.exc import DBAPIError

    attempt = 0
    while True:
        attempt += 1
        try:
            return judge_and_act()
        except JudgeAgain as again:
            if attempt == _JUDGEMENTS:
                raise again.failure(task, "") from again.cause
            task.tell(Retried, reason=again.reason)
            time.sleep(random.uniform(0.2, 1.0) * attempt)
        except DBAPIError as error:
            raise build_failure(task, error, "") from error


def build_aside(task: Task, wished: IndexSpec, aside: str) -> ObservedIndex:
    """Build under the name aside, and verify. What a failed build leaves is dropped or named."""

    connection = task.connection
    task.tell(BuildStarted, aside=aside)
    try:
        ended = run_concurrently(task, render_create(wished.named(aside), concurrently=True))
    except BaseException:
        task.tell(Interrupted, aside=aside)
        raise
    if ended.error is not None:
        if sqlstate(ended.error) == NAME_TAKEN:
            raise JudgeAgain(ended.error, f'the name "{aside}" has just been taken')
        failure = _failure(task, wished, ended, drop_leftover(task, aside))
        raise failure from shown_cause(task, ended.error)
    built = next(
        (
            index
            for index in read_indexes(connection, table_oids=[task.table.oid])
            if index.name == aside
        ),
        None,
    )
    problems: list[object] = ["it is gone"] if built is None else []
    if built is not None and not built.usable:
        problems = [f"it is {built.state}"]
    elif built is not None:
        problems = list(_differences(task, wished, built))
    if built is None or problems:
        left_behind = drop_leftover(task, aside)
        raise VerificationError(
            f'index "{task.name}" on {task.table}: what the server built is not what was asked'
            f" for: {'; '.join(map(str, problems))}. {left_behind}"
        )
    return built


def _differences(task: Task, wished: IndexSpec, built: ObservedIndex) -> Sequence[Difference]:
    """The built index is its own normaliser; only what looks different is asked of the server."""
    evident = compare_definitions(wished, built.spec, normalised=False)
    return task.comparing(wished)(built) if evident else ()


def _failure(task: Task, wished: IndexSpec, ended: Ended, left_behind: str) -> Exception:
    """What to raise for a build that the server ended: JudgeAgain where that may pass."""
    error = ended.error
    assert error is not None
    if ended.verdict is Verdict.LOCK_LOST:
        return JudgeAgain(error, "another session took the table's lock first")
    if ended.verdict is Verdict.DRAIN_SPENT or sqlstate(error) == LOCK_NOT_AVAILABLE:
        return drain_failure(task, ended.waiting_for, left_behind)
    if sqlstate(error) == DEADLOCK:
        waiters = read_waiters(task.connection)
        if waiters:
            return deadlock_failure(task, waiters, left_behind)
        return JudgeAgain(error, "the server ended a deadlock")
    return build_failure(task, error, left_behind, wished)
