"""The plugin's own server: one for a run, cloned for workers and tests, reused by the next run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import make_url

from tests.pytest_plugin.conftest import (
    CACHING,
    ENV_PY,
    INDEX,
    MARKED,
    TABLE,
    Project,
    left_over,
    pytest_embedded,
)

pytestmark = [pytest_embedded, pytest.mark.slow]

# It notes each migration; what is opened for writing decides nothing.
NOTING_ENV_PY = ENV_PY.replace(
    "with engine.connect()",
    "with open('migrated', 'a') as notes:\n    print('once', file=notes)\nwith engine.connect()",
)
# It runs twice for one migration: first it is only looked where it goes.
ONCE = ["once"] * 2
CLONE = """
@pytest.mark.requires_index("jobs", "org_id")
def test_change(index_engine_per_test):
    with index_engine_per_test.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_jobs_org")
"""
FAILING = """
@pytest.mark.requires_index("jobs", "org_id")
def test_it({}):
    assert False
"""


@pytest.fixture
def noting(embedded: Project) -> Project:
    """A project whose env.py notes in `migrated` that it runs."""
    embedded.migrations(TABLE, INDEX, env_py=NOTING_ENV_PY)
    return embedded


def archives(project: Project) -> list[str]:
    directory = project.path / ".pytest_cache" / "d" / "index_assert"
    return sorted(path.name for path in directory.iterdir())


def test_workers_share_the_server_and_have_a_database_each(noting: Project) -> None:
    noting.tests("""
        import time

        @pytest.mark.parametrize("number", range(2))
        @pytest.mark.requires_index("jobs", "org_id")
        def test_it(number, index_engine, worker_id):
            with open("urls", "a") as file:
                print(index_engine.url, file=file)
            time.sleep(1)  # so that the other worker has a test to run
    """)

    noting.run_alone("-n2").assert_outcomes(passed=2)

    first, second = map(make_url, noting.lines("urls"))
    assert first.host == second.host
    assert first.query == second.query
    assert {first.database, second.database} == {"index_assert_gw0_1", "index_assert_gw1_1"}
    assert noting.lines("migrated") == ONCE
    assert left_over(timeout=0) == []


def test_the_server_outlives_the_worker_that_started_it(noting: Project) -> None:
    noting.tests("""
        import os, time

        @pytest.mark.requires_index("jobs", "org_id")
        def test_first():
            os.kill(os.getpid(), 9)

        @pytest.mark.parametrize("number", range(3))
        @pytest.mark.requires_index("jobs", "org_id")
        def test_others(number):
            time.sleep(0.3)
    """)

    result = noting.run_alone("-n2", "--dist=load")

    result.assert_outcomes(passed=3, failed=1)
    assert noting.lines("migrated") == ONCE
    assert left_over(timeout=0) == []


def test_a_migration_that_fails_is_tried_once_by_all_workers(noting: Project) -> None:
    noting.migrations("SELECT no_such_function()", env_py=NOTING_ENV_PY)
    noting.tests(
        "@pytest.mark.parametrize('number', range(4))\n" + MARKED.replace("()", "(number)")
    )

    result = noting.run_alone("-n2")

    result.assert_outcomes(errors=4)
    assert noting.lines("migrated") == ONCE


def test_a_clone_for_a_test(embedded: Project) -> None:
    """What one test changes, no other sees: neither the next one nor the worker's database."""
    embedded.tests(CLONE + CLONE.replace("test_change", "test_again") + MARKED)

    embedded.run_alone().assert_outcomes(passed=3)


def test_a_clone_is_dropped_after_its_test(embedded: Project) -> None:
    embedded.tests(
        CLONE
        + """
def test_after(index_engine):
    with index_engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT datname FROM pg_database WHERE datname LIKE 'index_assert_main%%'"
        ).scalars().all()
    assert found == ["index_assert_main_2"]
"""
    )

    embedded.run_alone().assert_outcomes(passed=2)


def test_index_engine_can_be_the_clone_of_each_test(embedded: Project) -> None:
    embedded.engine("index_engine_per_test", scope="function")
    conftest = (embedded.path / "conftest.py").read_text()
    embedded.write(
        "conftest.py", conftest.replace("index_engine()", "index_engine(index_engine_per_test)")
    )
    embedded.tests("""
        @pytest.mark.parametrize("number", range(2))
        @pytest.mark.requires_index("jobs", "org_id")
        def test_it(number, index_engine, assert_no_index):
            with index_engine.begin() as connection:
                connection.exec_driver_sql("DROP INDEX ix_jobs_org")
            assert_no_index("jobs", "org_id")
    """)

    embedded.run_alone().assert_outcomes(passed=2)


def test_a_database_that_the_user_named_is_not_cloned(embedded: Project) -> None:
    embedded.tests(CLONE.replace('@pytest.mark.requires_index("jobs", "org_id")', ""))

    result = embedded.run("--index-assert-url=postgresql://me:s3cret@127.0.0.1:1/mine")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        "postgresql://me:[*][*][*]@127.0.0.1:1/mine is a database that you named, and such a one is"
        " only read: *"
    )
    assert "s3cret" not in result.stdout.str()


def test_a_clone_has_the_settings_of_the_database(embedded: Project) -> None:
    embedded.migrations(
        "CREATE SCHEMA app CREATE TABLE jobs (id int PRIMARY KEY, org_id int)",
        "CREATE INDEX ix_jobs_org ON app.jobs (org_id)",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public',"
        " current_database()); END$$",
    )

    embedded.run_alone().assert_outcomes(passed=1)


