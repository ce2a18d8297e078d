"""Several indexes, declared once and used by upgrade() and downgrade(), as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation

from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.migration.arguments import Concurrently, how_to_build
from alembic_index_ops.migration.batch import refuse_in_batch
from alembic_index_ops.migration.failure import told_by_alembic
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp


class _IndexesOp(MigrateOperation):
    """The indexes `specs`, as many at a time as the setting `workers` says."""

    door = ""

    def __init__(
        self,
        specs: Sequence[IndexSpec],
        *,
        concurrently: Concurrently = "auto",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.concurrently = concurrently
        self.settings = dict(settings or {})
        self._check()

    def _check(self) -> None:
        for spec in self.specs:
            if not isinstance(spec, IndexSpec):
                raise ArgumentError(
                    f"{self.door}: {spec!r} is no IndexSpec; write"
                    ' alembic_index_ops.define_index("ix", "table", ["column", ...])'
                )
        names = [(spec.schema, spec.name) for spec in self.specs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ArgumentError(f'{self.door}: index "{twice[1]}" is named twice')

    def _like(self) -> dict[str, Any]:
        return {"concurrently": self.concurrently, "settings": self.settings}

    @classmethod
    def _from_arguments(
        cls, operations: Operations, specs: Sequence[IndexSpec], options: dict[str, Any]
    ) -> None:
        concurrently, settings = how_to_build(cls.door, options)
        operations.invoke(cls(specs, concurrently=concurrently, settings=settings))


class CreateIndexesOp(_IndexesOp):
    """Create the indexes."""

    door = "create_indexes"

    def reverse(self) -> DropIndexesOp:
        """The drop of them all, the last one first."""
        return DropIndexesOp(self.specs[::-1], **self._like())

    def single(self) -> list[CreateConcurrentIndexOp]:
        """The same as one operation for each index."""
        return [CreateConcurrentIndexOp(spec, **self._like()) for spec in self.specs]

    def to_diff_tuple(self) -> tuple[str, tuple[IndexSpec, ...]]:
        """What `alembic check` shows."""
        return ("add_indexes", self.specs)

    @classmethod
    def create_indexes(
        cls, operations: Operations, specs: Sequence[IndexSpec], **options: Any
    ) -> None:
        """Create indexes on live tables, several at a time."""
        with told_by_alembic():
            cls._from_arguments(operations, specs, options)


class DropIndexesOp(_IndexesOp):
    """Drop the indexes."""

    door = "drop_indexes"

    def reverse(self) -> CreateIndexesOp:
        """The creation of them all."""
        return CreateIndexesOp(self.specs[::-1], **self._like())

    def single(self) -> list[DropConcurrentIndexOp]:
        """The same as one operation for each index."""
        return [
            DropConcurrentIndexOp(spec.name, spec.table, schema=spec.schema, **self._like())
            for spec in self.specs
        ]

    def to_diff_tuple(self) -> tuple[str, tuple[IndexSpec, ...]]:
        """What `alembic check` shows."""
        return ("remove_indexes", self.specs)

    @classmethod
    def drop_indexes(
        cls, operations: Operations, specs: Sequence[IndexSpec], **options: Any
    ) -> None:
        """Drop indexes of live tables; in a downgrade, only what this revision built."""
        with told_by_alembic():
            cls._from_arguments(operations, specs, options)


DOORS = ("create_indexes", "drop_indexes")


def register() -> None:
    """Make the operations known to Alembic."""
    Operations.register_operation("create_indexes")(CreateIndexesOp)
    Operations.register_operation("drop_indexes")(DropIndexesOp)
    refuse_in_batch(*DOORS)
