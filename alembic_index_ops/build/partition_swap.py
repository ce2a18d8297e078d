"""A tree that was made aside takes the place of the one that has the name."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from alembic_index_ops.build.anothers import find_anothers
from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.partition_names import read_free_names
from alembic_index_ops.build.partition_read import read_parts
from alembic_index_ops.build.plan import tags_of_new
from alembic_index_ops.build.provenance import Provenance, parse_comment
from alembic_index_ops.build.succession import Succession, plan_parts
from alembic_index_ops.catalog.dependents import Dependents, read_dependents
from alembic_index_ops.catalog.partitions import read_partitions
from alembic_index_ops.catalog.tables import Table

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex


def read_successions(
    task: Task,
    new_root: ObservedIndex,
    old_root: ObservedIndex | None,
    taken_in: Container[int] = frozenset(),
) -> list[Succession]:
    """Whose name each part of the new tree takes; `taken_in`: further ones that keep theirs."""
    new = read_parts(task, new_root.name)
    old = read_parts(task, old_root.name) if old_root else ()
    anothers = {part.oid for part in find_anothers(new_root, new)}
    anothers |= {part.oid for part in new if part.oid in taken_in}
    if old_root is not None:
        anothers |= {part.oid for part in find_anothers(old_root, old)}
    dependents = {part.oid: _read_dependents(task, part) for part in old if part.expressions}
    names, maker = _free_names(task, new), _maker(task, old_root).render()
    return list(plan_parts(new, old, anothers, names, maker, dependents))


def _maker(task: Task, old_root: ObservedIndex | None) -> Provenance:
    """Who made a part that follows none: this revision, or who made the tree that is restored."""
    if old_root is None or task.revision is None or task.revision.upgrade:
        return tags_of_new(None, task.revision, None)
    return Provenance(built_by=parse_comment(old_root.comment).built_by)


def _free_names(task: Task, parts: Sequence[ObservedIndex]) -> dict[int, str]:
    """For each part under a name aside, by its table's OID, the name that creating would give."""
    aside = {part.table_oid for part in parts if is_aside(part.name)}
    partitions = [
        partition
        for partition in read_partitions(task.connection, task.table)
        if partition.table.oid in aside
    ]
    return read_free_names(task.connection, task.name, partitions, {})


def _read_dependents(task: Task, part: ObservedIndex) -> Dependents:
    table = Table(part.table_oid, part.schema, part.table, "r")
    return read_dependents(task.connection, table, part.oid)
