"""Health checks: what is wrong with the indexes of a database, whatever a test requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_index_assert.health.check import HealthCheck
    from pytest_index_assert.health.finding import Finding
    from pytest_index_assert.health.schema import Schema

__all__ = ["Finding", "HealthCheck", "Schema"]


def __getattr__(name: str) -> object:
    """Public names on demand: every pytest run imports this package, for its options."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_index_assert.health import check, finding, schema

    module = next(each for each in (check, finding, schema) if hasattr(each, name))
    return getattr(module, name)
