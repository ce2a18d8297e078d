"""Indexes whose keys another index begins with, so that it serves all their queries. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alembic_index_ops import ObservedIndex, render_drop_call
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.health.schema import Schema
from pytest_index_assert.health.shape import Shape, describe, is_comparable, may_go, shape_of

NAME = "prefix_redundant"


def find(schema: Schema) -> Iterator[Finding]:
    """A finding for each index that enforces nothing and is the start of another one."""
    for indexes in schema.indexes_of.values():
        shapes = [
            (index, shape_of(schema, index))
            for index in indexes
            if index.access_method == "btree" and is_comparable(index)
        ]
        for index, shape in shapes:
            if not shape.enforces[0] and may_go(schema, index):
                wider = [other for other, its in shapes if _begins_with(its, shape)]
                if wider:
                    yield _finding(index, _best(wider), schema)


def _begins_with(wide: Shape, narrow: Shape) -> bool:
    """Whether `wide` gives all that `narrow` gives, and is not the same.

    Its rows, its order, and for index-only scans its columns, be they keys or included there.
    """
    size = len(narrow.keys)
    columns = wide.included | {key.column for key in wide.keys}
    return (
        wide.keys[:size] == narrow.keys
        and wide.predicate == narrow.predicate
        and narrow.included <= columns
        and wide != narrow
        and not (len(wide.keys) == size and wide.included < narrow.included)
    )


def _best(wider: Sequence[ObservedIndex]) -> ObservedIndex:
    """The one that stays: a constraint's, else the widest, with which no other one begins."""
    return max(
        wider,
        key=lambda index: (
            index.constraint_type is not None,
            index.key_count,
            len(index.spec.included_columns),
            -index.oid,
        ),
    )


def _finding(index: ObservedIndex, wide: ObservedIndex, schema: Schema) -> Finding:
    keys = ", ".join(key.label for key in wide.spec.key_columns)
    return Finding(
        kind=NAME,
        table=plain_name(index.schema, index.table),
        index=index.name,
        message=f'index "{index.name}" on "{index.schema}"."{index.table}" is the start of'
        f" {describe(wide)} ({keys}), which serves all its queries",
        fix=render_drop_call(index.name, index.table, schema.named(index.schema)),
    )
