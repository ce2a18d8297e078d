"""Partitions whose index is not the one of their partitioned table. Pure.

ATTACH PARTITION compares columns and operator classes, not the order: an index on (a) is taken
under one on (a DESC).
https://www.postgresql.org/docs/current/sql-alterindex.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alembic_index_ops import ObservedIndex, describe_key, render_create_call, render_drop_call
from pytest_index_assert.health.finding import Finding
from pytest_index_assert.health.schema import Relation, Schema

NAME = "partition_leaves"


def find(schema: Schema) -> Iterator[Finding]:
    """A finding for each leaf that a partitioned index does not reach, or has in another order."""
    for parent in schema.indexes:
        if not parent.partitioned or parent.parent_oid is not None:
            continue
        for leaf in schema.leaves(parent.table_oid):
            part = _part(schema, parent, leaf)
            if part is None:
                yield _uncovered(schema, parent, leaf)
            elif _order(part) != _order(parent):
                yield _other_order(schema, parent, leaf, part)


def _part(schema: Schema, parent: ObservedIndex, leaf: Relation) -> ObservedIndex | None:
    for index in schema.indexes_of[leaf.oid]:
        if any(above.oid == parent.oid for above in schema.ancestors(index)):
            return index
    return None


def _order(index: ObservedIndex) -> tuple[tuple[bool, bool | None], ...]:
    return tuple((key.descending, key.nulls_first) for key in index.spec.key_columns)


def _uncovered(schema: Schema, parent: ObservedIndex, leaf: Relation) -> Finding:
    return Finding(
        kind=NAME,
        table=leaf.plain_name,
        index=parent.name,
        message=f"partition {leaf} has no part of the index"
        f' "{parent.name}" of "{parent.schema}"."{parent.table}", so that queries read it whole',
        fix=_create(schema, parent),
    )


def _other_order(
    schema: Schema, parent: ObservedIndex, leaf: Relation, part: ObservedIndex
) -> Finding:
    keys, wanted = (
        ", ".join(map(describe_key, index.spec.key_columns)) for index in (part, parent)
    )
    reversed_ = tuple((not down, not first) for down, first in _order(parent))
    served = (
        "; that is the same order read backwards" if _order(part) == reversed_
        else ", so that ORDER BY has to sort there"
    )  # fmt: skip
    return Finding(
        kind=NAME,
        table=leaf.plain_name,
        index=part.name,
        message=f'index "{part.name}" of partition {leaf} has the order ({keys}), and'
        f' "{parent.name}" of "{parent.schema}"."{parent.table}", which it belongs to, has'
        f" ({wanted}){served}",
        # The partitioned index takes its parts with it.
        fix="\n".join(
            [
                render_drop_call(parent.name, parent.table, schema.named(parent.schema)),
                _create(schema, parent),
            ]
        ),
    )


def _create(schema: Schema, parent: ObservedIndex) -> str:
    return render_create_call(replace(parent.spec, schema=schema.named(parent.schema)))
