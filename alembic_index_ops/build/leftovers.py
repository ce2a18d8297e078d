"""Which indexes of a table earlier builds left behind. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alembic_index_ops.build.naming import (
    is_aside,
    is_aside_of,
    is_moved_out,
    is_proven_aside,
    name_before,
)

if TYPE_CHECKING:
    from alembic_index_ops.build.plan import State
    from alembic_index_ops.catalog.indexes import ObservedIndex


def find_debris(name: str, state: State) -> tuple[ObservedIndex, ...]:
    """What our builds left on this table, of the index `name` and of others: to be dropped."""
    return tuple(index for index in _lookalikes(name, state) if _is_ours(name, index))


def find_doubtful(name: str, state: State) -> tuple[ObservedIndex, ...]:
    """What looks like that and cannot be proven ours: left alone, and told of.

    A build of an expression that was edited since may be among them: the server stores other
    words than the migration has. Valid ones of other indexes are somebody's, and no question; so
    are their trees, which may be in the making.
    """
    return tuple(
        index
        for index in _lookalikes(name, state)
        if not _is_ours(name, index)
        and (is_aside_of(index.name, name) or not (index.usable or index.partitioned))
    )


def _lookalikes(name: str, state: State) -> Iterator[ObservedIndex]:
    return (
        index
        for index in state.indexes
        if index.name != name
        and is_aside(index.name)
        and index.parent_oid is None
        and index.constraint_type is None
        and not index.replica_identity
    )


def _is_ours(name: str, index: ObservedIndex) -> bool:
    """A valid index has to be proven ours; of INVALID ones, this index's go by their name.

    What was replaced is every operation's to drop: a valid UNIQUE one goes on enforcing. A
    partitioned one is a tree: INVALID, and yet hours of work that the next run goes on with.
    """
    if is_moved_out(index.name, index.oid):
        return True
    if is_aside_of(index.name, name):
        return not index.usable or is_proven_aside(index.spec, name, index.oid)
    if index.partitioned or index.usable:
        return False
    return is_proven_aside(index.spec, name_before(index.name), index.oid)
