"""The fixtures, and `index_engine` in every form and scope."""

from __future__ import annotations

import pytest

MARKED = '@pytest.mark.requires_index("jobs", "org_id", "created_at DESC")'


@pytest.mark.parametrize("scope", ["session", "package", "module", "class", "function"])
def test_index_engine_at_each_scope(project, jobs, scope):
    project.engine(repr(jobs.url), scope)
    project.tests(f"""
        class TestIt:
            {MARKED}
            def test_marker(self):
                pass

            def test_fixture(self, assert_index):
                assert assert_index("jobs", "id").constraint_type == "p"
    """)
    project.run().assert_outcomes(passed=2)


FORMS = {
    "Engine": ("create_engine({url!r}, poolclass=NullPool)", "psycopg"),
    "Engine of psycopg2": ("create_engine({url!r}, poolclass=NullPool)", "psycopg2"),
    "autocommit": ("create_engine({url!r}, isolation_level='AUTOCOMMIT')", "psycopg"),
    "AsyncEngine": ("create_async_engine({url!r})", "asyncpg"),
    "URL": ("make_url({url!r})", "asyncpg"),
    "text": ("{url!r}", "psycopg2"),
    "text of asyncpg": ("{url!r} + '?ssl=disable&prepared_statement_cache_size=0'", "asyncpg"),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_index_engine_in_each_form(project, jobs, form):
    value, driver = FORMS[form]
    imports = (
        "from sqlalchemy import create_engine, make_url\nfrom sqlalchemy.pool import NullPool\n"
        "from sqlalchemy.ext.asyncio import create_async_engine"
    )
    project.engine(value.format(url=jobs.url_for(driver=driver)), "session", imports)
    project.tests(f"""
        {MARKED}
        @pytest.mark.requires_index("jobs", "status", where="status = 'x'")
        def test_it():
            pass
    """)
    result = project.run_alone()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['requires_index("jobs", "status", where=*is not met: *'])
    result.stdout.no_fnmatch_line('*"org_id", "created_at DESC") is not met*')


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "42",
            "index_engine returned int; it returns an Engine, an AsyncEngine, or the URL of a"
            " database",
        ),
        (
            "'sqlite:///x.db'",
            "sqlite:///x.db is no PostgreSQL database; indexes are asserted on PostgreSQL only",
        ),
        (
            "__import__('sqlalchemy').create_engine('sqlite://')",
            "sqlite:// is no PostgreSQL database; indexes are asserted on PostgreSQL only",
        ),
        (
            "'host=x password=s3cret'",
            "the database's URL cannot be read; write it as postgresql://user@host/database",
        ),
    ],
)
def test_index_engine_that_is_none(project, value, message):
    project.engine(value)
    project.tests(f"{MARKED}\ndef test_it():\n    pass")
    result = project.run("--showlocals", "--tb=long")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*s3cret*")


def test_assert_index_returns_the_index(jobs_project):
    jobs_project.tests("""
        def test_it(assert_index):
            index = assert_index("jobs", ["org_id", "created_at DESC"])
            assert (index.name, index.usable) == ("ix_jobs_org_id_created_at", True)
    """)
    jobs_project.run().assert_outcomes(passed=1)


def test_assert_index_fails_with_the_same_message(jobs_project):
    jobs_project.tests("""
        def test_unmet(assert_index):
            assert_index("jobs", "status", reason="the filter")

        def test_malformed(assert_index):
            assert_index("jobs")
    """)
    result = jobs_project.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([
        'assert_index("jobs", "status") is not met: no index of "public"."jobs" has this'
        " definition",
        "  reason: the filter",
        'assert_index("jobs"): a single argument reads as the name of an index; *',
    ])  # fmt: skip


