"""Dropping the index of a partitioned table, and giving back what it had taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.anothers import find_anothers
from alembic_index_ops.build.attach import render_attach
from alembic_index_ops.build.debris import BUDGET_SECONDS, drop_debris, drop_debris_inside
from alembic_index_ops.build.failures import GONE, drop_failure
from alembic_index_ops.build.locks import PASSING, one_builder, strongly_locked_table
from alembic_index_ops.build.naming import is_moved_out
from alembic_index_ops.build.partition_part import have_aside
from alembic_index_ops.build.partition_read import read_parts
from alembic_index_ops.build.plan import free_aside
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.catalog.session import run, settings, sqlstate, transaction
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.definition.sql import (
    render_comment,
    render_create,
    render_drop,
    render_rename,
)
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.errors import IndexOpsError
from alembic_index_ops.events import DebrisDropped, DropStarted, LeafGivenBack, TreeLeft

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex


def drop_partitioned(task: Task, index: ObservedIndex) -> None:
    """Drop the index with all its parts, in tries of stall_timeout.

    PostgreSQL cannot detach a part: of those that this downgrade's revision did not make, a copy
    is built first, which takes the name when the other goes. Where another hand had indexed a
    partition that has partitions, the copies become parts of that one's index again.
    """
    task.tell(DropStarted, concurrently=False)
    _drop(task, index, _anothers_of_downgrade(task, index))


def drop_partitioned_inside(task: Task, index: ObservedIndex) -> None:
    """The same in the transaction that is open, in which the table is locked already."""
    _drop_now(task, index, _anothers_of_downgrade(task, index))


def drop_leftovers(task: Task, leftovers: Sequence[ObservedIndex]) -> None:
    """Drop what earlier builds left on a table, within a budget; what stays is told of."""
    if not task.table.partitioned:
        drop_debris(task, [index.name for index in leftovers])
        return
    for tree in leftovers:
        drop_tree(task, tree, BUDGET_SECONDS, earlier=True)


def drop_tree(task: Task, tree: ObservedIndex, budget: float, *, earlier: bool) -> None:
    """Drop a tree that serves nobody any more, in tries of stall_timeout; what it had taken over
    is given back.

    What is left after `budget` seconds is told of, and dropped by the next operation.
    """
    limit = min(budget, task.settings.lock_timeout)
    old = replace(task, name=tree.name, settings=replace(task.settings, lock_timeout=limit))
    try:
        _drop(old, tree, _all_anothers(task, tree))
    except IndexOpsError as error:
        if task.connection.invalidated:
            raise
        task.tell(TreeLeft, name=tree.name, reason=str(error).partition("\n")[0])
    else:
        task.tell(DebrisDropped, name=tree.name, earlier=earlier)


def drop_leftovers_inside(task: Task, leftovers: Sequence[ObservedIndex]) -> None:
    """The same in the transaction that is open, each in one try of stall_timeout."""
    from sqlalchemy.exc import DBAPIError

    if not task.table.partitioned:
        drop_debris_inside(task, [index.name for index in leftovers])
        return
    stall = milliseconds(task.settings.stall_timeout)
    for tree in leftovers:
        old = replace(task, name=tree.name)
        try:
            with settings(task.connection, lock_timeout=stall), transaction(task.connection):
                _drop_now(old, tree, _all_anothers(task, tree))
        except DBAPIError as error:
            if sqlstate(error) not in PASSING:
                raise
            task.tell(TreeLeft, name=tree.name, reason="the table is in use")
        else:
            task.tell(DebrisDropped, name=tree.name)


def _anothers_of_downgrade(task: Task, index: ObservedIndex) -> Sequence[ObservedIndex]:
    """What the revision that is undone had only taken in."""
    revision = task.revision
    if revision is None or revision.upgrade:
        return []
    return find_anothers(index, read_parts(task, index.name), revision.id)


def _all_anothers(task: Task, tree: ObservedIndex) -> Sequence[ObservedIndex]:
    """What any revision had taken in: it was not asked to drop that one."""
    return find_anothers(tree, read_parts(task, tree.name))


def _drop(task: Task, index: ObservedIndex, anothers: Sequence[ObservedIndex]) -> None:
    from sqlalchemy.exc import DBAPIError

    copies: dict[int, ObservedIndex] = {}
    try:
        with ExitStack() as stack:
            for part in anothers:
                if not part.partitioned:
                    copies[part.oid] = _copy(task, part, stack)
            unchanged = "Nothing was dropped" if copies else "Nothing was changed"
            try:
                with strongly_locked_table(task, "ACCESS EXCLUSIVE", unchanged=unchanged):
                    run(task.connection, render_drop(index.name, task.table.schema))
                    _give_back(task, index, anothers, copies)
            except DBAPIError as error:
                if sqlstate(error) != GONE:
                    raise drop_failure(
                        task, error, concurrently=False, unchanged=unchanged
                    ) from error
    except IndexOpsError as error:
        if not copies:
            raise
        raise type(error)(f"{error}\n{_tell_copies(copies.values())}") from error
    for part in anothers:
        task.tell(LeafGivenBack, leaf=part.name)


def _tell_copies(copies: Iterable[ObservedIndex]) -> str:
    drops = " ".join(
        f"{render_drop(copy.name, copy.schema, concurrently=True)};" for copy in copies
    )
    return (
        "Copies of what is given back then are built already, and the next run takes them; to do"
        f" without: {drops}"
    )


def _drop_now(task: Task, index: ObservedIndex, anothers: Sequence[ObservedIndex]) -> None:
    copies = {part.oid: _copy_now(task, part) for part in anothers if not part.partitioned}
    run(task.connection, render_drop(index.name, task.table.schema))
    _give_back(task, index, anothers, copies)
    for part in anothers:
        task.tell(LeafGivenBack, leaf=part.name)


def _copy(task: Task, part: ObservedIndex, stack: ExitStack) -> ObservedIndex:
    """A copy of the part, under a name aside; nobody else builds on that partition meanwhile."""
    table = Table(part.table_oid, part.schema, part.table, "r")
    leaf = replace(task, table=table, name=part.name)
    stack.enter_context(one_builder(leaf))
    return have_aside(leaf, part.spec)


def _copy_now(task: Task, part: ObservedIndex) -> ObservedIndex:
    table = Table(part.table_oid, part.schema, part.table, "r")
    state = replace(task, table=table, name=part.name).read_state()
    copy = part._replace(name=free_aside(part.spec, state))
    run(task.connection, render_create(part.spec.named(copy.name)))
    return copy


def _give_back(
    task: Task,
    tree: ObservedIndex,
    parts: Sequence[ObservedIndex],
    copies: Mapping[int, ObservedIndex],
) -> None:
    """Make of the copies what was there; an index comes before its own parts."""
    given: dict[int | None, ObservedIndex] = {}
    for part in parts:
        if part.partitioned:
            run(task.connection, render_create(part.spec, only=True))
        else:
            run(task.connection, render_rename(copies[part.oid].name, part.schema, part.name))
        comment = _comment_without_tree(task, tree, part)
        if comment is not None:
            run(task.connection, render_comment(part.name, part.schema, comment))
        if part.parent_oid in given:
            run(task.connection, render_attach(given[part.parent_oid], part))
        given[part.oid] = part


def _comment_without_tree(task: Task, tree: ObservedIndex, part: ObservedIndex) -> str | None:
    """The comment of what is given back: a tree that is undone, or was never finished, has not
    adopted it. One that was replaced has, and takes it in again when it is restored."""
    tags, revision = parse_comment(part.comment), task.revision
    if revision is None or revision.id not in tags.adopted_by:
        return part.comment
    if revision.upgrade and is_moved_out(tree.name, tree.oid):
        return part.comment
    return tags.release(revision.id).render()
