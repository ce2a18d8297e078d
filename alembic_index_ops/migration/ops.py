"""The operations as data, each with its reverse()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn

from alembic.operations import BatchOperations, Operations
from alembic.operations.ops import MigrateOperation

from alembic_index_ops.definition.columns import ColumnArgument, define_index
from alembic_index_ops.definition.spec import IndexSpec, check_name
from alembic_index_ops.errors import ArgumentError, UnsupportedError

Concurrently = Literal["auto"] | bool

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

    def to_diff_tuple(self) -> tuple[str, IndexSpec]:
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
        operation = cls._from_arguments(index_name, table_name, columns, options)
        if not any(key.descending for key in operation.spec.key_columns):
            raise ArgumentError(
                f'create_desc_index("{index_name}"): no key column is DESC; write "column DESC",'
                " or use op.create_concurrent_index"
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
        operation = cls._from_arguments(index_name, table_name, columns, options)
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
        operations.invoke(cls._from_arguments(index_name, table_name, columns, options))

    @classmethod
    def _from_arguments(
        cls,
        index_name: str,
        table_name: str,
        columns: Sequence[ColumnArgument],
        options: dict[str, Any],
    ) -> CreateConcurrentIndexOp:
        label = f'index "{index_name}" on "{table_name}"'
        definition = {name: options.pop(name) for name in _DEFINITION if name in options}
        comment = options.pop("comment", None)
        concurrently, settings = _how_to_build(label, options)
        spec = define_index(index_name, table_name, columns, **definition)
        return cls(spec, comment=comment, concurrently=concurrently, settings=settings)


class DropConcurrentIndexOp(MigrateOperation):
    """Drop an index; `reverse_of` is the operation that made it, where that is known."""

    def __init__(
        self,
        index_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        concurrently: Concurrently = "auto",
        settings: Mapping[str, object] | None = None,
        reverse_of: CreateConcurrentIndexOp | None = None,
    ) -> None:
        for argument, value in (("index_name", index_name), ("table_name", table_name)):
            if not isinstance(value, str):
                raise ArgumentError(
                    f"drop_concurrent_index: {argument} is {value!r}; give the name"
                )
        check_name(index_name)
        self.index_name = str(index_name)
        self.table_name = str(table_name)
        self.schema = None if schema is None else str(schema)
        self.concurrently = concurrently
        self.settings = dict(settings or {})
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
        label = f'index "{index_name}" on "{table_name}"'
        schema = options.pop("schema", None)
        concurrently, settings = _how_to_build(label, options)
        operations.invoke(
            cls(
                index_name,
                table_name,
                schema=schema,
                concurrently=concurrently,
                settings=settings,
            )
        )


class BatchRefusal:
    """What our operations answer inside `op.batch_alter_table`, under each of their names."""

    doors: ClassVar[tuple[str, ...]] = (*_CREATE_DOORS, _DROP_DOOR)

    @classmethod
    def refuse(cls, operations: BatchOperations, *arguments: Any, **options: Any) -> NoReturn:
        """Raise UnsupportedError: a batch rewrites the table, and a live build must not wait."""
        table = operations.impl.table_name
        name = arguments[0] if arguments else "..."
        raise UnsupportedError(
            f'index "{name}": our operations do not run on a batch of table "{table}". Nothing'
            " was changed; call them on `op`, after the `with op.batch_alter_table(...)` block,"
            f' with the table\'s name: op.{door_hint(options)}("{name}", "{table}", ...)'
        )


def door_hint(options: Mapping[str, object]) -> str:
    """The operation to name to somebody whose arguments we have not read."""
    return "create_covering_index" if options.get("include") else "create_concurrent_index"


def register() -> None:
    """Make the operations known to Alembic, under all their names."""
    for name in _CREATE_DOORS:
        Operations.register_operation(name)(CreateConcurrentIndexOp)
    Operations.register_operation(_DROP_DOOR)(DropConcurrentIndexOp)
    for name in BatchRefusal.doors:
        BatchOperations.register_operation(name, "refuse")(BatchRefusal)


_DEFINITION = (
    "schema",
    "unique",
    "include",
    "using",
    "where",
    "nulls_not_distinct",
    "storage_parameters",
    "tablespace",
)
_SETTINGS = ("lock_timeout",)
_OUR_SPELLING = {
    "if_not_exists": "leave it out: an index that is already there as asked is taken as it is",
    "if_exists": "leave it out: an index that is not there is no error",
    "postgresql_concurrently": 'leave it out, or write concurrently=True; the default is "auto"',
    "postgresql_where": "write where=",
    "postgresql_include": "write include=",
    "postgresql_using": "write using=",
    "postgresql_with": "write storage_parameters=",
    "postgresql_ops": 'write key("column", operator_class="...") in columns',
    "postgresql_tablespace": "write tablespace=",
    "postgresql_nulls_not_distinct": "write nulls_not_distinct=",
    "cascade": "leave it out: what depends on an index is dropped by its own operation",
}


def _how_to_build(label: str, options: dict[str, Any]) -> tuple[Concurrently, dict[str, object]]:
    concurrently = options.pop("concurrently", "auto")
    if concurrently not in ("auto", True, False):
        raise ArgumentError(f'{label}: concurrently is "auto", True or False, not {concurrently!r}')
    settings = {name: options.pop(name) for name in _SETTINGS if name in options}
    for name in options:
        known = ", ".join((*_DEFINITION, "comment", "concurrently", *_SETTINGS))
        hint = _OUR_SPELLING.get(name, f"known arguments: {known}")
        raise ArgumentError(f"{label}: there is no argument {name}=; {hint}")
    return concurrently, settings
