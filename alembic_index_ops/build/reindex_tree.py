"""Rebuilding the index of a partitioned table: each partition's part, then the parent's state.

PostgreSQL has nothing to rebuild of the parent's own index, which holds no rows. It is INVALID
until each partition has its valid part, and stays so where an INVALID part becomes valid later.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.attach import attach
from alembic_index_ops.build.partition_read import read_parts, read_patiently
from alembic_index_ops.build.reindex import (
    missing_index,
    refuse_corrupting_version,
    run_reindex,
)
from alembic_index_ops.build.task import session
from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.partitions import read_partitions
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.events import ParentCompleted, ReindexSkipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.catalog.partitions import Partition


def run_reindex_partitioned(task: Task, index_name: str | None) -> None:
    """Rebuild an index's parts, or (None) all indexes of the partitions; in autocommit.

    Then an INVALID parent whose partitions all have their valid part is completed, at each level;
    why another is not is told. Raises as `run_reindex` does.
    """
    refuse_corrupting_version(task.connection.dialect.server_version_info or ())
    with session(task):
        if index_name is None:
            _rebuild_all(task)
        else:
            _rebuild_parts(task, index_name)


def complete_parents(task: Task, names: frozenset[str] | None = None) -> None:
    """Complete what can be of the table's own INVALID indexes (of these names); tell of the rest.

    The levels below come first.
    """
    partitions = [
        each
        for each in read_partitions(task.connection, task.table)
        if each.parent_oid == task.table.oid
    ]
    oids = [task.table.oid, *(each.table.oid for each in partitions)]
    found = read_patiently(task, lambda: read_indexes(task.connection, table_oids=oids))
    for index in found:
        if index.table_oid != task.table.oid or index.usable:
            continue
        if names is None or index.name in names:
            parts = {part.table_oid: part for part in found if part.parent_oid == index.oid}
            _complete(replace(task, name=index.name), index, partitions, parts)


def _rebuild_parts(task: Task, index_name: str) -> None:
    own = read_indexes(task.connection, table_oids=[task.table.oid])
    if not any(index.name == index_name for index in own):
        raise missing_index(task, index_name)
    parts = read_parts(task, index_name)
    for part in parts:
        if not part.partitioned:
            table = Table(part.table_oid, part.schema, part.table, "r")
            run_reindex(replace(task, table=table, name=part.name), part.name)
    names = frozenset(part.name for part in parts if part.partitioned)
    for partition in reversed(read_partitions(task.connection, task.table)):
        if partition.table.partitioned:
            complete_parents(replace(task, table=partition.table), names)
    complete_parents(task, frozenset({index_name}))


def _rebuild_all(task: Task) -> None:
    partitions = read_partitions(task.connection, task.table)
    oids = [each.table.oid for each in partitions if not each.table.partitioned]
    indexes = read_patiently(task, lambda: read_indexes(task.connection, table_oids=oids))
    indexed = {index.table_oid for index in indexes}
    for partition in partitions:
        if partition.table.oid in indexed:
            run_reindex(replace(task, table=partition.table), None)
    for partition in reversed(partitions):
        if partition.table.partitioned:
            complete_parents(replace(task, table=partition.table))
    complete_parents(task)


def _complete(
    task: Task,
    index: ObservedIndex,
    partitions: Sequence[Partition],
    parts: dict[int, ObservedIndex],
) -> None:
    """Attach a part again, which makes PostgreSQL look at all of them."""
    reason = _incomplete_because(index, partitions, parts)
    if reason:
        task.tell(ReindexSkipped, reason=reason)
        return
    [partition, *_] = partitions
    part = parts[partition.table.oid]
    attach(task, index, replace(task, table=partition.table, name=part.name), part)
    task.tell(ParentCompleted)


def _incomplete_because(
    index: ObservedIndex, partitions: Sequence[Partition], parts: dict[int, ObservedIndex]
) -> str:
    """Why the parent's index cannot be completed; empty where it can."""
    start = f"it is {index.state}, and cannot be completed:"
    if not partitions:
        return f"{start} the table has no partition"
    for partition in partitions:
        part = parts.get(partition.table.oid)
        if part is None:
            return (
                f"{start} partition {partition.table} has no part of it; create the index again"
                " with its operation, which goes on with it"
            )
        if not part.usable:
            return f'{start} its part "{part.name}" of partition {partition.table} is {part.state}'
        if part.indoption != index.indoption:
            return (
                f'{start} its part "{part.name}" of partition {partition.table} has another order;'
                " create the index again with its operation, which makes it anew"
            )
    return ""
