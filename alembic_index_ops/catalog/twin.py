"""The twin: an empty clone of a table on which the server normalises definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.clones import try_all
from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.refusal import Matter, Refusal, to_error
from alembic_index_ops.catalog.trials import Made, Trial
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.definition.sql import quote, render_key
from alembic_index_ops.errors import IndexOpsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

_PREFIX = "alembic_index_ops_"  # of the clone's indexes; tables and theirs share one name space


def normalise(
    connection: Connection, table: Table, specs: Sequence[IndexSpec]
) -> tuple[IndexSpec, ...]:
    """The specs as the server would store them on `table`, in the same order.

    Raises the first error among the answers of `normalise_all`.
    """
    result = []
    for answer in normalise_all(connection, [(table, spec) for spec in specs]):
        if isinstance(answer, IndexOpsError):
            raise answer
        result.append(answer)
    return tuple(result)


def normalise_all(
    connection: Connection, asked: Sequence[tuple[Table, IndexSpec]]
) -> tuple[IndexSpec | IndexOpsError, ...]:
    """Each spec as the server would store it on its table, or why that cannot be said, in order.

    Specs that are evidently plain pass as they are. The error is an ArgumentError for a definition
    that the server refuses, a CannotJudgeError where it refuses the clone or cannot tell, and a
    LockTimeoutError where the table stays locked. What ends the session or the statement as a
    whole is raised.
    """
    wished = [replace(spec, schema=table.schema, table=table.name) for table, spec in asked]
    trials = [
        Trial(table, spec.named(f"{_PREFIX}{number}"))
        for number, ((table, _), spec) in enumerate(zip(asked, wished, strict=True))
        if not spec.evidently_plain
    ]
    stored = try_all(connection, trials, _read_specs)
    result: list[IndexSpec | IndexOpsError] = []
    for number, ((table, _), spec) in enumerate(zip(asked, wished, strict=True)):
        answer = stored.get(f"{_PREFIX}{number}", spec)
        if isinstance(answer, Refusal):
            result.append(to_error(connection, answer, _matter(table, spec)))
        else:
            result.append(
                replace(
                    answer,
                    name=spec.name,
                    schema=spec.schema,
                    table=spec.table,
                    tablespace=spec.tablespace,
                )
            )
    return tuple(result)


def _read_specs(connection: Connection, made: Mapping[str, Made]) -> dict[str, IndexSpec]:
    clones = {each.clone_oid for each in made.values()}
    return {index.name: index.spec for index in read_indexes(connection, table_oids=clones)}


def _matter(table: Table, spec: IndexSpec) -> Matter:
    terms = [render_key(KeyColumn(key.column, key.expression)) for key in spec.key_columns]
    terms += map(quote, spec.included_columns)
    where = f" WHERE {spec.predicate}" if spec.predicate else ""
    return Matter(
        f'index "{spec.name}" on {table}',
        object="this definition",
        cure="the columns, the expression or the predicate",
        deed="normalise its expression or predicate",
        query=f"SELECT {', '.join(terms)} FROM {table}{where}",
    )
