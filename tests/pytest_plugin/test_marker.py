"""The marker in every kind of test: outcomes, and the body that is not run."""

from __future__ import annotations

import pytest

from tests.servers import Database

MET = '@pytest.mark.requires_index("jobs", "org_id", "created_at DESC")'
UNMET = '@pytest.mark.requires_index("jobs", "status")'


def test_met_and_unmet(jobs_project):
    jobs_project.tests(f"""
        {MET}
        def test_met():
            print("the body ran")

        {UNMET}
        def test_unmet():
            print("the body of the unmet ran")

        def test_unmarked():
            pass
    """)
    result = jobs_project.run("-rA")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([
        'requires_index("jobs", "status") is not met: no index of "public"."jobs" has this'
        " definition",
        "the body ran",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*the body of the unmet ran*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_all_that_is_unmet_is_reported_together(jobs_project):
    jobs_project.tests(f"""
        {UNMET}
        class TestJobs:
            {MET}
            @pytest.mark.requires_index("jobs", "created_at", reason="second")
            @pytest.mark.requires_index(name="ix_third")
            def test_it(self):
                pass
    """)
    result = jobs_project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        'requires_index("jobs", "status") is not met: *',
        'requires_index("jobs", "created_at") is not met: *',
        "  reason: second",
        'requires_index(name="ix_third") is not met: there is no index "ix_third" in the search'
        " path",
    ])  # fmt: skip


def test_on_a_class_and_on_a_module(jobs_project):
    jobs_project.tests(f"""
        pytestmark = pytest.mark.requires_index("jobs", "id")

        {UNMET}
        class TestUnmet:
            def test_one(self):
                pass

            def test_two(self):
                pass

        def test_of_the_module():
            pass
    """)
    jobs_project.run().assert_outcomes(passed=1, failed=2)


def test_on_a_test_case(jobs_project):
    jobs_project.tests(f"""
        import unittest

        class TestIt(unittest.TestCase):
            def setUp(self):
                self.ready = True

            {MET}
            def test_met(self):
                assert self.ready

            {UNMET}
            def test_unmet(self):
                raise AssertionError("the body ran")

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            {MET}
            async def test_met(self):
                pass

            {UNMET}
            async def test_unmet(self):
                raise AssertionError("the body ran")
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.no_fnmatch_line("*the body ran*")


def test_on_async_tests(jobs_project):
    with (jobs_project.path / "conftest.py").open("a") as conftest:
        conftest.write("""

import asyncio, inspect

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True
""")
    jobs_project.tests(f"""
        {MET}
        async def test_met():
            pass

        {UNMET}
        async def test_unmet():
            raise AssertionError("the body ran")
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*the body ran*")


def test_on_parametrised_tests(jobs_project):
    jobs_project.tests(f"""
        @pytest.mark.parametrize("column", [
            "org_id",
            pytest.param("status", marks=pytest.mark.requires_index("jobs", "status")),
        ])
        {MET}
        def test_it(column):
            pass
    """)
    jobs_project.run().assert_outcomes(passed=1, failed=1)


def test_with_skip_and_xfail(jobs_project):
    jobs_project.tests(f"""
        {UNMET}
        @pytest.mark.skip
        def test_skipped():
            pass

        {UNMET}
        @pytest.mark.xfail(strict=True)
        def test_expected():
            pass
    """)
    jobs_project.run().assert_outcomes(skipped=1, xfailed=1)


def test_with_xdist(jobs_project):
    jobs_project.tests(f"""
        @pytest.mark.parametrize("number", range(4))
        {MET}
        def test_met(number):
            pass

        @pytest.mark.parametrize("number", range(4))
        {UNMET}
        def test_unmet(number):
            pass
    """)
    result = jobs_project.run_alone("-n2")
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines(['requires_index("jobs", "status") is not met: *'])


def test_the_typed_marker_is_the_marker(jobs_project):
    jobs_project.tests("""
        from pytest_index_assert import requires_index

        @requires_index("jobs", "org_id", "created_at DESC", unique=False)
        def test_met():
            pass

        @requires_index("jobs", ["status"])
        def test_unmet():
            pass

        @requires_index("ix_jobs")
        def test_wrong():
            pass
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(['requires_index("ix_jobs"): a single argument reads as*'])


def test_a_malformed_marker_fails_before_any_connection(project):
    project.write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture\ndef index_engine():\n    raise AssertionError('ask')\n",
    )
    project.tests("""
        @pytest.mark.requires_index("jobs", "status", uniq=True)
        @pytest.mark.requires_index("app.jobs", "status")
        def test_it():
            raise AssertionError("the body ran")
    """)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        'requires_index("jobs", "status", uniq=True): there is no argument uniq=; did you mean'
        " unique=?",
        'requires_index("app.jobs", "status"): the table "app.jobs" has a dot; *',
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*AssertionError*")


def test_a_database_that_does_not_answer_is_an_error(project):
    project.engine("'postgresql+asyncpg://someone:s3cret@127.0.0.1:1/nowhere'")
    project.tests(f"""
        {MET}
        def test_it():
            pass
    """)
    result = project.run("--tb=long", "--showlocals")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        "postgresql+psycopg://someone:[*][*][*]@127.0.0.1:1/nowhere cannot be reached: *"
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*s3cret*")


def test_the_state_of_the_database_when_the_test_starts(jobs_project, jobs: Database):
    """An index that one test drops is missed by the next."""
    jobs_project.tests(f"""
        import psycopg

        {MET}
        def test_before():
            with psycopg.connect(host="127.0.0.1", port={jobs.server.port}, user="postgres",
                                 dbname="{jobs.name}") as connection:
                connection.execute("DROP INDEX ix_jobs_org_id_created_at")

        {MET}
        def test_after():
            pass
    """)
    jobs_project.run().assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only", "--collect-only"])
def test_runs_without_tests_need_no_requirement(jobs_project, option):
    jobs_project.tests(f"""
        {UNMET}
        def test_it():
            pass
    """)
    assert jobs_project.run(option).ret == 0


def test_without_a_marker_nothing_is_asked_for(project):
    project.tests("""
        import sys

        def test_it():
            assert "pytest_index_assert.enforce" not in sys.modules
    """)
    project.run_alone().assert_outcomes(passed=1)
