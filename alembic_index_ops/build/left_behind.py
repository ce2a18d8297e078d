"""Which indexes were left by work that was cut off, whoever's it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.reindex import is_left_by_reindex

if TYPE_CHECKING:
    from alembic_index_ops.catalog.indexes import ObservedIndex


def is_leftover(index: ObservedIndex) -> bool:
    """Whether a build of ours, or a REINDEX CONCURRENTLY, has left it, or is at it now.

    Ours are known by their names aside (`..._building_` or `..._replaced_` and eight hex digits),
    those of REINDEX by `_ccnew` or `_ccold` and by being INVALID.
    """
    return is_aside(index.name) or is_left_by_reindex(index)
