"""One round of work on the partitions of a table: each is to have its part of the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from alembic_index_ops.build.adopt import adopt
from alembic_index_ops.build.attach import attach, repair
from alembic_index_ops.build.locks import locked_table, one_builder
from alembic_index_ops.build.many import Job, raise_failures, run_many
from alembic_index_ops.build.name import JudgeAgain
from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.partition_drop import drop_leftovers
from alembic_index_ops.build.partition_loose import left_beside
from alembic_index_ops.build.partition_names import leaf_name
from alembic_index_ops.build.partition_part import LeafBuilder, create_parent, spec_on
from alembic_index_ops.build.partition_read import read_patiently
from alembic_index_ops.build.partition_tree import Tree
from alembic_index_ops.build.plan import State, free_aside, tags_of_new
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import refuse_foreign
from alembic_index_ops.build.task import Task
from alembic_index_ops.build.tree_plan import describe_misfit
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.partitions import Partition, read_partitions
from alembic_index_ops.errors import IndexOpsError, VerificationError
from alembic_index_ops.events import LeafAdopted, LeafRepaired, PartitionGone

BUILT_STAYS = "What is built stays."


class Round:
    """What is to be done for one look at the partitions (`tree`)."""

    def __init__(self, tree: Tree) -> None:
        self._tree, self._task = tree, tree.task
        self._lost = False

    def advance(self, build_leaf: LeafBuilder) -> bool:
        """Do what is to be done; whether all was done already.

        Raises JudgeAgain where a partition came meanwhile with a part that is not as asked, and
        UnsupportedError for a foreign table that keeps the parent's index from being valid.
        """
        tree = self._tree
        root = tree.find_root()
        self._refuse(root)
        # Each table's part of the index, by the table's OID: the upper levels come first.
        parts: dict[int, ObservedIndex | None] = {self._task.table.oid: root}
        jobs, to_attach = [], []
        for partition in tree.partitions:
            parent = parts.get(partition.parent_oid)
            if parent is None or partition.table.kind == "f":
                continue
            with self._unless_gone(self._task, partition):
                part = tree.attached(partition, parent)
                if part is not None:
                    self._mend(partition, part)
                else:
                    part = tree.matching(partition)
                    if part is not None:
                        self._clean(partition, part)
                    elif partition.table.partitioned:
                        part = self._create_middle(partition)
                    else:
                        jobs.append(self._job(partition, build_leaf))
                    if part is not None:
                        to_attach.append((parent, partition, part))
                parts[partition.table.oid] = part
        for parent, partition, part in to_attach:
            with self._unless_gone(self._task, partition):
                self._take(parent, partition, part)
        if jobs:
            several = run_many(self._task.connection, jobs, self._task.settings.workers)
            raise_failures(several, "built")
        if jobs or to_attach or self._lost:
            return False
        return self._finish(root, parts)

    def _refuse(self, root: ObservedIndex) -> None:
        if not root.usable:
            refuse_foreign(self._tree.wished, self._task.table, self._tree.foreign, begun=True)
        misfit = self._tree.misfit(root)
        if misfit is not None:
            raise JudgeAgain(
                VerificationError(
                    f'index "{self._task.name}" on {self._task.table}: partitions are attached'
                    f" again and again whose index becomes part of it though it is another:"
                    f" {describe_misfit(misfit)}. {BUILT_STAYS} Drop such indexes before the"
                    " partition is attached, then run the migration again."
                ),
                f"{describe_misfit(misfit)}; PostgreSQL made it part of the index when its table"
                " became a partition, so the index is built anew",
            )

    @contextmanager
    def _unless_gone(self, task: Task, partition: Partition) -> Iterator[None]:
        """What fails because the partition was dropped, detached or renamed meanwhile is no
        failure: the next round looks again."""
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except (IndexOpsError, DBAPIError):
            connection = task.connection
            if connection.invalidated or partition in read_partitions(connection, self._task.table):
                raise
            self._lost = True
            self._task.tell(PartitionGone, partition=str(partition.table))

    def _mend(self, partition: Partition, part: ObservedIndex) -> None:
        """Of a partition that has its part: drop what a cut run left, repair an INVALID one."""
        self._clean(partition, part)
        if not part.usable and not part.partitioned:
            repair(self._on(partition), part)
            self._task.tell(LeafRepaired, leaf=part.name)

    def _clean(self, partition: Partition, part: ObservedIndex) -> None:
        """Drop what a run left that was cut off after the partition had its part.

        Such a leftover may be in the making still, by the session of a client that is gone: it is
        looked for again when that has ended.
        """
        leaf = self._on(partition)
        if left_beside(leaf, self._tree.indexes[partition.table.oid], part):
            with one_builder(leaf):
                with locked_table(leaf):
                    indexes = read_indexes(leaf.connection, table_oids=[leaf.table.oid])
                drop_leftovers(leaf, left_beside(leaf, indexes, part))

    def _finish(self, root: ObservedIndex, parts: Mapping[int, ObservedIndex | None]) -> bool:
        """All parts are there: a parent that is still INVALID turns valid by an ATTACH again."""
        for partition in reversed(self._tree.partitions):
            part, parent = parts.get(partition.table.oid), parts.get(partition.parent_oid)
            if part is not None and parent is not None and not parent.usable:
                attach(self._task, parent, self._on(partition), part)
        if root.usable:
            return True
        now = self._task.read_state().named(root.name)
        return now is not None and now.usable

    def _on(self, partition: Partition, name: str | None = None) -> Task:
        index_name = name or leaf_name(self._tree.wished.name, partition)
        return replace(self._task, table=partition.table, name=index_name)

    def _create_middle(self, partition: Partition) -> ObservedIndex:
        tree, tags = self._tree, None
        spec = spec_on(tree.wished, partition)
        if tree.aside:
            state = State(partition.table, tree.indexes[partition.table.oid], None)
            spec = spec.named(free_aside(spec, state))
        else:
            spec = spec.named(tree.free_names[partition.table.oid])
            tags = tags_of_new(None, self._task.revision, None).render()
        task = self._on(partition, spec.name)
        create_parent(task, spec, tags)
        indexes = read_patiently(
            task, lambda: read_indexes(task.connection, table_oids=[task.table.oid])
        )
        return next(index for index in indexes if index.name == task.name)

    def _job(self, partition: Partition, build_leaf: LeafBuilder) -> Job:
        tree = self._tree
        name = None if tree.aside else tree.free_names[partition.table.oid]
        wished = spec_on(tree.wished, partition, name)

        def build(task: Task) -> bool:
            with self._unless_gone(task, partition):
                return build_leaf(task, wished)
            return False

        return Job(self._on(partition, wished.name), build)

    def _take(self, parent: ObservedIndex, partition: Partition, part: ObservedIndex) -> None:
        """Attach an index; one that another hand made is told to be adopted first."""
        revision, leaf = self._task.revision, self._on(partition, part.name)
        tags = parse_comment(part.comment)
        ours = is_aside(part.name) or (revision is not None and tags.built_by == revision.id)
        if revision is not None and revision.upgrade and not ours:
            adopt(leaf, part, BUILT_STAYS)
            self._task.tell(LeafAdopted, leaf=part.name, partition=str(partition.table))
        attach(self._task, parent, leaf, part)