def test_assert_no_index(jobs_project):
    jobs_project.tests("""
        def test_absent(assert_no_index):
            assert_no_index("jobs", "org_id")
            assert_no_index(name="ix_jobs")

        def test_there(assert_no_index):
            assert_no_index("jobs", "org_id", "created_at DESC")

        def test_there_by_name(assert_no_index):
            assert_no_index(name="ix_jobs_org_id_created_at")

        def test_no_table(assert_no_index):
            assert_no_index("job", "org_id")

        def test_no_column(assert_no_index):
            assert_no_index("jobs", "org")
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines([
        'assert_no_index("jobs", "org_id", "created_at DESC"): "public"."jobs" has one',
        '  found: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        'assert_no_index(name="ix_jobs_org_id_created_at"): "public"."jobs" has one',
        'assert_no_index("job", "org_id") cannot be judged: table "job" does not exist in the'
        " search path",
        'assert_no_index("jobs", "org") cannot be judged: "public"."jobs" has no column "org"',
    ])  # fmt: skip


def test_assert_no_index_finds_an_invalid_one(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass"
        )
    jobs_project.tests("""
        def test_it(assert_no_index):
            assert_no_index("jobs", "org_id", "created_at DESC")
    """)
    jobs_project.run().assert_outcomes(failed=1)


def test_index_catalog_sees_what_the_test_did(jobs_project, jobs):
    jobs_project.tests(f"""
        import psycopg

        def test_it(index_catalog):
            assert len(index_catalog.read("jobs")) == 2
            with psycopg.connect(host="127.0.0.1", port={jobs.server.port}, user="postgres",
                                 dbname="{jobs.name}") as connection:
                connection.execute("DROP INDEX ix_jobs_org_id_created_at")
            assert [index.name for index in index_catalog.read("jobs")] == ["jobs_pkey"]
            assert len(index_catalog.read()) == len(index_catalog.read(schema="public")) == 1
    """)
    jobs_project.run().assert_outcomes(passed=1)


MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[str]
    __table_args__ = (
        sa.Index("ix_jobs_org_id_created_at", "org_id", sa.text("created_at DESC")),
        sa.Index("ix_jobs_new", "org_id", postgresql_where=sa.text("status = 'new'")),
    )
"""


def test_assert_indexes_lists_every_index_that_is_missing(jobs_project):
    jobs_project.write("models.py", MODELS)
    jobs_project.tests("""
        from models import Base, Job

        def test_metadata(assert_indexes):
            assert_indexes(Base.metadata)

        def test_some(assert_indexes):
            table = Job.__table__
            index = next(i for i in table.indexes if i.name == "ix_jobs_org_id_created_at")
            assert [found.name for found in assert_indexes([index])] == [index.name]

        def test_nothing(assert_indexes):
            assert_indexes([3])
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines([
        'index "ix_jobs_new" of the model of "jobs" is not met: no index of "public"."jobs" has'
        " this definition",
        'index "ix_jobs_org_id" of the model of "jobs" is not met: no index of "public"."jobs" has'
        " this definition",
        "assert_indexes: 3 declares no indexes; give metadata, tables, models or indexes",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line('index "ix_jobs_org_id_created_at" of the model*')


def test_assert_indexes_is_content_when_all_are_there(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE INDEX ix_jobs_org_id ON jobs (org_id)")
        connection.execute("CREATE INDEX ix_jobs_new ON jobs (org_id) WHERE status = 'new'")
    jobs_project.write("models.py", MODELS)
    jobs_project.tests("""
        from models import Base

        def test_it(assert_indexes):
            assert len(assert_indexes(Base)) == len(assert_indexes(Base.metadata)) == 3
    """)
    jobs_project.run().assert_outcomes(passed=1)


def test_absence_at_a_level(jobs_project, jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE INDEX ix_new ON jobs (status) WHERE org_id > 6")
    jobs_project.tests("""
        def test_absent(assert_no_index):
            assert_no_index("jobs", "org_id", match="equivalent")
            assert_no_index("jobs", eq=["created_at"])

        def test_longer(assert_no_index):
            assert_no_index("jobs", "org_id", match="at_least")

        def test_serves(assert_no_index):
            assert_no_index("jobs", eq=["org_id"])

        def test_not_provable(assert_no_index):
            assert_no_index("jobs", "status", where="org_id > 5")
    """)
    result = jobs_project.run()
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines([
        'assert_no_index("jobs", "org_id", match="at_least"): "public"."jobs" has one',
        '  found: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        'assert_no_index("jobs", eq=["org_id"]): "public"."jobs" has one',
        '  found: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        'assert_no_index("jobs", "status", where="org_id > 5") is not provable: the planner knows'
        " no proof for or against",
        '  perhaps: "ix_new": btree (status) WHERE org_id > 6',
    ])  # fmt: skip


# What an application's engine has beside its URL.
BESIDE = {
    "asyncpg": "create_async_engine({url!r}, connect_args={{'server_settings':"
    " {{'search_path': 'tenant'}}}})",
    "psycopg_async": "create_async_engine({url!r}, connect_args={{'options':"
    " '-csearch_path=tenant'}})",
    "psycopg2": "create_engine({url!r}, connect_args={{'options': '-csearch_path=tenant'}})",
}


@pytest.mark.parametrize("driver", BESIDE)
def test_a_search_path_that_is_not_in_the_url(project, jobs, driver):
    with jobs.connect() as connection:
        connection.execute(
            "CREATE SCHEMA tenant; CREATE TABLE tenant.jobs (id int, org_id int);"
            "CREATE INDEX ix_of_the_tenant ON tenant.jobs (id)"
        )
    imports = (
        "from sqlalchemy import create_engine\n"
        "from sqlalchemy.ext.asyncio import create_async_engine"
    )
    project.engine(BESIDE[driver].format(url=jobs.url_for(driver=driver)), "session", imports)
    project.tests("""
        @pytest.mark.requires_index("jobs", "id", name="ix_of_the_tenant")
        def test_marker():
            pass

        def test_statement(assert_query_uses):
            assert_query_uses("SELECT org_id FROM jobs WHERE id = 7", index="ix_of_the_tenant")
    """)
    project.run_alone().assert_outcomes(passed=2)


def test_a_creator_that_leads_elsewhere(project, jobs):
    project.engine(
        f"create_engine('postgresql+psycopg2://postgres@127.0.0.1:{jobs.server.port}/postgres'"
        f", creator=lambda: psycopg2.connect({jobs.url.replace('+psycopg', '')!r}))",
        "session",
        "import psycopg2\nfrom sqlalchemy import create_engine",
    )
    project.tests("""
        def test_it(assert_query_uses):
            assert_query_uses("SELECT org_id FROM jobs WHERE id = 7", index="jobs_pkey")
    """)
    result = project.run_alone()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "*index_engine connects to database test_* since *, and its URL"
        " postgresql+psycopg://postgres@127.0.0.1:*/postgres leads to postgres since *; give an"
        " engine of psycopg, or a URL"
    ])  # fmt: skip
