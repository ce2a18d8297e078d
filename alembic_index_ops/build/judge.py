"""What is there, and what is to become of it: reading, then the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.partition_read import read_parts
from alembic_index_ops.build.plan import Compare, CreatePlan, Revision, State, plan_create
from alembic_index_ops.build.refusals import refuse_swapping
from alembic_index_ops.catalog.dependents import Dependents, read_dependents
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.definition.sql import render_create
from alembic_index_ops.events import Corpse, Replacing

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.definition.stored import Former

    Plan = Callable[[IndexSpec, State, Revision | None, Compare, Dependents | None], CreatePlan]


def judge(
    task: Task,
    wished: IndexSpec,
    replacing: bool,
    former: Former | None = None,
    plan: Plan = plan_create,
) -> tuple[CreatePlan, Dependents]:
    """The plan, and what stands on the index that is replaced, if one is.

    With `former` it is to become again what it was, to the tablespace and the statistics. To be
    asked while nobody can build on the table. Raises what plan_create raises.
    """
    compare = task.comparing(wished, any_tablespace=former is None)
    if not replacing:
        state = task.read_state_to_create()
        planned = plan(wished, state, task.revision, compare, None)
        _refuse_parts(task, wished, planned)
        return planned, Dependents()
    state = task.read_and_doubt()
    current = state.named(wished.name)
    dependents = read_dependents(task.connection, task.table, current.oid if current else 0)
    planned = plan(wished, state, task.revision, compare, dependents)
    _refuse_parts(task, wished, planned)
    return replace(planned, statistics=() if former is None else former.statistics), dependents


def _refuse_parts(task: Task, wished: IndexSpec, planned: CreatePlan) -> None:
    """Raise ReplaceRefusedError where something that cannot move stands on a part of a tree that
    is to be replaced."""
    if planned.corpse is None or not planned.corpse.partitioned:
        return
    for part in read_parts(task, task.name):
        table = Table(part.table_oid, part.schema, part.table, "r")
        dependents = read_dependents(task.connection, table, part.oid)
        refuse_swapping(wished, part._replace(parent_oid=None), table, dependents)


def tell_corpse(task: Task, wished: IndexSpec, corpse: ObservedIndex | None) -> None:
    """Tell of the index whose name the new one takes."""
    if corpse is None:
        return
    if corpse.usable:
        unique = wished.unique or corpse.unique
        task.tell(Replacing, definition=render_create(corpse.spec), unique=unique)
    else:
        task.tell(Corpse, state=corpse.state)
