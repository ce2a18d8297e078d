"""Our operations with `--sql`: the script into the output, around Alembic's COMMIT and BEGIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.script import (
    Script,
    render_create_script,
    render_drop_script,
    render_release,
    render_settings,
)
from alembic_index_ops.definition.sql import qualified
from alembic_index_ops.migration.configuration import read_settings
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.revision import running_revision
from alembic_index_ops.migration.transactions import after_stamp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def create_offline(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """Write the script that creates the index."""
    script = render_create_script(
        operation.spec,
        running_revision(),
        operation.comment,
        concurrently=operation.concurrently is not False,
    )
    _write(context, f'index "{operation.spec.name}"', operation.settings, script)


def drop_offline(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """Write the script that drops the index, and after the stamp the one for its tags."""
    name, table, schema = operation.index_name, operation.table_name, operation.schema
    revision = running_revision()
    script = render_drop_script(
        name,
        table,
        schema,
        revision,
        qualified(context.version_table, context.version_table_schema),
        concurrently=operation.concurrently is not False,
    )
    _write(context, f'index "{name}"', operation.settings, script)
    if revision is not None and not revision.upgrade:
        release = render_release(name, table, schema, revision)
        after_stamp(context, lambda stamping: _output(stamping, release))


def _write(
    context: MigrationContext, label: str, arguments: dict[str, object], script: Script
) -> None:
    if script.outside:
        settings = read_settings(context, label, arguments)
        before, after = render_settings(settings)
        with context.autocommit_block():
            for statement in (*before, *script.outside, *after):
                _output(context, statement)
    for statement in script.inside:
        _output(context, statement)
    after_stamp(context, lambda stamping: _output(stamping, script.check))


def _output(context: MigrationContext, statement: str) -> None:
    context.impl.static_output(f"{statement};")
