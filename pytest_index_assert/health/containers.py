"""B-trees on values that are searched for what is in them, which a btree cannot do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alembic_index_ops import (
    IndexSpec,
    ObservedIndex,
    key,
    render_create_call,
    render_drop_call,
)
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.health.schema import Column, Schema
from pytest_index_assert.naming import default_name

NAME = "container_btree"


@dataclass(frozen=True, slots=True)
class _Serving:
    """What a btree on such a type does not serve, and the index method that does."""

    operators: str
    method: str = "gin"


_ARRAY = _Serving("@>, <@ and &&")
_TYPES = {
    "jsonb": _Serving("@>, @? and @@ (for `data ->> 'key' = ...`, index that expression)"),
    "tsvector": _Serving("@@"),
    "hstore": _Serving("@>, ? and ?&"),
}


def find(schema: Schema) -> Iterator[Finding]:
    """A finding for each plain btree that has such a column, whole, as a key.

    One that is unique is there for what it enforces. Included columns only save reading the table.
    """
    for index in schema.indexes:
        if index.access_method != "btree" or index.unique or index.constraint_type is not None:
            continue
        if index.parent_oid is not None or not index.usable:
            continue
        columns = {column.name: column for column in schema.relation[index.table_oid].columns}
        for part in index.spec.key_columns:
            column = columns.get(part.column or "")
            serving = None if column is None else _serving(column)
            if column is not None and serving is not None:
                yield _finding(schema, index, column, serving)
                break


def _serving(column: Column) -> _Serving | None:
    return _ARRAY if column.is_array else _TYPES.get(column.type)


def _finding(schema: Schema, index: ObservedIndex, column: Column, serving: _Serving) -> Finding:
    name = schema.named(index.schema)
    what = "an array" if column.is_array else column.type
    table = f'"{index.schema}"."{index.table}"'
    return Finding(
        kind=NAME,
        table=plain_name(index.schema, index.table),
        index=index.name,
        message=f'index "{index.name}" on {table} is a btree on the column {column.name}, which is'
        f" {what}: it finds whole values only. What serves {serving.operators} is"
        f" {serving.method.upper()}",
        fix="\n".join(
            [
                render_create_call(_instead(schema, index, column, serving)),
                render_drop_call(index.name, index.table, name),
            ]
        ),
    )


def _instead(schema: Schema, index: ObservedIndex, column: Column, serving: _Serving) -> IndexSpec:
    new = default_name(index.table, [column.name])
    if new in {other.name for other in schema.indexes_of[index.table_oid]}:
        new = default_name(index.table, [column.name, serving.method])
    return IndexSpec(
        name=new,
        table=index.table,
        schema=schema.named(index.schema),
        key_columns=(key(column.name),),
        access_method=serving.method,
        predicate=index.spec.predicate,
    )
