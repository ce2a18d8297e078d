"""Indexes of partitioned tables: the parent's ON ONLY, every leaf's concurrently, then ATTACH.

The parent's index stays INVALID until each partition, at every level, has its part of it: an
INVALID one is unfinished work, and the next run goes on. It has its final name from the start,
unless another index has that, which serves until the new tree is whole and takes its place.
https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from alembic_index_ops.build.adopt import adopt
from alembic_index_ops.build.build_aside import retrying
from alembic_index_ops.build.failures import UNCHANGED, build_failure
from alembic_index_ops.build.judge import judge, tell_corpse
from alembic_index_ops.build.locks import locked_table, one_builder
from alembic_index_ops.build.name import give_name, leftovers_of, settle
from alembic_index_ops.build.partition_drop import drop_leftovers, drop_tree
from alembic_index_ops.build.partition_part import LeafBuilder, build_part_aside, create_parent
from alembic_index_ops.build.partition_round import BUILT_STAYS, Round
from alembic_index_ops.build.partition_swap import read_successions
from alembic_index_ops.build.partition_tree import Tree, read_misfits
from alembic_index_ops.build.plan import CreatePlan, tags_of_new
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import refuse_foreign
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.build.tree_plan import plan_tree
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.partitions import read_partitions
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.stored import Former
from alembic_index_ops.errors import VerificationError
from alembic_index_ops.events import Named, ParentUnfinished, Taken

_ROUNDS = 20


def run_create_partitioned(
    task: Task,
    wished: IndexSpec,
    comment: str | None,
    build_leaf: LeafBuilder,
    *,
    replacing: bool = False,
    former: Former | None = None,
) -> bool:
    """Create the index on the parent and on all its partitions; in autocommit.

    `build_leaf` builds one leaf's index, named and tagged, as on any table. Partitions that are
    added meanwhile are taken in. With `replacing`, a tree of another definition serves until the
    new one takes its name. True where it is kept as this revision found it, and its tags are due.
    Raises as a build does; the same call again goes on.
    """
    with session(task), one_builder(task):
        return retrying(task, lambda: _create(task, wished, comment, build_leaf, replacing, former))


def _create(
    task: Task,
    wished: IndexSpec,
    comment: str | None,
    build_leaf: LeafBuilder,
    replacing: bool,
    former: Former | None,
) -> bool:
    plan, dependents = _look(task, wished, replacing, former)
    if plan.present is not None or plan.adopt is not None:
        _finish(task, wished, task.name, build_leaf)
    if settle(task, plan):
        drop_leftovers(task, plan.debris)
        return plan.keep is not None
    tell_corpse(task, wished, plan.corpse)
    started = time.monotonic()
    name = _begin(task, wished, comment, plan)
    if name == task.name:
        _finish(task, wished, name, build_leaf)
        _adopt_unfinished(task, plan.take)
    else:
        _finish(task, wished, name, build_part_aside)
        _swap(task, name, plan, comment, dependents)
    task.tell(Named, seconds=time.monotonic() - started)
    debris = leftovers_of(plan)
    if plan.corpse is not None:
        drop_tree(task, debris.pop(), task.settings.lock_timeout, earlier=False)
    drop_leftovers(task, debris)
    return False


def _look(
    task: Task, wished: IndexSpec, replacing: bool, former: Former | None
) -> tuple[CreatePlan, Dependents]:
    """Judge while nobody can build on the table, or add a partition to it."""
    from sqlalchemy.exc import DBAPIError

    try:
        misfits = read_misfits(task, wished)
        with locked_table(task):
            found = judge(task, wished, replacing, former, partial(plan_tree, misfits=misfits))
            if found[0].build is not None:
                partitions = read_partitions(task.connection, task.table)
                foreign = [each.table for each in partitions if each.table.kind == "f"]
                refuse_foreign(wished, task.table, foreign)
            return found
    except DBAPIError as error:
        raise build_failure(task, error, UNCHANGED) from error


def _begin(task: Task, wished: IndexSpec, comment: str | None, plan: CreatePlan) -> str:
    """The name that the parent's index has while its parts are made; it is there, if INVALID."""
    if plan.take is None:
        name = str(plan.build)
        tags = tags_of_new(comment, task.revision, None).render() if name == task.name else None
        create_parent(replace(task, name=name), wished.named(name), tags)
        return name
    if plan.take.usable:
        task.tell(Taken, aside=plan.take.name)
    else:
        replace(task, name=plan.take.name).tell(ParentUnfinished)
    return plan.take.name


def _finish(task: Task, wished: IndexSpec, name: str, build_leaf: LeafBuilder) -> None:
    """Go on until every partition has its part of the tree under that name."""
    for _ in range(_ROUNDS):
        if Round(Tree(task, wished, name)).advance(build_leaf):
            return
    raise VerificationError(
        f'index "{task.name}" on {task.table}: partitions were added faster than they could be'
        " indexed. Run the migration again."
    )


def _swap(
    task: Task, name: str, plan: CreatePlan, comment: str | None, dependents: Dependents
) -> None:
    """The finished tree gets the index's name, and its parts theirs, in one transaction."""
    aside = task.read_state().named(name)
    if aside is None or not aside.usable:
        raise VerificationError(
            f'index "{task.name}" on {task.table}: its new tree "{name}" was changed by somebody'
            " else meanwhile. Run the migration again."
        )
    parts = read_successions(task, aside, plan.corpse)
    give_name(task, aside, plan, comment, dependents, parts)


def _adopt_unfinished(task: Task, found: ObservedIndex | None) -> None:
    """What another hand began is adopted, as what another hand made is."""
    revision = task.revision
    if found is None or revision is None or not revision.upgrade:
        return
    tags = parse_comment(found.comment)
    if tags.built_by != revision.id and revision.id not in tags.adopted_by:
        adopt(task, found, BUILT_STAYS)
