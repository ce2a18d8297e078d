"""Indexes that no query may use, and what unfinished work has left behind. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alembic_index_ops import ObservedIndex, is_leftover, render_create_call, render_drop_call
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.health.schema import Schema

INVALID, DEBRIS = "invalid", "debris"
_SHOWN = 3


def find_invalid(schema: Schema) -> Iterator[Finding]:
    """A finding for each index that is not valid, ready and live; debris has its own kind."""
    for index in schema.indexes:
        if not index.usable and not is_leftover(index):
            yield _finding(INVALID, index, _cause(schema, index), _fix(schema, index))


def find_debris(schema: Schema) -> Iterator[Finding]:
    """A finding for each index that a REINDEX CONCURRENTLY, or a build of ours, has left."""
    for index in schema.indexes:
        if is_leftover(index):
            name = schema.named(index.schema)
            cause = f"is left of a build that was cut off ({index.state}); writes go on paying it"
            yield _finding(DEBRIS, index, cause, render_drop_call(index.name, index.table, name))


def _finding(kind: str, index: ObservedIndex, cause: str, fix: str) -> Finding:
    table = plain_name(index.schema, index.table)
    message = f'index "{index.name}" on "{index.schema}"."{index.table}" {cause}'
    return Finding(kind=kind, table=table, index=index.name, message=message, fix=fix)


def _cause(schema: Schema, index: ObservedIndex) -> str:
    if not index.partitioned:
        return f"is {index.state}"
    bare = [
        leaf
        for leaf in schema.leaves(index.table_oid)
        if not any(
            index in schema.ancestors(part) and part.usable for part in schema.indexes_of[leaf.oid]
        )
    ]
    if not bare:
        return "is INVALID: a part of it was INVALID when it was attached; attach that again"
    shown = ", ".join(map(str, bare[:_SHOWN]))
    more = f" and {len(bare) - _SHOWN} more" if len(bare) > _SHOWN else ""
    return f"is INVALID: {shown}{more} has no valid index attached to it"


def _fix(schema: Schema, index: ObservedIndex) -> str:
    name = schema.named(index.schema)
    if not index.live:
        return render_drop_call(index.name, index.table, name)
    if index.partitioned and index.constraint_type is None:
        return render_create_call(replace(index.spec, schema=name))
    if index.partitioned:
        return f'# ALTER INDEX "{index.name}" ATTACH PARTITION ... for each partition it lacks'
    schema_argument = f', schema="{name}"' if name else ""
    return f'op.reindex_concurrently("{index.name}"{schema_argument})'
