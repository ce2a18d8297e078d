"""Operation -> what runs: by dialect, and online or as a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import Operations

from alembic_index_ops.errors import UnsupportedError
from alembic_index_ops.events import enable_log
from alembic_index_ops.migration.failure import told_by_alembic
from alembic_index_ops.migration.offline import create_offline, drop_offline
from alembic_index_ops.migration.online import create_online, drop_online
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.sqlite import create_on_sqlite, drop_on_sqlite

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def register() -> None:
    """Make the implementations known to Alembic."""
    Operations.implementation_for(CreateConcurrentIndexOp)(create)
    Operations.implementation_for(DropConcurrentIndexOp)(drop)


def create(operations: Operations, operation: CreateConcurrentIndexOp) -> None:
    """Create an index on this migration's database, or write the script that does."""
    context = operations.migration_context
    enable_log()
    with told_by_alembic():
        _check_dialect(context, operation.spec.name)
        if context.dialect.name == "sqlite":
            create_on_sqlite(context, operation)
        elif context.as_sql:
            create_offline(context, operation)
        else:
            create_online(context, operation)


def drop(operations: Operations, operation: DropConcurrentIndexOp) -> None:
    """Drop an index of this migration's database, or write the script that does."""
    context = operations.migration_context
    enable_log()
    with told_by_alembic():
        _check_dialect(context, operation.index_name)
        if context.dialect.name == "sqlite":
            drop_on_sqlite(context, operation)
        elif context.as_sql:
            drop_offline(context, operation)
        else:
            drop_online(context, operation)


def _check_dialect(context: MigrationContext, name: str) -> None:
    if context.dialect.name not in ("postgresql", "sqlite"):
        raise UnsupportedError(
            f'index "{name}": alembic_index_ops builds on PostgreSQL (and plainly on SQLite), and'
            f" this database is {context.dialect.name}. Nothing was changed; use"
            " op.create_index and op.drop_index there."
        )
