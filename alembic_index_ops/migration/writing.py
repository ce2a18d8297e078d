"""Changes of a table's indexes -> operations, past the user's filters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic.operations.ops import AddConstraintOp, DropColumnOp, ModifyTableOps

from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.definition.model import to_index
from alembic_index_ops.listeners import logger
from alembic_index_ops.migration.comparable import Declared, read_declared
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.placing import BoundCreateOp, Mark, TableOperations
from alembic_index_ops.migration.replace_ops import ReplaceIndexOp

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Index

    from alembic_index_ops.catalog.changes import Changed, Changes
    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.definition.spec import IndexSpec


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the operations of one table: `mark` where they are to stand, in `modify`."""

    context: AutogenContext
    mark: Mark
    modify: ModifyTableOps

    def create_table(self, declared: list[Declared]) -> TableOperations:
        """Every index of a table that is created."""
        created = [
            BoundCreateOp(each.spec)
            for each in declared
            if self._included(each.index, each.spec.name, False, None)
        ]
        return TableOperations(after=created)

    def drop_table(self, observed: list[ObservedIndex]) -> TableOperations:
        """Every index of a table that is dropped: so that a downgrade builds them again."""
        dropped = [self._drop(index, bound=True) for index in observed if self._wanted_gone(index)]
        return TableOperations(before=dropped)

    def alter_table(
        self, changes: Changes, used_columns: Mapping[int, Collection[str]]
    ) -> TableOperations:
        """What makes the indexes of a table that stays as they are declared."""
        if not (changes.added or changes.removed or changes.changed):
            return TableOperations()
        declared = {each.spec.name: each for each in read_declared(self.mark.declared)}
        names = {
            str(getattr(op, "constraint_name", ""))
            for op in self.modify.ops
            if isinstance(op, AddConstraintOp)
        }
        bound: list[DropConcurrentIndexOp] = []
        dropped: list[DropConcurrentIndexOp] = []
        removed = [index for index in changes.removed if self._wanted_gone(index)]
        for index in removed:
            is_bound = index.name in names
            (bound if is_bound else dropped).append(self._drop(index, bound=is_bound))
        replaced = [change for change in changes.changed if self._altered(change, declared)]
        written = [
            CreateConcurrentIndexOp(spec)
            for spec in changes.added
            if self._added(declared[spec.name])
        ]
        written += map(self._replace, replaced)
        gone = {str(op.column_name) for op in self.modify.ops if isinstance(op, DropColumnOp)}
        outgoing = [*removed, *(change.observed for change in replaced)]
        return TableOperations(
            before=bound,
            concurrent=[*sorted(written, key=lambda op: op.spec.name), *dropped],
            holds_columns=any(not gone.isdisjoint(used_columns[old.oid]) for old in outgoing),
        )

    def _added(self, declared: Declared) -> bool:
        included = self._included(declared.index, declared.spec.name, False, None)
        if included:
            logger.info("Detected added index %r on %r", declared.spec.name, self.mark.table_name)
        return included

    def _wanted_gone(self, observed: ObservedIndex) -> bool:
        included = self._included(self._reflected(observed), observed.name, True, None)
        if included:
            logger.info("Detected removed index %r on %r", observed.name, self.mark.table_name)
        return included

    def _altered(self, change: Changed, declared: dict[str, Declared]) -> bool:
        name = change.declared.name
        reflected = self._reflected(change.observed)
        included = self._included(declared[name].index, name, False, reflected)
        if included:
            logger.info(
                "Detected changed index %r on %r: %s",
                name,
                self.mark.table_name,
                "; ".join(map(str, change.differences)),
            )
        return included

    def _included(self, index: Index, name: str, reflected: bool, other: Index | None) -> bool:
        return self.context.run_object_filters(index, name, "index", reflected, other)

    def _reflected(self, observed: ObservedIndex) -> Index:
        """The database's index as SQLAlchemy has reflected it, or would have."""
        table = self.mark.reflected
        for index in table.indexes:
            if index.name == observed.name:
                found: Index = index
                return found
        return to_index(observed.spec, table)

    def _drop(self, index: ObservedIndex, *, bound: bool) -> DropConcurrentIndexOp:
        """The drop, which knows how to build the index again.

        `bound`: it goes in the transaction of what comes next, which locks the table as much.
        """
        before = self._here(index)
        create = BoundCreateOp if bound else CreateConcurrentIndexOp
        return DropConcurrentIndexOp(
            before.name,
            before.table,
            schema=before.schema,
            concurrently=False if bound else "auto",
            reverse_of=create(before, comment=parse_comment(index.comment).comment),
        )

    def _replace(self, change: Changed) -> ReplaceIndexOp:
        return ReplaceIndexOp(change.declared, before=self._here(change.observed))

    def _here(self, index: ObservedIndex) -> IndexSpec:
        """The database's definition, on the table as the model or Alembic names it."""
        declared = self.mark.declared
        schema = self.mark.schema if declared is None else declared.schema
        return replace(index.spec, schema=schema, table=self.mark.table_name)
