"""Our operations on SQLite: a plain index with the parts that SQLite knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.definition.sql import qualified, quote
from alembic_index_ops.errors import (
    DefinitionDiffersError,
    DuplicateKeysError,
    IndexNotFoundError,
    TableNotFoundError,
    UnsupportedError,
)
from alembic_index_ops.events import Absent, Event, Present
from alembic_index_ops.listeners import logger, open_audience
from alembic_index_ops.migration.change_ops import ReindexConcurrentlyOp, RenameIndexOp
from alembic_index_ops.migration.configuration import read_listeners, translate
from alembic_index_ops.migration.constraint_ops import (
    CreateUniqueConstraintConcurrentlyOp,
    DropUniqueConstraintConcurrentlyOp,
)
from alembic_index_ops.migration.many_ops import CreateIndexesOp, DropIndexesOp
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.replace_ops import ReplaceIndexOp, RestoreIndexOp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

# What SQLite keeps of CREATE INDEX, up to the table: the name in any of its quotes, or in none.
_NAMED = re.compile(
    r"""(CREATE\s+(?:UNIQUE\s+)?INDEX\s+)(?:"(?:[^"]|"")*"|`[^`]*`|\[[^]]*\]|'[^']*'|\S+)\s+ON\s+""",
    re.IGNORECASE,
)


def create_on_sqlite(context: MigrationContext, operation: CreateConcurrentIndexOp) -> None:
    """CREATE INDEX with keys, DESC, UNIQUE and WHERE; a log line names what is left out.

    An index that is there already as asked is left as it is; a replacement drops it. Raises
    DefinitionDiffersError where it is another one, TableNotFoundError where the schema is not
    attached.
    """
    spec = operation.spec
    if context.connection is not None and not context.as_sql:
        spec = replace(spec, schema=_schema(context.connection, spec.schema))
        found = _read(context.connection, spec.name, spec.schema)
        if found is not None and isinstance(operation, ReplaceIndexOp):
            _run(context, f"DROP INDEX {qualified(spec.name, spec.schema)}")
        elif found is not None:
            _check_same(context.connection, spec, found)
            _tell(context, Present(spec.name, quote(spec.table)))
            return
    _tell_left_out(spec, list_left_out(operation))
    _run(context, render_create_sqlite(spec))


def drop_on_sqlite(context: MigrationContext, operation: DropConcurrentIndexOp) -> None:
    """DROP INDEX; one that is not there is a WARNING, as on PostgreSQL."""
    name, schema = operation.index_name, operation.schema
    if context.connection is not None and not context.as_sql:
        schema = _schema(context.connection, schema)
        if _read(context.connection, name, schema) is None:
            _tell(context, Absent(name, quote(operation.table_name), ()))
            return
    _run(context, f"DROP INDEX IF EXISTS {qualified(name, schema)}")


def restore_on_sqlite(context: MigrationContext, operation: RestoreIndexOp) -> None:
    """Nothing but a WARNING: SQLite has no comments to keep the former definition in."""
    logger.warning(
        'index "%s" on "%s": SQLite keeps no former definition; left as it is. To have it restored'
        " there too, write op.replace_index with that definition",
        operation.index_name,
        operation.table_name,
    )


def rename_on_sqlite(context: MigrationContext, operation: RenameIndexOp) -> None:
    """SQLite cannot rename an index: the same one is made under the new name.

    Raises IndexNotFoundError where there is neither name.
    """
    connection = context.connection
    if connection is None or context.as_sql:
        raise UnsupportedError(
            f'index "{operation.index_name}": SQLite renames an index by making it anew, for which'
            " it has to be read. Nothing was written; run this revision online."
        )
    schema = _schema(connection, operation.schema)
    found = _read(connection, operation.index_name, schema)
    if found is not None:
        new = qualified(operation.new_index_name, schema)
        anew = _NAMED.sub(lambda start: f"{start[1]}{new} ON ", found[1], count=1)
        _run(context, f"DROP INDEX {qualified(operation.index_name, schema)}")
        _run(context, anew)
    elif _read(connection, operation.new_index_name, schema) is None:
        raise IndexNotFoundError(
            f'index "{operation.index_name}" does not exist, nor does'
            f' "{operation.new_index_name}". Nothing was changed; correct the name.'
        )


def reindex_on_sqlite(context: MigrationContext, operation: ReindexConcurrentlyOp) -> None:
    """REINDEX; of all where only a schema is named."""
    name, schema = operation.index_name or operation.table_name, operation.schema
    if context.connection is not None and not context.as_sql:
        schema = _schema(context.connection, schema)
    _run(context, f"REINDEX {qualified(name, schema)}" if name else "REINDEX")


def create_constraint_on_sqlite(
    context: MigrationContext, operation: CreateUniqueConstraintConcurrentlyOp
) -> None:
    """A unique index in the constraint's place: SQLite cannot add one to a table."""
    if operation.deferral.deferrable:
        _tell_left_out(operation.spec, [str(operation.deferral)])
    create_on_sqlite(context, CreateConcurrentIndexOp(operation.spec, comment=operation.comment))


def drop_constraint_on_sqlite(
    context: MigrationContext, operation: DropUniqueConstraintConcurrentlyOp
) -> None:
    """Drop the unique index that stands for the constraint."""
    drop_on_sqlite(
        context,
        DropConcurrentIndexOp(
            operation.constraint_name, operation.table_name, schema=operation.schema
        ),
    )


def create_many_on_sqlite(context: MigrationContext, operation: CreateIndexesOp) -> None:
    """Each of them."""
    for each in operation.single():
        create_on_sqlite(context, each)


def drop_many_on_sqlite(context: MigrationContext, operation: DropIndexesOp) -> None:
    """Each of them."""
    for each in operation.single():
        drop_on_sqlite(context, each)


def _tell(context: MigrationContext, event: Event) -> None:
    with open_audience(read_listeners(context)) as audience:
        audience.report(event)


def _tell_left_out(spec: IndexSpec, parts: Sequence[str]) -> None:
    if parts:
        logger.info(
            'index "%s" on "%s": SQLite knows no %s; left out',
            spec.name,
            spec.table,
            ", ".join(parts),
        )


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
    from sqlalchemy.exc import IntegrityError

    if context.as_sql:
        context.impl.static_output(f"{statement};")
    elif context.connection is not None:
        try:
            context.connection.exec_driver_sql(statement)
        except IntegrityError as error:
            raise DuplicateKeysError(
                f"{statement}: the rows hold duplicates of its key ({error.orig}). Nothing was"
                " changed; remove the duplicates, then run the migration again."
            ) from error
