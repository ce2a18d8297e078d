"""What unfinished builds of a partitioned index left on the partitions, attached to nothing."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from alembic_index_ops.build.concurrent import run_concurrently
from alembic_index_ops.build.failures import GONE, drop_failure
from alembic_index_ops.build.leftovers import find_debris
from alembic_index_ops.build.locks import strongly_locked_table
from alembic_index_ops.build.partition_drop import drop_leftovers
from alembic_index_ops.build.partition_names import leaf_name, part_names
from alembic_index_ops.build.partition_read import read_patiently
from alembic_index_ops.build.plan import State
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.reindex import find_left_by_reindex
from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.partitions import read_partitions
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.sql import render_drop

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex


def drop_loose_parts(task: Task) -> None:
    """Drop what an unfinished build left on the partitions: parts of ours that nobody attached,
    and leftovers of theirs."""
    partitions = read_partitions(task.connection, task.table)
    oids = [partition.table.oid for partition in partitions]
    found: dict[int, list[ObservedIndex]] = {oid: [] for oid in oids}
    for index in read_patiently(task, lambda: read_indexes(task.connection, table_oids=oids)):
        found[index.table_oid].append(index)
    for partition in partitions:
        leaf = replace(task, table=partition.table, name=leaf_name(task.name, partition))
        names = list(islice(part_names(task.name, partition), len(found[leaf.table.oid]) + 1))
        if not any(_loose(leaf, State(leaf.table, found[leaf.table.oid], None), names)):
            continue
        # Again: the drops before this one may have taken long.
        parts, debris = _loose(leaf, leaf.read_state(), names)
        for part in parts:
            _drop(replace(leaf, name=part.name), part)
        drop_leftovers(leaf, debris)


def left_beside(
    leaf: Task, indexes: Sequence[ObservedIndex], part: ObservedIndex
) -> list[ObservedIndex]:
    """What builds and repairs left on a partition that has its part; of a part with a name of its
    own, also the copy that a drop which was cut off would have given back."""
    state = State(leaf.table, indexes, None)
    found = {
        index.oid: index
        for name in (leaf.name, part.name)
        for index in find_debris(name, state)
        if index.oid != part.oid
    }
    return [*found.values(), *find_left_by_reindex(indexes)]


def _loose(
    leaf: Task, state: State, names: Container[str]
) -> tuple[Sequence[ObservedIndex], Sequence[ObservedIndex]]:
    """Parts of ours that nobody attached, and leftovers."""
    parts = [
        index
        for index in state.indexes
        if index.name in names and index.parent_oid is None and _is_ours(leaf, index)
    ]
    return parts, find_debris(leaf.name, state)


def _drop(leaf: Task, part: ObservedIndex) -> None:
    from sqlalchemy.exc import DBAPIError

    if part.partitioned:
        try:
            with strongly_locked_table(leaf, "ACCESS EXCLUSIVE"):
                run(leaf.connection, render_drop(part.name, part.schema))
        except DBAPIError as error:
            raise drop_failure(leaf, error, concurrently=False) from error
        return
    statement = render_drop(part.name, part.schema, concurrently=True)
    error_ = run_concurrently(leaf, statement, drops_valid=part.usable).error
    if error_ is not None and sqlstate(error_) != GONE:
        raise drop_failure(leaf, error_, concurrently=True) from error_


def _is_ours(task: Task, part: ObservedIndex) -> bool:
    return task.revision is not None and parse_comment(part.comment).built_by == task.revision.id
