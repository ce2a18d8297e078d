"""Renaming and rebuilding indexes, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation, ModifyTableOps

from alembic_index_ops.definition.spec import check_name
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.migration.arguments import take_settings
from alembic_index_ops.migration.batch import refuse_in_batch
from alembic_index_ops.migration.failure import told_by_alembic


class RenameIndexOp(MigrateOperation):
    """Give an index another name; its tags go with it."""

    def __init__(
        self,
        index_name: str,
        new_index_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        check_name(index_name)
        check_name(new_index_name)
        self.index_name = str(index_name)
        self.new_index_name = str(new_index_name)
        self.table_name = str(table_name)
        self.schema = None if schema is None else str(schema)
        self.settings = dict(settings or {})

    def reverse(self) -> RenameIndexOp:
        """The renaming back."""
        return RenameIndexOp(
            self.new_index_name,
            self.index_name,
            self.table_name,
            schema=self.schema,
            settings=self.settings,
        )

    def to_diff_tuple(self) -> tuple[str, str, str, str]:
        """What `alembic check` shows."""
        return ("rename_index", self.table_name, self.index_name, self.new_index_name)

    @classmethod
    def rename_index(
        cls,
        operations: Operations,
        index_name: str,
        new_index_name: str,
        table_name: str,
        **options: Any,
    ) -> None:
        """Rename an index of a live table; safe to run again."""
        with told_by_alembic():
            schema = options.pop("schema", None)
            label = f'index "{index_name}" on "{table_name}"'
            settings = take_settings(label, options, ("lock_timeout",))
            operations.invoke(
                cls(index_name, new_index_name, table_name, schema=schema, settings=settings)
            )


class ReindexConcurrentlyOp(MigrateOperation):
    """Rebuild one index (`index_name`), a table's (`table_name`), or a whole `schema`'s."""

    def __init__(
        self,
        index_name: str | None = None,
        *,
        table_name: str | None = None,
        schema: str | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        if index_name is None and table_name is None and schema is None:
            raise ArgumentError(
                "reindex_concurrently: name an index, a table (table_name=) or a schema (schema=)"
            )
        self.index_name = None if index_name is None else str(index_name)
        self.table_name = None if table_name is None else str(table_name)
        self.schema = None if schema is None else str(schema)
        self.settings = dict(settings or {})

    def reverse(self) -> ModifyTableOps:
        """Nothing: a rebuilt index is the same index."""
        return ModifyTableOps(self.table_name or "", [], schema=self.schema)

    def to_diff_tuple(self) -> tuple[str, str | None, str | None, str | None]:
        """What `alembic check` shows."""
        return ("reindex", self.schema, self.table_name, self.index_name)

    @classmethod
    def reindex_concurrently(
        cls,
        operations: Operations,
        index_name: str | None = None,
        *,
        table_name: str | None = None,
        schema: str | None = None,
        **options: Any,
    ) -> None:
        """Rebuild indexes in place; INVALID ones become valid."""
        with told_by_alembic():
            what = index_name or table_name or schema or ""
            settings = take_settings(f'reindex_concurrently("{what}")', options, _REINDEX)
            operations.invoke(
                cls(index_name, table_name=table_name, schema=schema, settings=settings)
            )


_REINDEX = (
    "lock_timeout",
    "drain_timeout",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "show_duplicates",
    "duplicates_timeout",
)
DOORS = ("rename_index", "reindex_concurrently")


def register() -> None:
    """Make the operations known to Alembic."""
    Operations.register_operation("rename_index")(RenameIndexOp)
    Operations.register_operation("reindex_concurrently")(ReindexConcurrentlyOp)
    refuse_in_batch(*DOORS)
