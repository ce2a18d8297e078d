"""Giving an index another definition, or its former one, as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation

from alembic_index_ops.definition.columns import ColumnArgument
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.migration.batch import refuse_in_batch
from alembic_index_ops.migration.failure import told_by_alembic
from alembic_index_ops.migration.ops import (
    CreateConcurrentIndexOp,
    NamedIndexOp,
    operation_from_arguments,
)


class ReplaceIndexOp(CreateConcurrentIndexOp):
    """Give the index `spec.name` the definition `spec`; `before` is its former one, if known."""

    def __init__(self, spec: IndexSpec, *, before: IndexSpec | None = None, **how: Any) -> None:
        super().__init__(spec, **how)
        self.before = before

    def reverse(self) -> MigrateOperation:  # type: ignore[override]
        """The replacement by the former definition, from here or from the index's tag."""
        if self.before is not None:
            return ReplaceIndexOp(
                self.before,
                before=self.spec,
                concurrently=self.concurrently,
                settings=self.settings,
            )
        return RestoreIndexOp(
            self.spec.name,
            self.spec.table,
            schema=self.spec.schema,
            concurrently=self.concurrently,
            settings=self.settings,
            reverse_of=self,
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` shows: the new definition, and the former one where it is known."""
        return ("replace_index", self.spec, *((self.before,) if self.before else ()))

    @classmethod
    def replace_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[ColumnArgument],
        **options: Any,
    ) -> None:
        """Give an index of a live table another definition; the old one serves until then."""
        with told_by_alembic():
            operations.invoke(
                operation_from_arguments(cls, index_name, table_name, columns, options)
            )


class RestoreIndexOp(NamedIndexOp):
    """Give an index the definition it had before this revision replaced it."""

    door = "restore_index"

    def __init__(
        self,
        index_name: str,
        table_name: str,
        *,
        reverse_of: ReplaceIndexOp | None = None,
        **how: Any,
    ) -> None:
        super().__init__(index_name, table_name, **how)
        self.reverse_of = reverse_of

    def reverse(self) -> ReplaceIndexOp:
        """The replacement it undoes. Raises ValueError where that is unknown."""
        if self.reverse_of is None:
            raise ValueError(
                f'restoring index "{self.index_name}" cannot be reversed: the definition that'
                " replaced the restored one is not known"
            )
        return self.reverse_of

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """What `alembic check` shows."""
        return ("restore_index", self.table_name, self.index_name)

    @classmethod
    def restore_index(
        cls, operations: Operations, index_name: str, table_name: str, **options: Any
    ) -> None:
        """In a downgrade: undo this revision's op.replace_index."""
        cls.invoke_on(operations, index_name, table_name, options)


DOORS = ("replace_index", "restore_index")


def register() -> None:
    """Make the operations known to Alembic."""
    Operations.register_operation("replace_index")(ReplaceIndexOp)
    Operations.register_operation("restore_index")(RestoreIndexOp)
    refuse_in_batch(*DOORS)