def test_a_cache_that_cannot_be_written(embedded: Project) -> None:
    embedded.write(".pytest_cache", "no directory")

    result = embedded.pytester.runpytest_subprocess(
        *CACHING, "-W", "ignore::pytest.PytestCacheWarning"
    )

    result.assert_outcomes(passed=1)


def test_the_next_run_does_not_migrate(noting: Project) -> None:
    noting.run_again().assert_outcomes(passed=1)
    assert noting.lines("migrated") == ONCE
    assert len(archives(noting)) == 1

    noting.run_again("-n2").assert_outcomes(passed=1)

    assert noting.lines("migrated") == ONCE
    assert left_over(timeout=0) == []


def test_what_a_run_changed_the_next_one_does_not_see(embedded: Project) -> None:
    embedded.tests("""
        @pytest.mark.requires_index("jobs", "org_id")
        def test_change(index_engine):
            with index_engine.begin() as connection:
                connection.exec_driver_sql("DROP INDEX ix_jobs_org")
                connection.exec_driver_sql("CREATE ROLE somebody")
    """)

    embedded.run_again().assert_outcomes(passed=1)
    embedded.run_again().assert_outcomes(passed=1)


@pytest.mark.parametrize("what", ["a module", "a file", "a variable"])
def test_what_env_py_read_has_changed(
    noting: Project, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    reading = (
        "import os, sys\nfrom pathlib import Path\nsys.path.insert(0, '.')\nimport models\n"
        "words = Path('words.sql').exists() and Path('words.sql').read_text()\n"
        "os.environ.get('TENANT')\n"
    )
    noting.migrations(TABLE, INDEX, env_py=reading + NOTING_ENV_PY)
    noting.write("models.py", "")
    noting.write("words.sql", "")
    noting.run_again().assert_outcomes(passed=1)

    if what == "a variable":
        monkeypatch.setenv("TENANT", "other")
    else:
        noting.write("models.py" if what == "a module" else "words.sql", "# changed")
    noting.run_again().assert_outcomes(passed=1)

    assert noting.lines("migrated") == ONCE * 2


def test_fresh_migrates_anew_and_leaves_nothing(noting: Project) -> None:
    noting.run_again().assert_outcomes(passed=1)

    noting.write("pytest.ini", "[pytest]\nindex_assert_fresh = true\n")
    noting.run_again().assert_outcomes(passed=1)

    assert noting.lines("migrated") == ONCE * 2
    assert archives(noting) == []


def test_an_archive_that_is_not_whole_is_made_anew(noting: Project) -> None:
    noting.run_again().assert_outcomes(passed=1)
    [name] = archives(noting)
    archive = noting.path / ".pytest_cache" / "d" / "index_assert" / name
    whole = archive.stat().st_size
    archive.write_bytes(archive.read_bytes()[: whole // 2])

    noting.run_again().assert_outcomes(passed=1)

    assert noting.lines("migrated") == ONCE * 2
    assert archive.stat().st_size > whole // 2
    assert left_over(timeout=0) == []


def test_two_runs_at_once(noting: Project) -> None:
    noting.run_again().assert_outcomes(passed=1)

    runs = [
        subprocess.Popen([sys.executable, "-m", "pytest", *CACHING], cwd=noting.path, stdout=-3)
        for _ in range(2)
    ]

    assert [run.wait(120) for run in runs] == [0, 0]
    assert noting.lines("migrated") == ONCE


@pytest.mark.parametrize("fixture", ["index_engine", "index_engine_per_test"])
def test_a_database_is_kept_when_its_test_fails(embedded: Project, fixture: str) -> None:
    embedded.tests(FAILING.format(fixture))
    result = embedded.run_alone("-n2", "--index-assert-keep")
    result.assert_outcomes(failed=1)
    line = next(line for line in reversed(result.outlines) if line.startswith("index-assert: "))
    address, command = line.removeprefix("index-assert: ").split(
        " goes on running; to stop and remove it: "
    )

    embedded.tests(MARKED)
    embedded.run_alone(f"--index-assert-url={address}").assert_outcomes(passed=1)
    subprocess.run(command, shell=True, check=True)
    assert left_over(timeout=0) == []


def test_no_database_is_kept_when_all_pass(embedded: Project) -> None:
    result = embedded.run_alone("--index-assert-keep")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("index-assert: *")
    assert left_over(timeout=0) == []


def test_no_database_is_kept_unasked(embedded: Project) -> None:
    embedded.tests(FAILING.format("index_engine"))

    embedded.run_alone().assert_outcomes(failed=1)

    assert left_over(timeout=0) == []


def test_an_async_engine_on_it(embedded: Project) -> None:
    embedded.tests("""
        import asyncio
        from sqlalchemy.ext.asyncio import create_async_engine

        def test_it(index_engine):
            async def read():
                engine = create_async_engine(index_engine.url.set(drivername="postgresql+asyncpg"))
                async with engine.connect() as connection:
                    found = await connection.exec_driver_sql("SELECT count(*) FROM jobs")
                await engine.dispose()
                return found.scalar()

            assert asyncio.run(read()) == 0
    """)

    embedded.run_alone().assert_outcomes(passed=1)
