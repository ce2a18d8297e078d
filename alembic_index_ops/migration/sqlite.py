"""Our operations on SQLite: a plain index with the parts that SQLite knows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.definition.sql import qualified, quote
from alembic_index_ops.errors import DefinitionDiffersError, TableNotFoundError
from alembic_index_ops.events import Absent, Present, log_event, logger
from alembic_index_ops.migration.configuration import translate
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection


def create_on_sqlite(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """CREATE INDEX with keys, DESC, UNIQUE and WHERE; a log line names what is left out.

    An index that is there already as asked is left as it is. Raises DefinitionDiffersError
    where it is another one, TableNotFoundError where the schema is not attached.
    """
    spec = operation.spec
    if context.connection is not None and not context.as_sql:
        spec = replace(spec, schema=_schema(context.connection, spec.schema))
        found = _read(context.connection, spec.name, spec.schema)
        if found is not None:
            _check_same(context.connection, spec, found)
            log_event(Present(spec.name, quote(spec.table)))
            return
    left_out = list_left_out(operation)
    if left_out:
        logger.info(
            'index "%s" on "%s": SQLite knows no %s; left out',
            spec.name,
            spec.table,
            ", ".join(left_out),
        )
    _run(context, render_create_sqlite(spec))


def drop_on_sqlite(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """DROP INDEX; one that is not there is a WARNING, as on PostgreSQL."""
    name, schema = operation.index_name, operation.schema
    if context.connection is not None and not context.as_sql:
        schema = _schema(context.connection, schema)
        if _read(context.connection, name, schema) is None:
            log_event(Absent(name, quote(operation.table_name), ()))
            return
    _run(context, f"DROP INDEX IF EXISTS {qualified(name, schema)}")


def _schema(connection: Connection, schema: str | None) -> str | None:
    """The attached database that stands for the schema, after schema_translate_map."""
    translated = translate(connection, schema)
    attached = [row[1] for row in connection.exec_driver_sql("PRAGMA database_list")]
    if translated is not None and translated not in attached:
        raise TableNotFoundError(
            f'schema "{translated}" does not exist on SQLite. Nothing was changed; ATTACH a'
            " database of that name in env.py, or map the schema away:"
            f' connection.execution_options(schema_translate_map={{"{schema}": None}})'
        )
    return translated


def _read(connection: Connection, name: str, schema: str | None) -> tuple[str, str] | None:
    """The table and the CREATE INDEX of the index of that name."""
    master = f"{quote(schema or 'main')}.sqlite_master"
    query = f"SELECT tbl_name, sql FROM {master} WHERE type = 'index' AND name = ?"
    row = connection.exec_driver_sql(query, (name,)).first()
    return None if row is None else (str(row[0]), str(row[1]))


def _check_same(connection: Connection, spec: IndexSpec, found: tuple[str, str]) -> None:
    """SQLite keeps the words of CREATE INDEX: both are read without quotes, case and blanks."""
    table, statement = found
    if table != spec.table or _words(statement) != _words(render_create_sqlite(spec)):
        raise DefinitionDiffersError(
            f'index "{spec.name}" exists with another definition: {statement}. Nothing was'
            f" changed; wanted: {render_create_sqlite(spec)}"
        )


def _words(statement: str) -> str:
    body = statement.partition(" ON ")[2]
    unique = "unique " if statement.upper().startswith("CREATE UNIQUE") else ""
    return unique + re.sub(r"[\s\"()\[\]`]|\bASC\b", "", body).lower()


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
