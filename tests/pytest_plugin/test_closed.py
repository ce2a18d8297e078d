"""`assert_only_indexes`: what is missing and what is too many."""

from __future__ import annotations

import pytest

FIRST = '"ix_jobs_org_id_created_at"'


def run(project, *calls):
    body = "".join(
        f"\ndef test_{number}(assert_only_indexes):\n    assert_only_indexes({call})\n"
        for number, call in enumerate(calls)
    )
    imports = (
        "import sqlalchemy as sa\nfrom alembic_index_ops import key\n"
        "from pytest_index_assert import requires_index\n"
        "t = sa.Table('jobs', sa.MetaData(), sa.Column('org_id'), sa.Column('created_at'))\n"
    )
    project.tests(imports + body)
    return project.run()


@pytest.mark.parametrize(
    "listed",
    [
        f"[{FIRST}]",
        '[["org_id", "created_at DESC"]]',
        '[("org_id", key("created_at", desc=True))]',
        '[requires_index("jobs", "org_id", match="at_least")]',
        '[pytest.mark.requires_index("jobs", eq=["org_id"], order_by=["created_at"])]',
        f"[{FIRST}, 'jobs_pkey']",
        f"[{FIRST}, ['id']], schema='public', constraints=True",
        '[sa.Index("ix_jobs_org_id_created_at", t.c.org_id, t.c.created_at.desc())]',
    ],
)
def test_a_list_that_is_whole(jobs_project, listed):
    run(jobs_project, f"'jobs', {listed}").assert_outcomes(passed=1)


def test_one_failure_tells_all(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE INDEX ix_status ON jobs (status)")
    result = run(jobs_project, "'jobs', ['ix_gone', ['created_at']]")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        'assert_only_indexes("jobs"): "public"."jobs" lacks 2 of the listed indexes, and has 2 that'
        " are not listed",
        '  not listed: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        '  not listed: "ix_status": btree (status)',
        "  list what is meant to be there; to drop the others:",
        '    op.drop_concurrent_index("ix_jobs_org_id_created_at", "jobs", schema="public")',
        '    op.drop_concurrent_index("ix_status", "jobs", schema="public")',
        "",
        'requires_index("jobs", name="ix_gone") is not met: "public"."jobs" has no index "ix_gone"',
        "",
        'requires_index("jobs", "created_at") is not met: no index of "public"."jobs" has this'
        " definition",
    ])  # fmt: skip


def test_constraints_are_too_many_only_on_request(jobs_project):
    result = run(jobs_project, f"'jobs', [{FIRST}], constraints=True")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        '*lacks 0 of the listed indexes, and has 1 that is not listed',
        '  not listed: "jobs_pkey": UNIQUE btree (id), primary key',
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*drop_concurrent_index*")


def test_a_double_is_too_many(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE INDEX ix_twin ON jobs (org_id, created_at DESC)")
    result = run(
        jobs_project,
        "'jobs', [['org_id', 'created_at DESC']]",
        f"'jobs', [['org_id', 'created_at DESC'], {FIRST}]",
        "'jobs', [['org_id', 'created_at DESC'], 'ix_twin']",
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(['  not listed: "ix_twin": btree (org_id, created_at DESC)'])


def test_an_invalid_index_is_missing_where_listed_and_too_many_elsewhere(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass"
        )
    result = run(jobs_project, f"'jobs', [{FIRST}]", "'jobs', []")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([
        "*lacks 1 of the listed indexes, and has 0 that are not listed",
        "*lacks 0 of the listed indexes, and has 1 that is not listed",
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'jobs', 'ix'", "assert_only_indexes takes a list of indexes, not 'ix'"),
        (
            "'jobs', [3]",
            "assert_only_indexes: 3 is no index; give a name, a list of columns,"
            " requires_index(...), or the index of a model",
        ),
        (
            "'jobs', [requires_index('users', 'id')]",
            'assert_only_indexes("jobs"): requires_index("users", "id") is about another table',
        ),
        (
            "'job', []",
            'assert_only_indexes("job") cannot be judged: table "job" does not exist in the search'
            " path",
        ),
    ],
)
def test_what_is_no_list(jobs_project, call, message):
    result = run(jobs_project, call)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message.replace("[", "[[]")])
