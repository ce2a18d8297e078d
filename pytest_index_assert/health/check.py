"""A health check: a name, what it reads, and a function from that to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_index_assert.health.finding import Finding
from pytest_index_assert.health.reading import read_schema

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A check of the database that the tests use.

    `find` is pure, and gets what `read` returned: without a `read` of its own, the `Schema`. The
    connection is rolled back afterwards.
    """

    name: str
    find: Callable[[Any], Iterable[Finding]]
    read: Callable[[Connection], Any] = read_schema


@dataclass(frozen=True, slots=True)
class Examined:
    """What a check of the project's migrations found, and what else the reader should know.

    `skipped` says why there was nothing to look at.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectCheck:
    """A check of what env.py and the revision files do; it asks for the fixtures it needs."""

    name: str
    examine: Callable[[pytest.FixtureRequest], Examined]


AnyCheck = HealthCheck | ProjectCheck
