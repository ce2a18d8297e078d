"""The hooks: an engine, requirements, more checks, and a say in each finding."""

from __future__ import annotations

import pytest

from tests.observe import execute
from tests.pytest_plugin.health.test_items import DUPLICATE

DUPLICATES = "--index-assert-health=duplicates"


@pytest.fixture
def hooked(project, jobs):
    """`hooked(source)`: a project whose conftest.py has these hooks, and `url`."""

    def hooked(source):
        project.write("conftest.py", f"url = {jobs.url!r}\n{ENGINE}{source}")
        return project

    return hooked


ENGINE = """
def pytest_index_assert_engine(config):
    return url
"""


def test_an_engine_as_a_url(hooked):
    hooked("").run(DUPLICATES).assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", ["engine", "engine.connect()", "async_engine", "async_engine.connect()"]
)
def test_an_engine_or_a_connection(project, jobs, value):
    project.write(
        "conftest.py",
        "from sqlalchemy import create_engine\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        f"engine = create_engine({jobs.url!r})\n"
        f"async_engine = create_async_engine({jobs.url!r})\n"
        f"def pytest_index_assert_engine(config):\n    return {value}\n"
        "def pytest_unconfigure():\n    engine.dispose()\n",
    )

    project.run_alone("-W", "default", DUPLICATES).assert_outcomes(passed=1)


def test_the_fixture_goes_before_the_hook(hooked, jobs):
    project = hooked(
        "import pytest\n@pytest.fixture\ndef index_engine():\n"
        "    return url.replace('test_', 'no_')\n"
    )

    project.run(DUPLICATES).assert_outcomes(failed=1)


def test_requirements_are_collected(hooked):
    project = hooked("""
from pytest_index_assert import requires_index
def pytest_index_assert_requirements(config):
    return [
        requires_index("jobs", "org_id", "created_at DESC"),
        requires_index("jobs", "status", reason="the list"),
        requires_index("jobs.status"),
    ]
""")

    result = project.run("-v")

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines([
        'index-assert::requires_index("jobs", "org_id", "created_at DESC") PASSED *',
        'requires_index("jobs", "status") is not met: no index of "public"."jobs" has this*',
        "  reason: the list",
    ])  # fmt: skip


def test_a_requirement_by_its_node_id(hooked):
    project = hooked("""
import pytest
def pytest_index_assert_requirements(config):
    return [pytest.mark.requires_index("jobs", "id"), pytest.mark.requires_index("jobs", "status")]
""")

    project.run('index-assert::requires_index("jobs", "status")').assert_outcomes(failed=1)


def test_what_is_no_requirement(hooked):
    project = hooked("""
def pytest_index_assert_requirements(config):
    return ["jobs"]
""")

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["pytest_index_assert_requirements returned 'jobs'; it returns *"])


def test_a_finding_is_vetoed(hooked, jobs):
    execute(jobs, DUPLICATE)
    project = hooked("""
def pytest_index_assert_finding(config, finding):
    return False if finding.index == "ix_again" else None
""")

    project.run(DUPLICATES).assert_outcomes(passed=1)


def test_a_finding_is_rewritten(hooked, jobs):
    execute(jobs, DUPLICATE)
    project = hooked("""
from dataclasses import replace
def pytest_index_assert_finding(config, finding):
    return replace(finding, message=f"ask the owners of {finding.table}", fix=None)
""")

    result = project.run(DUPLICATES)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["duplicates: 1 finding", "ask the owners of public.jobs"])


CHECK = """
from pytest_index_assert import Finding, HealthCheck
def find(schema):
    for index in schema.indexes:
        if not index.name.startswith("ix_") and index.constraint_type is None:
            yield Finding(kind="names", table=index.table, index=index.name, message="rename it")
def pytest_index_assert_checks(config):
    return [HealthCheck("names", find)]
"""


def test_a_check_is_added(hooked, jobs):
    execute(jobs, "CREATE INDEX bad ON jobs (status)")
    project = hooked(CHECK)

    result = project.run(f"{DUPLICATES} names")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["names: 1 finding", "rename it"])


def test_a_check_that_reads_for_itself(hooked):
    project = hooked("""
from pytest_index_assert import Finding, HealthCheck
from sqlalchemy import text
def read(connection):
    return connection.execute(text("SELECT count(*) FROM pg_class")).scalar()
def find(count):
    return [Finding(kind="count", message=f"{count > 100}")]
def pytest_index_assert_checks(config):
    return [HealthCheck("count", find, read)]
""")

    result = project.run("--index-assert-health=count")

    result.stdout.fnmatch_lines(["count: 1 finding", "True"])


def test_a_check_whose_name_is_taken(hooked):
    project = hooked(CHECK.replace('"names", find', '"invalid", find'))

    result = project.run(DUPLICATES)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['there are two health checks "invalid"; rename one'])
