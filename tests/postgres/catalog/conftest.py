"""A connection in either mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from tests.servers import Database


@pytest.fixture
def mode() -> str:
    return "transaction"


@pytest.fixture
def connection(database: Database, mode: str) -> Iterator[Connection]:
    engine = database.engine
    if mode == "autocommit":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
