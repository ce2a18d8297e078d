"""The partitions of a table and their indexes, as they are now; what can be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from alembic_index_ops.build.naming import is_aside, is_aside_of, own_asides
from alembic_index_ops.build.partition_names import read_free_names
from alembic_index_ops.build.partition_part import spec_on
from alembic_index_ops.build.partition_read import read_patiently
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.task import Task
from alembic_index_ops.build.tree_plan import Misfit, Misfits
from alembic_index_ops.catalog.indexes import ObservedIndex, read_index_names, read_indexes
from alembic_index_ops.catalog.partitions import Partition, read_partitions
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.catalog.twin import normalise
from alembic_index_ops.definition.compare import Difference, compare_definitions
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import CannotJudgeError, VerificationError


class Tree:
    """The partitions and their indexes, as they were when this was made.

    `root` is the name of the parent's index, where that is made aside: then its parts are too.
    """

    def __init__(self, task: Task, wished: IndexSpec, root: str) -> None:
        self.task, self.wished, self.root = task, wished, root
        self.aside = root != wished.name
        self.partitions = read_partitions(task.connection, task.table)
        oids = [task.table.oid, *(each.table.oid for each in self.partitions)]
        self.indexes: dict[int, list[ObservedIndex]] = {oid: [] for oid in oids}
        for index in read_patiently(task, lambda: read_indexes(task.connection, table_oids=oids)):
            self.indexes[index.table_oid].append(index)

    def find_root(self) -> ObservedIndex:
        """The parent's index. Raises VerificationError where it is gone."""
        for index in self.indexes[self.task.table.oid]:
            if index.name == self.root:
                return index
        raise VerificationError(
            f'index "{self.root}" on {self.task.table}: somebody else dropped or renamed it while'
            " its partitions were indexed. Run the migration again."
        )

    @property
    def foreign(self) -> list[Table]:
        """The partitions that cannot be indexed."""
        return [each.table for each in self.partitions if each.table.kind == "f"]

    @cached_property
    def free_names(self) -> Mapping[int, str]:
        """The name that a part of each partition, by its OID, gets where it has none."""
        return read_free_names(
            self.task.connection, self.wished.name, self.partitions, self.indexes
        )

    def attached(self, partition: Partition, parent: ObservedIndex) -> ObservedIndex | None:
        """The partition's part of the parent's index."""
        found = self._below.get(parent.oid, ())
        return next((index for there, index in found if there == partition), None)

    def misfits(self) -> Misfits:
        """The trees of the wished definition that have another part: its OID, and the first one."""
        roots = self.indexes[self.task.table.oid]
        names = own_asides(self.wished, len(roots)) | {self.wished.name}
        found = {
            root.oid: self.misfit(root)
            for root in roots
            if root.name in names and root.partitioned and self._fits(root)
        }
        return {oid: misfit for oid, misfit in found.items() if misfit is not None}

    def misfit(self, root: ObservedIndex) -> Misfit | None:
        """A part of that index, at any level, which is not as asked.

        PostgreSQL attaches one of another order without a word, and makes one of what a table has
        that becomes a partition.
        """
        parents = [root]
        for parent in parents:
            for partition, index in self._below.get(parent.oid, ()):
                parents.append(index)
                if not self._fits(index):
                    return Misfit(index, partition.table, tuple(self._differences(index)))
        return None

    def matching(self, partition: Partition) -> ObservedIndex | None:
        """An index of the partition that can become its part: ours of an earlier run, or any."""
        return next(
            (
                index
                for index in self.indexes[partition.table.oid]
                if (index.usable or index.partitioned)
                and self._may_take(partition, index)
                and index.parent_oid is None
                and index.constraint_type is None
                and not index.replica_identity
                and index.partitioned == partition.table.partitioned
                and not self._differences(index)
                and self.misfit(index) is None
            ),
            None,
        )

    @cached_property
    def _below(self) -> Mapping[int, Sequence[tuple[Partition, ObservedIndex]]]:
        """The parts of each index, by its OID."""
        found: dict[int, list[tuple[Partition, ObservedIndex]]] = {}
        for partition in self.partitions:
            for index in self.indexes[partition.table.oid]:
                if index.parent_oid is not None:
                    found.setdefault(index.parent_oid, []).append((partition, index))
        return found

    def _may_take(self, partition: Partition, index: ObservedIndex) -> bool:
        """Whether the tree may have this index, if that is as asked.

        What has a name aside gets its own first, or goes; of a tree that is made aside the parts
        have such names. It takes in what others made where that can be told afterwards: what an
        upgrade finds, and what a downgrade's tree had before.
        """
        if is_aside(index.name):
            here = spec_on(self.wished, partition)
            number = len(self.indexes[partition.table.oid])
            return self.aside and index.name in own_asides(here, number)
        revision = self.task.revision
        if not self.aside or (revision is not None and revision.upgrade):
            return True
        takers = parse_comment(index.comment).adopted_by
        return revision is not None and not self._had_by.isdisjoint(takers)

    @cached_property
    def _had_by(self) -> frozenset[str]:
        """The revisions that made the index that has the name, or took it over."""
        tags = [
            parse_comment(index.comment)
            for index in self.indexes[self.task.table.oid]
            if index.name == self.wished.name
        ]
        return frozenset().union(*(each.revisions for each in tags))

    def _fits(self, index: ObservedIndex) -> bool:
        """Whether it is as asked; PostgreSQL compares expressions and predicates by itself, where
        it attaches, so what only they leave open is."""
        try:
            return not self._differences(index)
        except CannotJudgeError:
            return True

    def _differences(self, index: ObservedIndex) -> Sequence[Difference]:
        """How a partition's index differs in what PostgreSQL wants, or should want, alike."""

        def compare(wished: IndexSpec, normalised: bool) -> Sequence[Difference]:
            alike = replace(
                wished,
                storage_parameters=index.spec.storage_parameters,
                tablespace=index.spec.tablespace,
            )
            return compare_definitions(alike, index.spec, normalised=normalised)

        try:
            return compare(self._stored, True)
        except CannotJudgeError:
            evident = compare(self.wished, False)
            if not evident:
                raise
            return evident

    @cached_property
    def _stored(self) -> IndexSpec:
        """The definition in the server's words; asked for once, not of each partition."""
        [stored] = normalise(self.task.connection, self.task.table, [self.wished])
        return stored


def read_misfits(task: Task, wished: IndexSpec) -> Misfits:
    """The trees of this definition on the table that have a part of another; none is the rule,
    and where there is no such tree yet, that takes one query."""
    if not task.table.partitioned or not any(
        name == wished.name or is_aside_of(name, wished.name)
        for name in read_index_names(task.connection, task.table)
    ):
        return {}
    return Tree(task, wished, wished.name).misfits()
