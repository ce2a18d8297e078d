"""Health checks as tests: which are collected, what they say, what the baseline lets pass."""

from __future__ import annotations

import pytest

from tests.observe import execute
from tests.sessions import in_transaction

DUPLICATE = "CREATE INDEX ix_again ON jobs (org_id, created_at DESC)"
ARRAY = "ALTER TABLE jobs ADD tags text[]; CREATE INDEX ix_tags ON jobs (tags)"
CHECKS = (
    "--index-assert-health=invalid debris foreign_keys duplicates prefix_redundant"
    " container_btree partition_leaves"
)
TWO = "--index-assert-health=duplicates container_btree"


@pytest.fixture
def sick(jobs_project, jobs):
    """A project whose database has a duplicate, and a btree on an array."""
    execute(jobs, DUPLICATE, ARRAY)
    return jobs_project


def test_all_are_well(jobs_project):
    jobs_project.run(CHECKS).assert_outcomes(passed=7)


def test_a_finding_fails_its_item(sick):
    result = sick.run(CHECKS)

    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines([
        "*_ duplicates _*",
        "duplicates: 1 finding",
        'index "ix_again" on "public"."jobs" is the same as "ix_jobs_org_id_created_at" to every*',
        "  to put it right:",
        '    op.drop_concurrent_index("ix_again", "jobs")',
        "FAILED index-assert::duplicates - *",
        "FAILED index-assert::container_btree - *",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")


def test_none_are_collected_unless_asked_for(sick):
    sick.tests("def test_it():\n    pass\n")

    sick.run().assert_outcomes(passed=1)


def test_the_ini_file_switches_them_on(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health = duplicates invalid\n")

    sick.run().assert_outcomes(passed=1, failed=1)


def test_the_command_line_over_the_ini_file(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health = duplicates invalid\n")

    sick.run("--index-assert-health=invalid").assert_outcomes(passed=1)


def test_one_is_left_out_by_name(sick):
    sick.run(f"{CHECKS} ~duplicates").assert_outcomes(passed=5, failed=1)


def test_one_is_selected_by_keyword(sick):
    sick.run(CHECKS, "-k", "duplicates").assert_outcomes(failed=1, deselected=6)


def test_one_is_selected_by_its_node_id(sick):
    sick.tests("def test_it():\n    pass\n")

    result = sick.run("index-assert::duplicates", "index-assert::invalid")

    result.assert_outcomes(passed=1, failed=1)


def test_the_node_above_them_all(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health = duplicates\n")
    sick.tests("def test_it():\n    pass\n")

    sick.run("index-assert").assert_outcomes(failed=1)


def test_a_node_id_that_is_none(sick):
    result = sick.run("index-assert::duplicate")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['there is no "index-assert::duplicate"; there are: invalid, *'])


def test_a_name_that_is_none(sick):
    result = sick.run("--index-assert-health=duplicate")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['there is no health check "duplicate"; did you mean duplicates?'])


def test_a_run_of_one_file_is_about_that_file(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health = duplicates\n")
    sick.tests("def test_it():\n    pass\n")

    sick.run("test_it.py").assert_outcomes(passed=1)
    sick.run("test_it.py::test_it").assert_outcomes(passed=1)
    sick.run(".").assert_outcomes(passed=1, failed=1)


@pytest.mark.slow
def test_with_xdist_each_runs_once(sick):
    result = sick.run_alone(CHECKS, "-n2")

    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(["duplicates: 1 finding"])


@pytest.mark.slow
def test_xdist_and_a_node_id(sick):
    sick.run_alone("index-assert::duplicates", "-n2").assert_outcomes(failed=1)


@pytest.fixture
def further_down(project, jobs):
    """A project whose `index_engine` is in db/conftest.py, and seen from there only."""
    project.engine(repr(jobs.url), scope="module")
    project.write("db/conftest.py", (project.path / "conftest.py").read_text())
    project.write("db/test_it.py", "def test_it():\n    pass\n")
    (project.path / "conftest.py").unlink()
    return project


def test_an_engine_of_a_conftest_further_down(further_down):
    further_down.run("--index-assert-health=invalid").assert_outcomes(passed=2)


def test_an_engine_of_a_directory_that_is_not_collected(further_down):
    (further_down.path / "db").rename(further_down.path / "tests")

    further_down.run("index-assert::invalid").assert_outcomes(passed=1)


def test_its_node_id_is_the_same_wherever_the_engine_is(further_down):
    further_down.write("db/conftest.py", (further_down.path / "db/conftest.py").read_text()
                       .replace("return", "raise RuntimeError #"))  # fmt: skip

    result = further_down.run("--index-assert-health=invalid")

    result.stdout.fnmatch_lines(["FAILED index-assert::invalid - *"])


def test_those_that_failed_are_run_again_beside_a_test_that_failed(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health = duplicates invalid\n")
    sick.tests("def test_it():\n    assert 0\n")
    sick.run_again().assert_outcomes(passed=1, failed=2)

    sick.run_again("--lf").assert_outcomes(failed=2)


def test_no_database_fails_the_item(project):
    project.engine("'postgresql://nobody@127.0.0.1:1/nowhere'")

    result = project.run("--index-assert-health=invalid")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["postgresql+psycopg://nobody@127.0.0.1:1/nowhere cannot be reached: *"]
    )


def test_a_table_that_stays_locked_cannot_be_judged(jobs_project, jobs):
    execute(jobs, "CREATE INDEX ix_lower ON jobs (lower(status))")
    with in_transaction(jobs, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"):
        result = jobs_project.run("--index-assert-health=invalid")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["invalid cannot be judged: the indexes of the database cannot be*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


BASELINE = "--index-assert-health-baseline=baseline.txt"
UPDATE = "--index-assert-health-update-baseline"


def test_the_baseline_is_written(sick):
    result = sick.run(CHECKS, BASELINE, UPDATE)

    result.assert_outcomes(passed=7)
    assert (sick.path / "baseline.txt").read_text() == (
        "# Findings of the health checks that fail no test. A line whose finding is gone may go"
        " too.\n# Written by pytest --index-assert-health-update-baseline.\n"
        "container_btree public.jobs ix_tags\nduplicates public.jobs ix_again\n"
    )
    result.stdout.fnmatch_lines(["index-assert: *baseline.txt was written; it has 2 findings"])


def test_the_baseline_lets_its_findings_pass(sick):
    sick.write("baseline.txt", "duplicates public.jobs ix_again\n")

    sick.run(TWO, BASELINE).assert_outcomes(passed=1, failed=1)


def test_what_is_new_fails_beside_the_baseline(sick, jobs):
    sick.write("baseline.txt", "# why\nduplicates public.jobs ix_again\n")
    execute(jobs, "CREATE INDEX ix_third ON jobs (org_id, created_at DESC)")

    result = sick.run("--index-assert-health=duplicates", BASELINE)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["duplicates: 1 finding, beside 1 of the baseline"])
    result.stdout.no_fnmatch_line('index "ix_again" on *')


def test_a_stale_line_is_told(jobs_project):
    jobs_project.write("baseline.txt", "duplicates public.jobs ix_gone\ninvalid public.a b\n")

    result = jobs_project.run("--index-assert-health=duplicates", BASELINE)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([
        "index-assert: *baseline.txt has lines that are found no more; take them out:",
        "index-assert:   duplicates public.jobs ix_gone",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*invalid public.a b*")


def test_an_update_takes_out_what_is_stale_and_keeps_the_rest(sick):
    sick.write(
        "baseline.txt",
        "# mine\nduplicates public.jobs ix_gone\n\ninvalid public.a b\n# end\n",
    )

    sick.run(TWO, BASELINE, UPDATE).assert_outcomes(passed=2)

    assert (sick.path / "baseline.txt").read_text() == (
        "# mine\n\ninvalid public.a b\n# end\n"
        "container_btree public.jobs ix_tags\nduplicates public.jobs ix_again\n"
    )


@pytest.mark.slow
def test_an_update_by_the_workers_of_xdist(sick):
    sick.run_alone(CHECKS, BASELINE, UPDATE, "-n2").assert_outcomes(passed=7)

    assert "duplicates public.jobs ix_again\n" in (sick.path / "baseline.txt").read_text()


def test_the_baseline_of_the_ini_file_lies_beside_it(sick):
    sick.write("pytest.ini", "[pytest]\nindex_assert_health_baseline = baseline.txt\n")
    sick.write("baseline.txt", "duplicates public.jobs ix_again\n")

    sick.run("--index-assert-health=duplicates").assert_outcomes(passed=1)


def test_an_update_without_a_file(sick):
    result = sick.run(TWO, UPDATE)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--index-assert-health-update-baseline has no file to write; *"])
