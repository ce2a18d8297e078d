"""Our operations on SQLite: a plain index with the parts that SQLite knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.definition.sql import qualified, quote
from alembic_index_ops.events import logger
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def create_on_sqlite(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """CREATE INDEX with keys, DESC, UNIQUE and WHERE; a log line names what is left out."""
    left_out = list_left_out(operation)
    if left_out:
        logger.info(
            'index "%s" on "%s": SQLite knows no %s; left out',
            operation.spec.name,
            operation.spec.table,
            ", ".join(left_out),
        )
    _run(context, render_create_sqlite(operation.spec))


def drop_on_sqlite(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """DROP INDEX; one that is not there is a WARNING, as on PostgreSQL."""
    name, table = operation.index_name, operation.table_name
    if context.connection is not None and not context.as_sql:
        schema = quote(operation.schema or "main")
        master = f"SELECT 1 FROM {schema}.sqlite_master WHERE type = 'index' AND name = ?"
        if not context.connection.exec_driver_sql(master, (name,)).all():
            logger.warning(
                'index "%s" on "%s" does not exist, so there is nothing to drop', name, table
            )
    _run(context, f"DROP INDEX IF EXISTS {qualified(name, operation.schema)}")


def render_create_sqlite(spec: IndexSpec) -> str:
    """CREATE INDEX in SQLite's words: the schema stands before the index, not the table."""
    keys = ", ".join(_render_key(key) for key in spec.key_columns)
    where = f" WHERE {spec.predicate}" if spec.predicate is not None else ""
    return (
        f"CREATE {'UNIQUE ' if spec.unique else ''}INDEX {qualified(spec.name, spec.schema)}"
        f" ON {quote(spec.table)} ({keys}){where}"
    )


def list_left_out(operation: CreateConcurrentIndexOp) -> list[str]:
    """The parts of the operation that SQLite does not know, in PostgreSQL's words."""
    spec = operation.spec
    keys = spec.key_columns
    parts = {
        "INCLUDE": bool(spec.included_columns),
        f"access method {spec.access_method}": spec.access_method != "btree",
        "NULLS FIRST or NULLS LAST": any(key.nulls_first != key.descending for key in keys),
        "operator class": any(key.operator_class is not None for key in keys),
        "collation of PostgreSQL": any(key.collation is not None for key in keys),
        "NULLS NOT DISTINCT": spec.nulls_not_distinct,
        "storage parameters": bool(spec.storage_parameters),
        "tablespace": spec.tablespace is not None,
        "comment": operation.comment is not None,
    }
    return [name for name, present in parts.items() if present]


def _render_key(key: KeyColumn) -> str:
    name = quote(key.column) if key.column is not None else f"({key.expression})"
    return f"{name} DESC" if key.descending else name


def _run(context: MigrationContext, statement: str) -> None:
    if context.as_sql:
        context.impl.static_output(f"{statement};")
    elif context.connection is not None:
        context.connection.exec_driver_sql(statement)
