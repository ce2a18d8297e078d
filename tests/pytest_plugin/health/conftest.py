from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_index_assert.health.builtin import CHECKS
from pytest_index_assert.health.check import HealthCheck
from pytest_index_assert.health.finding import Finding
from tests.observe import execute
from tests.servers import Database

Find = Callable[..., list[Finding]]


@pytest.fixture
def find(database: Database) -> Find:
    """`find("invalid", "CREATE TABLE ...", ...)`: what the check finds after the statements."""
    checks = {check.name: check for check in CHECKS if isinstance(check, HealthCheck)}

    def find(name: str, *statements: str) -> list[Finding]:
        execute(database, *statements)
        with database.engine.connect() as connection:
            return list(checks[name].find(checks[name].read(connection)))

    return find


def identities(findings: list[Finding]) -> list[str]:
    return [finding.identity for finding in findings]
