"""Our operations on a PostgreSQL connection: where they run, and with which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.at_once import (
    ON_NEW_TABLE,
    run_create_inside,
    run_create_on_new_table,
    run_create_small,
)
from alembic_index_ops.build.create import run_create
from alembic_index_ops.build.drop import run_drop, run_drop_inside
from alembic_index_ops.build.restore import read_replaced
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.session import is_autocommit
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.migration.arguments import Concurrently
from alembic_index_ops.migration.opened import opened, outside, release_after_stamp
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.replace_ops import ReplaceIndexOp, RestoreIndexOp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.definition.stored import Former


def create_online(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """Create or replace the index: inside the transaction where nobody is disturbed, else outside.

    What a downgrade keeps loses this revision's tag when the downgrade is stamped.
    """
    spec = operation.spec
    with opened(context, spec.name, spec.table, spec.schema, operation.settings) as task:
        _create(
            context,
            task,
            spec.moved_to(task.table.schema),
            comment=operation.comment,
            concurrently=operation.concurrently,
            replacing=isinstance(operation, ReplaceIndexOp),
        )


def restore_online(context: MigrationContext, operation: RestoreIndexOp) -> None:
    """Give the index the definition that this revision's replacement has put into its tag."""
    name = operation.index_name
    with opened(context, name, operation.table_name, operation.schema, operation.settings) as task:
        former = read_replaced(task)
        _create(
            context,
            task,
            former.spec.named(name).moved_to(task.table.schema),
            comment=former.comment,
            concurrently=operation.concurrently,
            replacing=True,
            former=former,
        )


def _create(
    context: MigrationContext,
    task: Task,
    wished: IndexSpec,
    *,
    comment: str | None,
    concurrently: Concurrently,
    replacing: bool,
    former: Former | None = None,
) -> None:
    reason = inside_because(task.connection, task.table, concurrently)
    if reason == ON_NEW_TABLE and not replacing:
        run_create_on_new_table(task, wished, comment)
        return
    if reason:
        kept = run_create_inside(task, wished, comment, reason, replacing=replacing, former=former)
    else:
        with outside(context, task) as outside_task:
            small = concurrently == "auto" and not replacing
            kept = not (small and run_create_small(outside_task, wished, comment)) and run_create(
                outside_task, wished, comment, replacing=replacing, former=former
            )
    if kept:
        release_after_stamp(context, task)


def drop_online(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """Drop the index; where it is kept, its tags change when the downgrade is stamped."""
    name = operation.index_name
    with opened(context, name, operation.table_name, operation.schema, operation.settings) as task:
        if inside_because(task.connection, task.table, operation.concurrently):
            kept = run_drop_inside(task)
        else:
            with outside(context, task) as outside_task:
                kept = run_drop(outside_task)
    if kept:
        release_after_stamp(context, task)


def inside_because(connection: Connection, table: Table, concurrently: object) -> str:
    """Why to build in one transaction, in words; empty to build outside of any."""
    if concurrently is False:
        return "as concurrently=False asks"
    if concurrently == "auto" and not is_autocommit(connection) and table.created_here:
        return ON_NEW_TABLE
    return ""
