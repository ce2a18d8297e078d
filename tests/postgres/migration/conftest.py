from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import Project
from tests.servers import Database


@pytest.fixture
def project(tmp_path: Path, database: Database) -> Project:
    """An Alembic project on the test's database, env.py as `alembic init` makes it."""
    return Project(tmp_path, database.url)
