"""Models and database that differ in their indexes."""

from __future__ import annotations

import pytest

from tests.observe import execute
from tests.pytest_plugin.conftest import ENV_PY

MODEL = "--index-assert-health=model"
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("org_id", sa.Integer),
    sa.Column("status", sa.Text),
    sa.Column("created_at", sa.DateTime),
)
sa.Index("ix_jobs_org_id_created_at", jobs.c.org_id, jobs.c.created_at.desc())
"""
MODEL_ENV_PY = ENV_PY.replace(
    "context.configure(connection=connection)",
    "import models\n    context.configure(connection=connection, target_metadata=models.metadata)",
)


@pytest.fixture
def modelled(jobs_project):
    """A project with models of the database of `jobs`."""
    jobs_project.write("models.py", MODELS)
    jobs_project.migrations(env_py=MODEL_ENV_PY)
    jobs_project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    return jobs_project


def declare(project, line):
    project.write("models.py", MODELS + line + "\n")


def test_no_difference(modelled):
    modelled.run(MODEL).assert_outcomes(passed=1)


def test_an_index_that_the_database_lacks(modelled):
    declare(modelled, 'sa.Index("ix_status", jobs.c.status, postgresql_where=sa.text("id > 0"))')

    result = modelled.run(MODEL)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "model: 1 finding",
        'index "ix_status" of jobs is declared by the model, and the database does not have it',
        "  to put it right:",
        '    op.create_concurrent_index("ix_status", "jobs", ["status"], where="id > 0")',
    ])  # fmt: skip


def test_an_index_that_no_model_declares(modelled, jobs):
    execute(jobs, "CREATE INDEX ix_other ON jobs (status)")

    result = modelled.run(MODEL)

    result.stdout.fnmatch_lines([
        'index "ix_other" of jobs is in the database, and no model declares it',
        '    op.drop_concurrent_index("ix_other", "jobs")',
    ])  # fmt: skip


def test_a_difference_that_alembic_does_not_see(modelled, jobs):
    execute(
        jobs,
        "DROP INDEX ix_jobs_org_id_created_at",
        "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id, created_at DESC) INCLUDE (status)",
    )

    result = modelled.run(MODEL)

    result.stdout.fnmatch_lines([
        'index "ix_jobs_org_id_created_at" of jobs is not what the model declares',
        "  included columns: wanted none, found status",
        "    op.replace_index(*",
    ])  # fmt: skip


def test_an_index_that_is_invalid(modelled, jobs):
    execute(
        jobs, "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text ~ '_org'"
    )

    result = modelled.run(MODEL)

    result.stdout.fnmatch_lines(["*is not what the model declares", "  it is INVALID"])


def test_tables_and_columns_are_nobodys_business_here(modelled):
    declare(
        modelled,
        'jobs.append_column(sa.Column("more", sa.Text))\n'
        'sa.Table("others", metadata, sa.Column("id", sa.Integer, index=True))',
    )

    modelled.run(MODEL).assert_outcomes(passed=1)


def test_the_filters_of_env_py_are_asked(modelled, jobs):
    execute(jobs, "CREATE INDEX ix_other ON jobs (status)")
    modelled.write(
        "migrations/env.py",
        MODEL_ENV_PY.replace(
            "target_metadata=models.metadata",
            "target_metadata=models.metadata,"
            " include_object=lambda o, name, *_: name != 'ix_other'",
        ),
    )

    modelled.run(MODEL).assert_outcomes(passed=1)


def test_without_models_it_is_skipped(jobs_project):
    jobs_project.migrations()

    result = jobs_project.run(MODEL, "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*env.py gives context.configure() no target_metadata"])


def test_an_env_py_that_goes_elsewhere(modelled, server):
    other = server.create_database()
    try:
        modelled.write(
            "migrations/env.py",
            MODEL_ENV_PY.replace(
                'context.config.get_main_option("sqlalchemy.url")', repr(other.url)
            ),
        )

        result = modelled.run(MODEL)

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*connects to another database (*"])
    finally:
        server.drop_database(other.name)
