"""A pytest plugin that proves the migrated database has the indexes the code needs.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_index_assert.fixtures import (
        AssertIndex,
        AssertIndexes,
        AssertNoIndex,
        AssertOnlyIndexes,
        AssertQueryUses,
        IndexCatalog,
    )
    from pytest_index_assert.health import Finding, HealthCheck, Schema
    from pytest_index_assert.marker import requires_index

__all__ = [
    "AssertIndex",
    "AssertIndexes",
    "AssertNoIndex",
    "AssertOnlyIndexes",
    "AssertQueryUses",
    "Finding",
    "HealthCheck",
    "IndexCatalog",
    "Schema",
    "requires_index",
]


def __getattr__(name: str) -> object:
    """Public names on demand: the plugin's own processes import this package without pytest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_index_assert import fixtures, health, marker

    module = next(each for each in (marker, health, fixtures) if hasattr(each, name))
    return getattr(module, name)
