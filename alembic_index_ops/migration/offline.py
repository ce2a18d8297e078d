"""Our operations with `--sql`: the script into the output, around Alembic's COMMIT and BEGIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.change_script import render_rename_script
from alembic_index_ops.build.constraint_script import (
    render_create_constraint_script,
    render_drop_constraint_script,
)
from alembic_index_ops.build.reindex_script import render_reindex_script
from alembic_index_ops.build.script import (
    render_create_script,
    render_drop_script,
    render_release,
    render_settings,
)
from alembic_index_ops.build.script_parts import Script
from alembic_index_ops.definition.sql import qualified
from alembic_index_ops.errors import UnsupportedError
from alembic_index_ops.migration.change_ops import ReindexConcurrentlyOp, RenameIndexOp
from alembic_index_ops.migration.configuration import read_settings
from alembic_index_ops.migration.constraint_ops import (
    CreateUniqueConstraintConcurrentlyOp,
    DropUniqueConstraintConcurrentlyOp,
)
from alembic_index_ops.migration.many_ops import CreateIndexesOp, DropIndexesOp
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.replace_ops import ReplaceIndexOp, RestoreIndexOp
from alembic_index_ops.migration.revision import running_revision
from alembic_index_ops.migration.transactions import after_stamp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from alembic_index_ops.build.plan import Revision


def create_offline(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """Write the script that creates the index. Raises UnsupportedError for a replacement."""
    if isinstance(operation, ReplaceIndexOp):
        raise UnsupportedError(
            f'index "{operation.spec.name}": replacing needs the definition that is there, which'
            " --sql cannot read. Nothing was written; run this revision online, or write two"
            " operations: op.create_concurrent_index under a new name, and op.drop_concurrent_index"
            " of the old one."
        )
    script = render_create_script(
        operation.spec,
        running_revision(),
        operation.comment,
        concurrently=operation.concurrently is not False,
    )
    _write(context, f'index "{operation.spec.name}"', operation.settings, script)


def restore_offline(context: MigrationContext, operation: RestoreIndexOp) -> None:
    """Raise UnsupportedError: what to restore stands in the database."""
    raise UnsupportedError(
        f'index "{operation.index_name}": its former definition stands in its tag in the database,'
        " which --sql cannot read. Nothing was written; run this downgrade online."
    )


def drop_offline(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """Write the script that drops the index, and after the stamp the one for its tags."""
    name, table, schema = operation.index_name, operation.table_name, operation.schema
    revision = running_revision()
    script = render_drop_script(
        name,
        table,
        schema,
        revision,
        _version_table(context),
        concurrently=operation.concurrently is not False,
    )
    _write(context, f'index "{name}"', operation.settings, script)
    _release_after_stamp(context, name, table, schema, revision)


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


def _release_after_stamp(
    context: MigrationContext, name: str, table: str, schema: str | None, revision: Revision | None
) -> None:
    if revision is not None and not revision.upgrade:
        release = render_release(name, table, schema, revision)
        after_stamp(context, lambda stamping: _output(stamping, release))


def _version_table(context: MigrationContext) -> str:
    return qualified(context.version_table, context.version_table_schema)


def _output(context: MigrationContext, statement: str) -> None:
    context.impl.static_output(f"{statement};")


def rename_offline(context: MigrationContext, operation: RenameIndexOp) -> None:
    """Write the renaming; run again, it finds it done."""
    block = render_rename_script(
        operation.index_name, operation.new_index_name, operation.table_name, operation.schema
    )
    _output(context, block)


def reindex_offline(context: MigrationContext, operation: ReindexConcurrentlyOp) -> None:
    """Write the REINDEX, with a guard before it and a check behind the stamp."""
    script = render_reindex_script(operation.index_name, operation.table_name, operation.schema)
    _write(context, "reindex", operation.settings, script)


def create_constraint_offline(
    context: MigrationContext, operation: CreateUniqueConstraintConcurrentlyOp
) -> None:
    """Write the script that adds the constraint."""
    label = f'constraint "{operation.spec.name}"'
    script = render_create_constraint_script(
        operation.spec,
        operation.deferral,
        running_revision(),
        operation.comment,
        read_settings(context, label, operation.settings),
    )
    _write(context, label, operation.settings, script)


def drop_constraint_offline(
    context: MigrationContext, operation: DropUniqueConstraintConcurrentlyOp
) -> None:
    """Write the script that drops the constraint, and after the stamp the one for its tags."""
    name, table, schema = operation.constraint_name, operation.table_name, operation.schema
    label, revision = f'constraint "{name}"', running_revision()
    script = render_drop_constraint_script(
        name,
        table,
        schema,
        revision,
        _version_table(context),
        read_settings(context, label, operation.settings),
    )
    _write(context, label, operation.settings, script)
    _release_after_stamp(context, name, table, schema, revision)


def create_many_offline(context: MigrationContext, operation: CreateIndexesOp) -> None:
    """Write the script of each."""
    for each in operation.single():
        create_offline(context, each)


def drop_many_offline(context: MigrationContext, operation: DropIndexesOp) -> None:
    """Write the script of each."""
    for each in operation.single():
        drop_offline(context, each)
