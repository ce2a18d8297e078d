"""Leaving the migration's transaction, and being told when the revision is stamped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alembic_index_ops.catalog.session import is_autocommit
from alembic_index_ops.errors import IndexOpsError, TransactionError

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection


@contextmanager
def outside_transaction(context: MigrationContext, label: str) -> Iterator[Connection]:
    """The migration's connection with no transaction open; what came before is committed.

    A connection that the driver already has in autocommit is used as it is: entering a
    second autocommit_block would leave it no longer so. Raises TransactionError where env.py,
    not Alembic, began the transaction.
    """
    connection = bound(context)
    if is_autocommit(connection):
        yield connection
        return
    if context._in_external_transaction or (
        connection.in_transaction() and context._transaction is None
    ):
        raise TransactionError(
            f"{label} cannot be built concurrently: env.py itself began the transaction that"
            " this migration runs in, so it cannot be ended here. Nothing was changed.\n"
            "In env.py, replace `engine.begin()` with `engine.connect()`, leave out"
            " `connection.begin()`, and keep `with context.begin_transaction():` around"
            " `context.run_migrations()`."
        )
    if connection.in_nested_transaction():
        raise TransactionError(
            f"{label} cannot be built or dropped concurrently inside a SAVEPOINT: that needs the"
            " end of the transaction. Nothing was changed; call the operation outside of the"
            " `with ....begin_nested():` block."
        )
    block = context.autocommit_block()
    block.__enter__()
    try:
        yield bound(context)
    except BaseException as error:
        _leave_after(error, block)
        raise
    block.__exit__(None, None, None)


def bound(context: MigrationContext) -> Connection:
    """The connection the migration runs on now; an autocommit_block exchanges it."""
    connection = context.connection
    if connection is None:
        raise IndexOpsError("the migration has no connection")
    return connection


def after_stamp(context: MigrationContext, action: Callable[[MigrationContext], None]) -> None:
    """Run `action` once, in the transaction that stamps the running revision."""

    def callback(*, ctx: MigrationContext, **_: Any) -> None:
        ctx.on_version_apply_callbacks = tuple(
            other for other in ctx.on_version_apply_callbacks if other is not callback
        )
        action(ctx)

    context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, callback)


def _leave_after(error: BaseException, block: Any) -> None:
    """Leave the block; on a connection that is gone, `error` says more than what follows it."""
    try:
        block.__exit__(type(error), error, error.__traceback__)
    except BaseException as second:
        if second is not error:
            raise error from error.__cause__
        raise
