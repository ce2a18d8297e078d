"""Operation -> what runs: by dialect, and online or as a script."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations

from alembic_index_ops.errors import UnsupportedError
from alembic_index_ops.listeners import enable_log
from alembic_index_ops.migration import change_online, many_online, offline, online, sqlite
from alembic_index_ops.migration.change_ops import ReindexConcurrentlyOp, RenameIndexOp
from alembic_index_ops.migration.constraint_ops import (
    CreateUniqueConstraintConcurrentlyOp,
    DropUniqueConstraintConcurrentlyOp,
)
from alembic_index_ops.migration.failure import told_by_alembic, told_by_us
from alembic_index_ops.migration.many_ops import CreateIndexesOp, DropIndexesOp
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.replace_ops import RestoreIndexOp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

Run = Callable[["MigrationContext", Any], None]


def register() -> None:
    """Make the implementations known to Alembic."""
    _implement(
        CreateConcurrentIndexOp,
        "spec.name",
        online.create_online,
        offline.create_offline,
        sqlite.create_on_sqlite,
    )
    _implement(
        DropConcurrentIndexOp,
        "index_name",
        online.drop_online,
        offline.drop_offline,
        sqlite.drop_on_sqlite,
    )
    _implement(
        RestoreIndexOp,
        "index_name",
        online.restore_online,
        offline.restore_offline,
        sqlite.restore_on_sqlite,
    )
    _implement(
        RenameIndexOp,
        "index_name",
        change_online.rename_online,
        offline.rename_offline,
        sqlite.rename_on_sqlite,
    )
    _implement(
        ReindexConcurrentlyOp,
        "index_name",
        change_online.reindex_online,
        offline.reindex_offline,
        sqlite.reindex_on_sqlite,
    )
    _implement(
        CreateUniqueConstraintConcurrentlyOp,
        "spec.name",
        change_online.create_constraint_online,
        offline.create_constraint_offline,
        sqlite.create_constraint_on_sqlite,
    )
    _implement(
        DropUniqueConstraintConcurrentlyOp,
        "constraint_name",
        change_online.drop_constraint_online,
        offline.drop_constraint_offline,
        sqlite.drop_constraint_on_sqlite,
    )
    _implement(
        CreateIndexesOp,
        "door",
        many_online.create_many_online,
        offline.create_many_offline,
        sqlite.create_many_on_sqlite,
    )
    _implement(
        DropIndexesOp,
        "door",
        many_online.drop_many_online,
        offline.drop_many_offline,
        sqlite.drop_many_on_sqlite,
    )


def _implement(operation_class: type, name: str, online: Run, offline: Run, on_sqlite: Run) -> None:
    read_name = attrgetter(name)

    def run(operations: Operations, operation: Any) -> None:
        context = operations.migration_context
        enable_log()
        name = read_name(operation)
        with told_by_alembic(), told_by_us(name):
            _check_dialect(context, name)
            if context.dialect.name == "sqlite":
                on_sqlite(context, operation)
            elif context.as_sql:
                offline(context, operation)
            else:
                online(context, operation)

    Operations.implementation_for(operation_class)(run)


def _check_dialect(context: MigrationContext, name: str) -> None:
    if context.dialect.name not in ("postgresql", "sqlite"):
        raise UnsupportedError(
            f'index "{name}": alembic_index_ops builds on PostgreSQL (and plainly on SQLite), and'
            f" this database is {context.dialect.name}. Nothing was changed; use"
            " op.create_index and op.drop_index there."
        )
