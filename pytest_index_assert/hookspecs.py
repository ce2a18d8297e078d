"""The hooks that conftest.py files and plugins may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from pytest_index_assert.health import Finding, HealthCheck


@pytest.hookspec(firstresult=True)
def pytest_index_assert_engine(config: pytest.Config) -> Any:
    """The database to assert on: an Engine, an AsyncEngine, a connection of these, or a URL.

    It is asked once, by the fixture `index_engine`, before options and environment are looked at;
    None leaves it to those. A connection says where to connect: what it has not committed is not
    seen. The database is taken as it is, and only read.
    """


def pytest_index_assert_requirements(config: pytest.Config) -> Sequence[pytest.MarkDecorator]:
    """Requirements of no test in particular: `[requires_index("jobs", "org_id"), ...]`.

    Each is collected as a test of its own, `index-assert::requires_index(...)`.
    """
    raise NotImplementedError


def pytest_index_assert_checks(config: pytest.Config) -> Sequence[HealthCheck]:
    """More health checks, chosen by their names as the plugin's own are."""
    raise NotImplementedError


@pytest.hookspec(firstresult=True)
def pytest_index_assert_finding(
    config: pytest.Config, finding: Finding
) -> Finding | Literal[False] | None:
    """Asked of each finding of a health check, before the baseline is.

    False takes it out, another Finding takes its place, None leaves it as it is. The first answer
    that is not None counts.
    """
