"""Creating an index on a live table: build aside, verify, then name; debris last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from alembic_index_ops.build.debris import drop_debris, drop_leftover
from alembic_index_ops.build.failures import NAME_TAKEN, build_failure
from alembic_index_ops.build.locks import DEADLOCK, locked_table, one_builder
from alembic_index_ops.build.name import JudgeAgain, debris_names, give_name, settle
from alembic_index_ops.build.place import SMALL_BYTES, read_size
from alembic_index_ops.build.plan import CreatePlan, plan_create
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.sql import render_create
from alembic_index_ops.errors import (
    IndexOpsError,
    LockTimeoutError,
    UnsupportedError,
    VerificationError,
)
from alembic_index_ops.events import BuildStarted, Corpse, Interrupted, Named, Taken

if TYPE_CHECKING:
    from alembic_index_ops.definition.spec import IndexSpec

_JUDGEMENTS = 5


def run_create(task: Task, wished: IndexSpec, comment: str | None) -> None:
    """Create the index concurrently; the connection is in autocommit.

    Raises the errors of `alembic_index_ops.errors`; after each of them the same call again
    ends right.
    """
    from sqlalchemy.exc import DBAPIError

    with session(task) as task, one_builder(task):
        for attempt in range(_JUDGEMENTS):
            try:
                _create(task, wished, comment)
            except JudgeAgain as again:
                if attempt == _JUDGEMENTS - 1:
                    raise build_failure(task, again.cause, "") from again.cause
            except DBAPIError as error:
                raise build_failure(task, error, "") from error
            else:
                return


def _create(task: Task, wished: IndexSpec, comment: str | None) -> None:
    plan = _look(task, wished)
    if settle(task, plan):
        drop_debris(task, debris_names(plan))
        return
    if plan.corpse is not None:
        task.tell(Corpse, state=plan.corpse.state)
    started = time.monotonic()
    if plan.take is not None:
        aside = plan.take
        task.tell(Taken, aside=aside.name)
    else:
        aside = _build_aside(task, wished, str(plan.build))
    give_name(task, aside, plan, comment)
    task.tell(Named, seconds=time.monotonic() - started)
    drop_debris(task, debris_names(plan))


def _look(task: Task, wished: IndexSpec) -> CreatePlan:
    """Judge while nobody can build on the table."""
    from sqlalchemy.exc import DBAPIError

    try:
        with locked_table(task):
            state = task.read_state_to_create()
            plan = plan_create(wished, state, task.revision, task.comparing(wished))
            if plan.build is not None and task.table.partitioned:
                raise _not_concurrently(task)
    except DBAPIError as error:
        raise build_failure(task, error, "Nothing was changed.") from error
    return plan


def _not_concurrently(task: Task) -> IndexOpsError:
    label = f'index "{task.name}" on {task.table}'
    if read_size(task.connection, task.table) <= SMALL_BYTES:
        return LockTimeoutError(
            f"{label}: the table is partitioned, so its index is built at once, and a writer or a"
            " build has one of its partitions now. Nothing was changed; run the migration again."
        )
    return UnsupportedError(
        f"{label}: the table is partitioned and bigger than {SMALL_BYTES // 1024} kB, and"
        " PostgreSQL cannot build on a partitioned table concurrently. Nothing was changed; create"
        " the index on each partition first, and then this one with concurrently=False, which"
        " attaches them."
    )


def _build_aside(task: Task, wished: IndexSpec, aside: str) -> ObservedIndex:
    """Build under the name aside, and verify. What a failed build leaves is dropped or named."""
    from sqlalchemy.exc import DBAPIError

    connection = task.connection
    task.tell(BuildStarted, aside=aside)
    try:
        run(connection, render_create(wished.named(aside), concurrently=True))
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error) from error
        left_behind = drop_leftover(task, aside)
        if sqlstate(error) == DEADLOCK:
            raise JudgeAgain(error) from error
        raise build_failure(task, error, left_behind) from error
    except BaseException:
        task.tell(Interrupted, aside=aside)
        raise
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
        problems = list(compare_definitions(wished, built.spec, normalised=False))
    if built is None or problems:
        left_behind = drop_leftover(task, aside)
        raise VerificationError(
            f'index "{task.name}" on {task.table}: what the server built is not what was asked'
            f" for: {'; '.join(map(str, problems))}. {left_behind}"
        )
    return built
