"""Renaming, rebuilding, and UNIQUE constraints, on a PostgreSQL connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.constraint import run_create_constraint, run_drop_constraint
from alembic_index_ops.build.reindex import run_reindex
from alembic_index_ops.build.reindex_tree import complete_parents, run_reindex_partitioned
from alembic_index_ops.build.rename import run_rename
from alembic_index_ops.build.task import session
from alembic_index_ops.catalog.tables import read_table_of_index, read_tables
from alembic_index_ops.migration.change_ops import ReindexConcurrentlyOp, RenameIndexOp
from alembic_index_ops.migration.configuration import translate
from alembic_index_ops.migration.constraint_ops import (
    CreateUniqueConstraintConcurrentlyOp,
    DropUniqueConstraintConcurrentlyOp,
)
from alembic_index_ops.migration.opened import opened, outside, release_after_stamp
from alembic_index_ops.migration.transactions import bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.runtime.migration import MigrationContext


def rename_online(context: MigrationContext, operation: RenameIndexOp) -> None:
    """Rename the index in the migration's transaction, so that it counts when that is stamped."""
    with opened(
        context,
        operation.index_name,
        operation.table_name,
        operation.schema,
        operation.settings,
        tagged=False,
    ) as task:
        run_rename(task, operation.new_index_name)


def reindex_online(context: MigrationContext, operation: ReindexConcurrentlyOp) -> None:
    """Rebuild one index, a table's, or a schema's; table by table, outside any transaction."""
    for schema, table_name in _tables(context, operation):
        name = operation.index_name or "*"
        with (
            opened(context, name, table_name, schema, operation.settings, tagged=False) as task,
            outside(context, task) as outside_task,
        ):
            if outside_task.table.partitioned:
                run_reindex_partitioned(outside_task, operation.index_name)
            else:
                run_reindex(outside_task, operation.index_name)
    if operation.index_name is None and operation.table_name is None:
        _complete_parents(context, operation)


def _complete_parents(context: MigrationContext, operation: ReindexConcurrentlyOp) -> None:
    """The partitioned tables of the schema: their partitions are rebuilt, of whatever schema."""
    schema = str(translate(bound(context), operation.schema))
    for schema_name, table_name in read_tables(bound(context), schema, partitioned=True):
        with (
            opened(context, "*", table_name, schema_name, operation.settings, tagged=False) as task,
            outside(context, task) as outside_task,
            session(outside_task),
        ):
            complete_parents(outside_task)


def create_constraint_online(
    context: MigrationContext, operation: CreateUniqueConstraintConcurrentlyOp
) -> None:
    """Add the constraint, outside any transaction."""
    spec = operation.spec
    with (
        opened(context, spec.name, spec.table, spec.schema, operation.settings) as task,
        outside(context, task) as outside_task,
    ):
        wished = spec.moved_to(task.table.schema)
        run_create_constraint(outside_task, wished, operation.deferral, operation.comment)


def drop_constraint_online(
    context: MigrationContext, operation: DropUniqueConstraintConcurrentlyOp
) -> None:
    """Drop the constraint; where it is kept, its tags change when the downgrade is stamped."""
    with opened(
        context,
        operation.constraint_name,
        operation.table_name,
        operation.schema,
        operation.settings,
    ) as task:
        with outside(context, task) as outside_task:
            kept = run_drop_constraint(outside_task)
        if kept:
            release_after_stamp(context, task)


def _tables(
    context: MigrationContext, operation: ReindexConcurrentlyOp
) -> Sequence[tuple[str | None, str]]:
    connection = bound(context)
    schema = translate(connection, operation.schema)
    if operation.table_name is not None:
        return [(operation.schema, operation.table_name)]
    if operation.index_name is not None:
        return [read_table_of_index(connection, operation.index_name, schema)]
    return read_tables(connection, str(schema))
