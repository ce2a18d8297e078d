"""Where index operations stand among Alembic's: after what they need, before what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from alembic.operations.ops import (
    AddColumnOp,
    CreateForeignKeyOp,
    CreateTableOp,
    DropColumnOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import ForeignKeyConstraint

from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp


class Mark(MigrateOperation):
    """Stands where a table's indexes are to be compared; Alembic's arguments, kept until then.

    `reflected` and `declared` are SQLAlchemy tables: None for one that this revision creates, or
    drops.
    """

    def __init__(self, table_name: str, schema: str | None, reflected: Any, declared: Any) -> None:
        self.table_name = table_name
        self.schema = schema
        self.reflected = reflected
        self.declared = declared


class BoundCreateOp(CreateConcurrentIndexOp):
    """An index that comes and goes with a table, or with a constraint of its name, in the same
    transaction."""

    def reverse(self) -> DropConcurrentIndexOp:
        """The drop, in the transaction of what comes next."""
        drop = super().reverse()
        drop.concurrently = False
        return drop


class EarlyCreateOp(CreateConcurrentIndexOp):
    """A UNIQUE index that a foreign key of the same revision is to point at."""

    def reverse(self) -> DropConcurrentIndexOp:
        """The drop, after the foreign key is gone."""
        drop = super().reverse()
        return EarlyDropOp(
            drop.index_name,
            drop.table_name,
            schema=drop.schema,
            concurrently=drop.concurrently,
            settings=drop.settings,
            reverse_of=self,
        )


class EarlyDropOp(DropConcurrentIndexOp):
    """The drop of such an index."""


class LaterColumnDrops(ModifyTableOps):
    """Drops of columns that an index used until it was replaced or dropped."""

    def reverse(self) -> LaterColumnDrops:
        """The columns again, which the replaced index needs."""
        back = super().reverse()
        return LaterColumnDrops(back.table_name, back.ops, schema=back.schema)


@dataclass(frozen=True, slots=True)
class TableOperations:
    """The operations on the indexes of one table.

    `before` and `after` stand around Alembic's operations on that table and share their
    transaction; `concurrent` ones end it. Where `holds_columns`, an index uses a column that goes
    until a concurrent one has replaced or dropped it.
    """

    before: Sequence[MigrateOperation] = ()
    after: Sequence[MigrateOperation] = ()
    concurrent: Sequence[MigrateOperation] = ()
    holds_columns: bool = False


def exchange(upgrade: UpgradeOps, operations: Mapping[Mark, TableOperations]) -> None:
    """Put the operations where the marks are, and the concurrent ones at the end.

    So all changes are committed at once, by the first concurrent operation, and a downgrade that
    is cut off among those has changed nothing else. At the start are only UNIQUE indexes that a
    foreign key needs. None stands among the operations on its table: `render_as_batch` would take
    it into a batch.
    """
    placed: list[MigrateOperation] = []
    columns: list[MigrateOperation] = []
    early: list[MigrateOperation] = []
    concurrent: list[MigrateOperation] = []
    pointed_at = find_pointed_at(upgrade.ops)
    for old in upgrade.ops:
        mark = _mark_in(old)
        if mark is None:
            placed.append(old)
            continue
        assert isinstance(old, ModifyTableOps)
        ours = operations[mark]
        later = [op for op in old.ops if ours.holds_columns and isinstance(op, DropColumnOp)]
        added = {str(op.column.name) for op in old.ops if isinstance(op, AddColumnOp)}
        old.ops[:] = [op for op in old.ops if op is not mark and op not in later]
        placed += [*ours.before, *([] if old.is_empty() else [old]), *ours.after]
        for operation in ours.concurrent:
            if _goes_early(operation, pointed_at, added):
                early.append(EarlyCreateOp(operation.spec))
            else:
                concurrent.append(operation)
        if later:
            columns.append(LaterColumnDrops(old.table_name, later, schema=old.schema))
    upgrade.ops[:] = [*early, *placed, *concurrent, *columns]


def find_pointed_at(operations: Sequence[MigrateOperation]) -> frozenset[str]:
    """The tables that new foreign keys point at, as `schema.table` or `table`."""
    found = set()
    for operation in operations:
        if isinstance(operation, CreateTableOp):
            keys = [each for each in operation.columns if isinstance(each, ForeignKeyConstraint)]
            found |= {key.elements[0].target_fullname.rpartition(".")[0] for key in keys}
        for each in operation.ops if isinstance(operation, ModifyTableOps) else ():
            if isinstance(each, CreateForeignKeyOp):
                schema = each.kw.get("referent_schema")
                table = str(each.referent_table)
                found.add(f"{schema}.{table}" if schema else table)
    return frozenset(found)


def _goes_early(
    operation: MigrateOperation, pointed_at: frozenset[str], added: set[str]
) -> TypeGuard[CreateConcurrentIndexOp]:
    """Whether it is a UNIQUE index that a foreign key may need, on columns that are there."""
    if type(operation) is not CreateConcurrentIndexOp or not operation.spec.unique:
        return False
    spec = operation.spec
    table = f"{spec.schema}.{spec.table}" if spec.schema else spec.table
    return table in pointed_at and added.isdisjoint(str(key.column) for key in spec.key_columns)


def _mark_in(operation: MigrateOperation) -> Mark | None:
    inner = operation.ops if isinstance(operation, ModifyTableOps) else ()
    return next((op for op in inner if isinstance(op, Mark)), None)
