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
from alembic_index_ops.build.drop import release_tags, run_drop, run_drop_inside
from alembic_index_ops.build.place import created_in_this_transaction, has_unstamped_writes
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.session import is_autocommit
from alembic_index_ops.catalog.tables import Table, read_table
from alembic_index_ops.events import log_event, logger
from alembic_index_ops.migration.configuration import read_settings, translate
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.revision import running_revision
from alembic_index_ops.migration.transactions import after_stamp, bound, outside_transaction

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection


def create_online(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """Create the index: inside the transaction where nobody is disturbed, else outside."""
    spec = operation.spec
    settings = read_settings(context, f'index "{spec.name}"', operation.settings)
    connection = bound(context)
    table = read_table(connection, spec.table, translate(connection, spec.schema))
    wished = spec.moved_to(table.schema)
    revision = _revision(spec.name)
    reason = _inside(connection, table, operation.concurrently)
    if reason:
        task = Task(connection, table, spec.name, revision, settings, log_event)
        if reason == ON_NEW_TABLE:
            run_create_on_new_table(task, wished, operation.comment)
        else:
            run_create_inside(task, wished, operation.comment, reason)
        return
    label = f'index "{spec.name}" on {table}'
    _warn_of_unstamped_writes(context, label, revision)
    with outside_transaction(context, label) as connection:
        task = Task(connection, table, spec.name, revision, settings, log_event)
        auto = operation.concurrently == "auto"
        if not (auto and run_create_small(task, wished, operation.comment)):
            run_create(task, wished, operation.comment)


def drop_online(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """Drop the index; where it is kept, its tags change when the downgrade is stamped."""
    name = operation.index_name
    settings = read_settings(context, f'index "{name}"', operation.settings)
    connection = bound(context)
    table = read_table(connection, operation.table_name, translate(connection, operation.schema))
    revision = _revision(name)
    task = Task(connection, table, name, revision, settings, log_event)
    if _inside(connection, table, operation.concurrently):
        kept = run_drop_inside(task)
    else:
        label = f'index "{name}" on {table}'
        _warn_of_unstamped_writes(context, label, revision)
        with outside_transaction(context, label) as connection:
            kept = run_drop(Task(connection, table, name, revision, settings, log_event))
    if kept:
        after_stamp(
            context,
            lambda stamping: release_tags(
                Task(bound(stamping), table, name, revision, settings, log_event)
            ),
        )


def _inside(connection: Connection, table: Table, concurrently: object) -> str:
    """Why to build in one transaction, in words; empty to build outside of any."""
    if concurrently is False:
        return "as concurrently=False asks"
    if (
        concurrently == "auto"
        and not is_autocommit(connection)
        and created_in_this_transaction(connection, table)
    ):
        return ON_NEW_TABLE
    return ""


def _revision(name: str) -> Revision | None:
    revision = running_revision()
    if revision is None:
        logger.warning(
            'index "%s": no Alembic revision is running, so the index gets no tag that says who'
            " built it, and a later downgrade cannot tell it from others",
            name,
        )
    return revision


def _warn_of_unstamped_writes(
    context: MigrationContext, label: str, revision: Revision | None
) -> None:
    connection = bound(context)
    if revision is None or is_autocommit(connection):
        return
    if has_unstamped_writes(connection, context.version_table, context.version_table_schema):
        logger.warning(
            "%s: revision %s wrote something before this, which is committed now, before the"
            " revision is stamped; if the build is cut off, running the revision again repeats"
            " those writes. Give the index a revision of its own.",
            label,
            revision.id,
        )
