"""Indexes that are the same to every query and constraint, one of which can go. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alembic_index_ops import ObservedIndex, render_drop_call
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.health.schema import Schema
from pytest_index_assert.health.shape import Shape, describe, is_comparable, may_go, shape_of

NAME = "duplicates"


def find(schema: Schema) -> Iterator[Finding]:
    """A finding for each index that can go because another one, which stays, is the same."""
    for indexes in schema.indexes_of.values():
        for same in _groups(schema, indexes):
            kept, *others = sorted(same, key=lambda index: _worth(schema, index))
            for index in others:
                if may_go(schema, index) or _is_spare_constraint(schema, kept, index):
                    yield _finding(schema, kept, index)


def _groups(schema: Schema, indexes: Sequence[ObservedIndex]) -> Iterator[list[ObservedIndex]]:
    shapes: dict[Shape, list[ObservedIndex]] = {}
    for index in indexes:
        if is_comparable(index):
            shapes.setdefault(shape_of(schema, index), []).append(index)
    return (same for same in shapes.values() if len(same) > 1)


def _worth(schema: Schema, index: ObservedIndex) -> tuple[bool, int, bool, int]:
    """Sorts first what can least go: the primary key's, other constraints', what is needed; then
    the older one."""
    order = {"p": 0, "x": 1, "u": 2}
    constraint = order.get(index.constraint_type or "", 3)
    return may_go(schema, index), constraint, index.oid not in schema.referenced, index.oid


def _is_spare_constraint(schema: Schema, kept: ObservedIndex, index: ObservedIndex) -> bool:
    """A second UNIQUE on the columns of another constraint, to which no foreign key points."""
    return (
        index.constraint_type == "u"
        and kept.constraint_type in ("p", "u")
        and index.oid not in schema.referenced
        and index.parent_oid is None
        and not index.replica_identity
    )


def _finding(schema: Schema, kept: ObservedIndex, index: ObservedIndex) -> Finding:
    name = schema.named(index.schema)
    table = f'"{index.schema}"."{index.table}"'
    fix = render_drop_call(index.name, index.table, name)
    if index.constraint_type == "u":
        schema_argument = f', schema="{name}"' if name else ""
        fix = (
            "op.drop_unique_constraint_concurrently("
            f'"{index.constraint_name}", "{index.table}"{schema_argument})'
        )
    return Finding(
        kind=NAME,
        table=plain_name(index.schema, index.table),
        index=index.name,
        message=f'index "{index.name}" on {table} is the same as {describe(kept)} to every query'
        " and constraint, and each write pays for both",
        fix=fix,
    )
