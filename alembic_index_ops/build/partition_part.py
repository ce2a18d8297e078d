"""A partition's part of an index: its definition, and how it comes to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alembic_index_ops.build.build_aside import build_aside, retrying
from alembic_index_ops.build.failures import NAME_TAKEN, UNCHANGED, build_failure
from alembic_index_ops.build.locks import locked_table, one_builder, strongly_locked_table
from alembic_index_ops.build.name import JudgeAgain
from alembic_index_ops.build.partition_names import leaf_name
from alembic_index_ops.build.plan import find_finished, free_aside
from alembic_index_ops.build.statistics import analyze_if_asked
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.partitions import Partition
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.sql import render_comment, render_create
from alembic_index_ops.events import ParentCreated

LeafBuilder = Callable[[Task, IndexSpec], bool]


def spec_on(wished: IndexSpec, partition: Partition, name: str | None = None) -> IndexSpec:
    """The same definition for one of the partitions, under its part's name or this one."""
    table = partition.table
    name = name or leaf_name(wished.name, partition)
    return replace(wished, name=name, table=table.name, schema=table.schema)


def create_parent(task: Task, wished: IndexSpec, tags: str | None) -> None:
    """Make the index of a partitioned table alone, with this comment; INVALID until it has parts.

    Writers wait no longer than stall_timeout. Raises as a build does, and JudgeAgain where the name
    has just been taken.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        with strongly_locked_table(task, "SHARE", only=True):
            run(task.connection, render_create(wished, only=True))
            if tags is not None:
                run(task.connection, render_comment(wished.name, task.table.schema, tags))
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error, f'the name "{wished.name}" has just been taken') from error
        raise build_failure(task, error, UNCHANGED) from error
    task.tell(ParentCreated)


def build_part_aside(task: Task, wished: IndexSpec) -> bool:
    """A part of a tree that is made aside: it keeps its name aside until the tree has its own."""
    with session(task), one_builder(task):
        have_aside(task, wished)
        analyze_if_asked(task)
    return False


def have_aside(task: Task, wished: IndexSpec) -> ObservedIndex:
    """The index under a name aside, finished by an earlier run or built now.

    To be asked while no other build of ours is on the table (`one_builder`).
    """

    def look_and_build() -> ObservedIndex:
        with locked_table(task):
            state = task.read_state()
            finished = find_finished(wished, state, task.comparing(wished))
        return finished or build_aside(task, wished, free_aside(wished, state))

    return retrying(task, look_and_build)
