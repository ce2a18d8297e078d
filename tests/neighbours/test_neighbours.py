"""Beside pytest-alembic, pytest-postgresql, pytest-django, pytest-asyncio and anyio."""

from __future__ import annotations

from pathlib import Path

import alembic
import pytest

from tests.neighbours.conftest import Run, readme
from tests.servers import Server

MARKED = """
import pytest

@pytest.mark.requires_index("jobs", "org_id")
def test_it():
    pass
"""
ASYNC = """
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


async def count(index_engine):
    engine = create_async_engine(index_engine.url.set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        found = (await connection.execute(text("SELECT count(*) FROM jobs"))).scalar()
    await engine.dispose()
    return found


@pytest.mark.asyncio
@pytest.mark.requires_index("jobs", "org_id")
async def test_by_pytest_asyncio(index_engine):
    assert await count(index_engine) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.requires_index("jobs", "org_id")
async def test_by_anyio(index_engine, anyio_backend):
    assert await count(index_engine) == 0
"""


def test_their_fixtures_are_theirs(run: Run) -> None:
    """Nor does one of ours go by such a name."""
    shown = run("--fixtures", "-v", "-p", "no:cacheprovider").stdout

    for name, module in {
        "alembic_engine": "pytest_alembic/plugin/fixtures.py",
        "alembic_config": "pytest_alembic/plugin/fixtures.py",
        "postgresql": "pytest_postgresql/",
        "db": "pytest_django/",
    }.items():
        [line] = [line for line in shown.splitlines() if line.startswith((f"{name} ", f"{name} ["))]
        assert module in line, line
    ours = [
        line.split()[0]
        for line in shown.splitlines()
        if "-- " in line and "pytest_index_assert/" in line
    ]
    assert sorted(ours) == [
        "assert_index", "assert_indexes", "assert_no_index", "assert_only_indexes",
        "assert_query_uses", "index_alembic_config", "index_catalog", "index_engine",
        "index_engine_per_test",
    ]  # fmt: skip


def test_on_the_plugins_own_server(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MARKED + ASYNC)

    assert "3 passed" in run().stdout


def test_the_engine_of_pytest_alembic(run: Run, tmp_path: Path, server: Server) -> None:
    """Its own tests run beside ours, on the user's database."""
    database = server.create_database()
    try:
        (tmp_path / "conftest.py").write_text(
            f"{readme('pytest-alembic')}\n\nimport sqlalchemy\n\n\n@pytest.fixture\n"
            f"def alembic_engine():\n    engine = sqlalchemy.create_engine({database.url!r})\n"
            "    yield engine\n    engine.dispose()\n"
        )
        # Its option --test-alembic, which collects these, fails on pytest 9.2.
        theirs = "test_single_head_revision, test_up_down_consistency"
        (tmp_path / "test_it.py").write_text(f"from pytest_alembic.tests import {theirs}\n{MARKED}")

        done = run().stdout
    finally:
        server.drop_database(database.name)

    assert "3 passed" in done


def test_the_database_of_pytest_postgresql(run: Run, tmp_path: Path, server: Server) -> None:
    (tmp_path / "schema.sql").write_text(
        "CREATE TABLE jobs (id int PRIMARY KEY, org_id int);"
        "CREATE INDEX ix_jobs_org ON jobs (org_id);"
    )
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom pytest_postgresql import factories\n"
        f"{readme('pytest-postgresql')}\n\n"
        "postgresql_noproc = factories.postgresql_noproc(load=[Path('schema.sql')])\n"
        "postgresql = factories.postgresql('postgresql_noproc')\n"
    )
    (tmp_path / "test_it.py").write_text(MARKED)

    done = run("--postgresql-host=127.0.0.1", f"--postgresql-port={server.port}").stdout

    assert "PASSED test_it.py::test_it" in done


@pytest.mark.parametrize("absent", [(), ("-p", "no:asyncio", "-p", "no:anyio")], ids=["both", "no"])
def test_an_async_project_as_alembic_makes_it(
    run: Run, tmp_path: Path, absent: tuple[str, ...]
) -> None:
    """No event loop, mode or scope is configured; the plugin asks for none."""
    template = Path(alembic.__file__).parent / "templates" / "async" / "env.py"
    (tmp_path / "migrations" / "env.py").write_text(
        template.read_text().replace("if config.config_file_name is not None", "if False")
    )
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom sqlalchemy.ext.asyncio import create_async_engine\n\n\n"
        "@pytest.fixture(scope='session')\ndef app_engine(index_engine):\n"
        "    return create_async_engine(index_engine.url.set(drivername='postgresql+asyncpg'))\n"
    )
    (tmp_path / "test_it.py").write_text(MARKED)

    assert "1 passed" in run(*absent).stdout
