"""Operation -> migration source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.autogenerate.render import renderers

from alembic_index_ops.definition.source import (
    names_used,
    render_call,
    render_call_of_many,
    render_create_call,
)
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.migration.change_ops import ReindexConcurrentlyOp, RenameIndexOp
from alembic_index_ops.migration.constraint_ops import (
    CreateUniqueConstraintConcurrentlyOp,
    DropUniqueConstraintConcurrentlyOp,
)
from alembic_index_ops.migration.many_ops import CreateIndexesOp, DropIndexesOp
from alembic_index_ops.migration.mixing import warn_of_mixing
from alembic_index_ops.migration.ops import (
    CreateConcurrentIndexOp,
    DropConcurrentIndexOp,
    NamedIndexOp,
)
from alembic_index_ops.migration.replace_ops import ReplaceIndexOp, RestoreIndexOp


def register() -> None:
    """Make the operations known to Alembic's renderer."""
    renderers.dispatch_for(CreateConcurrentIndexOp)(render_create_op)
    renderers.dispatch_for(DropConcurrentIndexOp)(render_drop_op)
    renderers.dispatch_for(ReplaceIndexOp)(render_replace_op)
    renderers.dispatch_for(RestoreIndexOp)(render_restore_op)
    renderers.dispatch_for(RenameIndexOp)(render_rename_op)
    renderers.dispatch_for(ReindexConcurrentlyOp)(render_reindex_op)
    renderers.dispatch_for(CreateUniqueConstraintConcurrentlyOp)(render_create_constraint_op)
    renderers.dispatch_for(DropUniqueConstraintConcurrentlyOp)(render_drop_constraint_op)
    renderers.dispatch_for(CreateIndexesOp)(render_indexes_op)
    renderers.dispatch_for(DropIndexesOp)(render_indexes_op)


def render_create_op(context: Any, operation: CreateConcurrentIndexOp) -> str:
    """The op.create_... call; adds the import of `key` where it is used."""
    return _render_building(context, operation, None)


def render_drop_op(context: Any, operation: DropConcurrentIndexOp) -> str:
    """The op.drop_concurrent_index call."""
    warn_of_mixing(operation)
    further = {"schema": operation.schema, **operation.settings, **_concurrently(operation)}
    return render_call(
        f"{_prefix(context)}drop_concurrent_index",
        [operation.index_name, operation.table_name],
        further,
    )


def render_replace_op(context: Any, operation: ReplaceIndexOp) -> str:
    """The op.replace_index call."""
    return _render_building(context, operation, "replace_index")


def render_restore_op(context: Any, operation: RestoreIndexOp) -> str:
    """The op.restore_index call."""
    further = {
        "schema": operation.schema,
        **operation.settings,
        **_concurrently(operation),
    }
    return render_call(
        f"{_prefix(context)}restore_index", [operation.index_name, operation.table_name], further
    )


def render_rename_op(context: Any, operation: RenameIndexOp) -> str:
    """The op.rename_index call."""
    names = [operation.index_name, operation.new_index_name, operation.table_name]
    further = {"schema": operation.schema, **operation.settings}
    return render_call(f"{_prefix(context)}rename_index", names, further)


def render_reindex_op(context: Any, operation: ReindexConcurrentlyOp) -> str:
    """The op.reindex_concurrently call."""
    names = [operation.index_name] if operation.index_name is not None else []
    further = {
        "table_name": operation.table_name,
        "schema": operation.schema,
        **operation.settings,
    }
    return render_call(f"{_prefix(context)}reindex_concurrently", names, further)


def render_create_constraint_op(
    context: Any, operation: CreateUniqueConstraintConcurrentlyOp
) -> str:
    """The op.create_unique_constraint_concurrently call."""
    spec, deferral = operation.spec, operation.deferral
    columns = [key.column for key in spec.key_columns]
    further = {
        "schema": spec.schema,
        "include": list(spec.included_columns) or None,
        "nulls_not_distinct": spec.nulls_not_distinct or None,
        "storage_parameters": dict(spec.storage_parameters) or None,
        "tablespace": spec.tablespace,
        "deferrable": deferral.deferrable or None,
        "initially": "DEFERRED" if deferral.initially_deferred else None,
        "comment": operation.comment,
        **operation.settings,
    }
    name = f"{_prefix(context)}create_unique_constraint_concurrently"
    return render_call(name, [spec.name, spec.table, columns], further)


def render_drop_constraint_op(context: Any, operation: DropUniqueConstraintConcurrentlyOp) -> str:
    """The op.drop_unique_constraint_concurrently call."""
    return render_call(
        f"{_prefix(context)}drop_unique_constraint_concurrently",
        [operation.constraint_name, operation.table_name],
        {"schema": operation.schema, **operation.settings},
    )


def render_indexes_op(context: Any, operation: CreateIndexesOp | DropIndexesOp) -> str:
    """The op.create_indexes or op.drop_indexes call; adds the imports that it needs."""
    further = {**operation.settings, **_concurrently(operation)}
    _import_names(context, operation.specs, "define_index")
    return render_call_of_many(
        f"{_prefix(context)}{operation.door}",
        operation.specs,
        further,
        sqlalchemy_prefix=_sqlalchemy_prefix(context),
    )


def _render_building(context: Any, operation: CreateConcurrentIndexOp, door: str | None) -> str:
    warn_of_mixing(operation)
    further = dict(operation.settings)
    if operation.comment is not None:
        further["comment"] = operation.comment
    further |= _concurrently(operation)
    _import_names(context, [operation.spec])
    return render_create_call(
        operation.spec,
        prefix=_prefix(context),
        further=further,
        door_name=door,
        sqlalchemy_prefix=_sqlalchemy_prefix(context),
    )


def _import_names(context: Any, specs: Sequence[IndexSpec], *ours: str) -> None:
    """Add the imports of what the calls for these specs call."""
    used = names_used(specs)
    ours = (*ours, "key") if "key" in used else ours
    if ours:
        context.imports.add(f"from alembic_index_ops import {', '.join(ours)}")
    if "text" in used and not _sqlalchemy_prefix(context):
        context.imports.add("from sqlalchemy import text")


def _concurrently(
    operation: CreateConcurrentIndexOp | NamedIndexOp | CreateIndexesOp | DropIndexesOp,
) -> dict[str, object]:
    return {"concurrently": operation.concurrently} if operation.concurrently != "auto" else {}


def _prefix(context: Any) -> str:
    return context.opts.get("alembic_module_prefix") or ""


def _sqlalchemy_prefix(context: Any) -> str:
    return context.opts.get("sqlalchemy_module_prefix", "sa.") or ""
