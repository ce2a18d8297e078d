"""The operations as data, each with its reverse()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation

from alembic_index_ops.definition.arguments import DEFINITION
from alembic_index_ops.definition.columns import ColumnArgument, define_index
from alembic_index_ops.definition.spec import IndexSpec, check_name
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.migration.arguments import Concurrently, how_to_build
from alembic_index_ops.migration.batch import refuse_in_batch
from alembic_index_ops.migration.failure import told_by_alembic

_CREATE_DOORS = ("create_desc_index", "create_covering_index", "create_concurrent_index")
_DROP_DOOR = "drop_concurrent_index"


class CreateConcurrentIndexOp(MigrateOperation):
    """Create the index `spec`. The three creating operations are this one, with three doors."""

    def __init__(
        self,
        spec: IndexSpec,
        *,
        comment: str | None = None,
        concurrently: Concurrently = "auto",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.spec = spec
        self.comment = comment
        self.concurrently = concurrently
        self.settings = dict(settings or {})

    def reverse(self) -> DropConcurrentIndexOp:
        """The drop that undoes it, and remembers the definition."""
        return DropConcurrentIndexOp(
            self.spec.name,
            self.spec.table,
            schema=self.spec.schema,
            concurrently=self.concurrently,
            settings=self.settings,
            reverse_of=self,
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` shows."""
        return ("add_index", self.spec)

    @classmethod
    def create_desc_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[ColumnArgument],
        **options: Any,
    ) -> None:
        """Create an index with at least one DESC key on a live table."""
        with told_by_alembic():
            operation = operation_from_arguments(cls, index_name, table_name, columns, options)
            if not any(key.descending for key in operation.spec.key_columns):
                raise ArgumentError(
                    f'create_desc_index("{index_name}"): no key column is DESC; write "column'
                    ' DESC", or use op.create_concurrent_index'
                )
            operations.invoke(operation)

    @classmethod
    def create_covering_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[ColumnArgument],
        **options: Any,
    ) -> None:
        """Create an index with included columns on a live table."""
        with told_by_alembic():
            operation = operation_from_arguments(cls, index_name, table_name, columns, options)
            if not operation.spec.included_columns:
                raise ArgumentError(
                    f'create_covering_index("{index_name}"): include is empty; write'
                    ' include=["column", ...], or use op.create_concurrent_index'
                )
            operations.invoke(operation)

    @classmethod
    def create_concurrent_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[ColumnArgument],
        **options: Any,
    ) -> None:
        """Create an index on a live table."""
        with told_by_alembic():
            operations.invoke(
                operation_from_arguments(cls, index_name, table_name, columns, options)
            )


BuildingOp = TypeVar("BuildingOp", bound=CreateConcurrentIndexOp)


def operation_from_arguments(
    cls: type[BuildingOp],
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    options: dict[str, Any],
) -> BuildingOp:
    """The operation that was asked for. Raises ArgumentError for what no operation knows."""
    label = f'index "{index_name}" on "{table_name}"'
    definition = {name: options.pop(name) for name in DEFINITION if name in options}
    comment = options.pop("comment", None)
    concurrently, settings = how_to_build(label, options)
    spec = define_index(index_name, table_name, columns, **definition)
    return cls(spec, comment=comment, concurrently=concurrently, settings=settings)


class NamedIndexOp(MigrateOperation):
    """An operation on an index that is told by its name alone."""

    door: ClassVar[str]

    def __init__(
        self,
        index_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        concurrently: Concurrently = "auto",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        for argument, value in (("index_name", index_name), ("table_name", table_name)):
            if not isinstance(value, str):
                raise ArgumentError(f"{self.door}: {argument} is {value!r}; give the name")
        check_name(index_name)
        self.index_name = str(index_name)
        self.table_name = str(table_name)
        self.schema = None if schema is None else str(schema)
        self.concurrently = concurrently
        self.settings = dict(settings or {})

    @classmethod
    def invoke_on(
        cls, operations: Operations, index_name: str, table_name: str, options: dict[str, Any]
    ) -> None:
        """Run it with the keyword arguments that were given. Raises ArgumentError for others."""
        with told_by_alembic():
            schema = options.pop("schema", None)
            concurrently, settings = how_to_build(
                f'index "{index_name}" on "{table_name}"', options
            )
            operations.invoke(
                cls(
                    index_name,
                    table_name,
                    schema=schema,
                    concurrently=concurrently,
                    settings=settings,
                )
            )


class DropConcurrentIndexOp(NamedIndexOp):
    """Drop an index; `reverse_of` is the operation that made it, where that is known."""

    door = _DROP_DOOR

    def __init__(
        self,
        index_name: str,
        table_name: str,
        *,
        reverse_of: CreateConcurrentIndexOp | None = None,
        **how: Any,
    ) -> None:
        super().__init__(index_name, table_name, **how)
        self.reverse_of = reverse_of

    def reverse(self) -> CreateConcurrentIndexOp:
        """The operation that made the index. Raises ValueError where its definition is unknown."""
        if self.reverse_of is None:
            raise ValueError(
                f'drop of index "{self.index_name}" cannot be reversed: its definition is not known'
            )
        return self.reverse_of

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """What `alembic check` shows."""
        return ("remove_index", self.table_name, self.index_name)

    @classmethod
    def drop_concurrent_index(
        cls, operations: Operations, index_name: str, table_name: str, **options: Any
    ) -> None:
        """Drop an index of a live table; in a downgrade, only what this revision built."""
        cls.invoke_on(operations, index_name, table_name, options)


def register() -> None:
    """Make the operations known to Alembic, under all their names."""
    for name in _CREATE_DOORS:
        Operations.register_operation(name)(CreateConcurrentIndexOp)
    Operations.register_operation(_DROP_DOOR)(DropConcurrentIndexOp)
    refuse_in_batch(*_CREATE_DOORS, _DROP_DOOR)
