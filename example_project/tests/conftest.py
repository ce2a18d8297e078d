"""The application's tests run against an empty database, migrated to head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from sqlalchemy import Engine, Executable

from example_project.tests import Fetch

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def index_alembic_config() -> Config:
    """Which migrations pytest_index_assert runs; an ini file next to the tests would do as well."""
    return Config(str(PROJECT / "alembic.ini"))


@pytest.fixture
def fetch(index_engine: Engine) -> Fetch:
    """Run one of the application's queries; nothing it writes is kept."""

    def fetch(statement: Executable) -> Sequence[Any]:
        with index_engine.connect() as connection:
            return connection.execute(statement).all()

    return fetch
