"""Operation -> migration source."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate.render import renderers

from alembic_index_ops.definition.source import render_create_call, render_drop_call
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp


def register() -> None:
    """Make the operations known to Alembic's renderer."""
    renderers.dispatch_for(CreateConcurrentIndexOp)(render_create_op)
    renderers.dispatch_for(DropConcurrentIndexOp)(render_drop_op)


def render_create_op(context: Any, operation: CreateConcurrentIndexOp) -> str:
    """The op.create_... call; adds the import of `key` where it is used."""
    further = dict(operation.settings)
    if operation.comment is not None:
        further["comment"] = operation.comment
    if operation.concurrently != "auto":
        further["concurrently"] = operation.concurrently
    source = render_create_call(operation.spec, prefix=_prefix(context), further=further)
    if "key(" in source:
        context.imports.add("from alembic_index_ops import key")
    return source


def render_drop_op(context: Any, operation: DropConcurrentIndexOp) -> str:
    """The op.drop_concurrent_index call."""
    return render_drop_call(
        operation.index_name, operation.table_name, operation.schema, prefix=_prefix(context)
    )


def _prefix(context: Any) -> str:
    return context.opts.get("alembic_module_prefix") or ""
