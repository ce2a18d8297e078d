"""What a new index takes over from the one it replaces."""

from __future__ import annotations

from collections.abc import Sequence

from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.definition.sql import qualified, quote


def render_inheritance(
    table: Table,
    name: str,
    new: ObservedIndex,
    old: ObservedIndex,
    dependents: Dependents,
    restored: Sequence[tuple[int, int]] = (),
) -> list[str]:
    """The statements, after the new index has got this name.

    Statistics targets of expressions go to the same expressions of the new index; `restored` are
    those that it had itself once.
    """
    carried, _ = _sort_targets(new, old, dependents)
    statements = [
        f"ALTER INDEX {qualified(name, table.schema)} ALTER COLUMN {number} SET STATISTICS {target}"
        for number, target in {**dict(carried), **dict(restored)}.items()
    ]
    if old.replica_identity:
        statements.append(f"ALTER TABLE {table} REPLICA IDENTITY USING INDEX {quote(name)}")
    if old.clustered:
        statements.append(f"ALTER TABLE {table} CLUSTER ON {quote(name)}")
    return statements


def find_lost_targets(
    new: ObservedIndex, old: ObservedIndex, dependents: Dependents
) -> tuple[tuple[int, int], ...]:
    """The statistics targets of expressions that the new index has not, by the old one's column."""
    return _sort_targets(new, old, dependents)[1]


def _sort_targets(
    new: ObservedIndex, old: ObservedIndex, dependents: Dependents
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """The targets that go over, by the new index's column, and those that are lost."""
    positions = {
        key.expression: number
        for number, key in enumerate(new.spec.key_columns, start=1)
        if key.expression is not None
    }
    carried, lost = [], []
    for number, target in dependents.statistics:
        expression = old.spec.key_columns[number - 1].expression
        if expression in positions:
            carried.append((positions[expression], target))
        else:
            lost.append((number, target))
    return tuple(carried), tuple(lost)
