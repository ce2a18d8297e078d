"""Creating an index on a live table: build aside, verify, then name; debris last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from alembic_index_ops.build.at_once import run_create_small
from alembic_index_ops.build.build_aside import build_aside, retrying
from alembic_index_ops.build.debris import drop_replaced
from alembic_index_ops.build.failures import (
    UNCHANGED,
    build_failure,
)
from alembic_index_ops.build.judge import judge, tell_corpse
from alembic_index_ops.build.locks import locked_table, one_builder
from alembic_index_ops.build.name import give_name, leftovers_of, settle
from alembic_index_ops.build.partition_drop import drop_leftovers
from alembic_index_ops.build.partitions import run_create_partitioned
from alembic_index_ops.build.plan import CreatePlan
from alembic_index_ops.build.statistics import analyze_if_asked
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.events import (
    Named,
    Taken,
)

if TYPE_CHECKING:
    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.definition.stored import Former


def run_create(
    task: Task,
    wished: IndexSpec,
    comment: str | None,
    *,
    replacing: bool = False,
    former: Former | None = None,
) -> bool:
    """Create the index concurrently; the connection is in autocommit.

    With `replacing`, an index of that name and another definition serves until the new one has
    taken its name; with `former` too, it becomes what it was before a replacement. True where it
    is kept as this revision found it, and its tags are due. Raises the errors of
    `alembic_index_ops.errors`; after each of them the same call again ends right.
    """
    if task.table.partitioned:
        return run_create_partitioned(
            task, wished, comment, _build_leaf, replacing=replacing, former=former
        )
    with session(task), one_builder(task):
        return retrying(task, lambda: _create(task, wished, comment, replacing, former))


def _create(
    task: Task, wished: IndexSpec, comment: str | None, replacing: bool, former: Former | None
) -> bool:
    plan, dependents = _look(task, wished, replacing, former)
    if settle(task, plan):
        # A run that was cut off may have got as far as the name.
        analyze_if_asked(task)
        drop_leftovers(task, leftovers_of(plan))
        return plan.keep is not None
    tell_corpse(task, wished, plan.corpse)
    started = time.monotonic()
    if plan.take is not None:
        aside = plan.take
        task.tell(Taken, aside=aside.name)
    else:
        aside = build_aside(task, wished, str(plan.build))
    replaces = plan.corpse is not None and plan.corpse.usable
    if replaces:
        # So that the planner knows the new one from the start.
        analyze_if_asked(task)
    give_name(task, aside, plan, comment, dependents)
    task.tell(Named, seconds=time.monotonic() - started)
    debris = leftovers_of(plan)
    if replaces:
        drop_replaced(task, debris.pop().name)
    else:
        analyze_if_asked(task)
    drop_leftovers(task, debris)
    return False


def _build_leaf(task: Task, wished: IndexSpec) -> bool:
    """A partition's index, as on any table: at once where it is tiny."""
    return not run_create_small(task, wished, None) and run_create(task, wished, None)


def _look(
    task: Task, wished: IndexSpec, replacing: bool, former: Former | None
) -> tuple[CreatePlan, Dependents]:
    """Judge while nobody can build on the table."""
    from sqlalchemy.exc import DBAPIError

    try:
        with locked_table(task):
            plan, dependents = judge(task, wished, replacing, former)
    except DBAPIError as error:
        raise build_failure(task, error, UNCHANGED) from error
    return plan, dependents
