"""What a marked test costs after the first, and that nothing is missed for it."""

from __future__ import annotations

import pytest

from pytest_index_assert.connection import open_engine
from pytest_index_assert.memory import Memory
from pytest_index_assert.requirement import parse_requirement

REQUIREMENT = parse_requirement(("jobs", "org_id", "created_at DESC"), {})


@pytest.fixture
def memory(jobs):
    memory = Memory()
    memory.keep_open(open_engine(jobs.url))
    yield memory
    memory.close()


def recall(memory, jobs):
    return memory.recall(open_engine(jobs.url), [REQUIREMENT])


def test_what_was_learnt_is_recalled(memory, jobs):
    assert recall(memory, jobs) is None
    memory.learn(REQUIREMENT, "met")
    assert recall(memory, jobs) == ["met"]


CHANGES = {
    "drop": "DROP INDEX ix_jobs_org_id_created_at",
    "rename the index": "ALTER INDEX ix_jobs_org_id_created_at RENAME TO ix",
    "rename the table": "ALTER TABLE jobs RENAME TO tasks",
    "rename the column": "ALTER TABLE jobs RENAME org_id TO owner",
    "move the table": "CREATE SCHEMA s; ALTER TABLE jobs SET SCHEMA s",
    "change the type": "ALTER TABLE jobs ALTER org_id TYPE bigint",
    "add an index": "CREATE INDEX ON jobs (status)",
    "invalid": "UPDATE pg_index SET indisvalid = false"
    " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass",
    "another table in front": "CREATE SCHEMA postgres; CREATE TABLE postgres.jobs (org_id int)",
    "search path": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = s',"
    " current_database()); END $$",
    "constraint": "ALTER TABLE jobs DROP CONSTRAINT jobs_pkey",
    "function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "partition": "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_catalog_is_noticed(memory, jobs, change):
    recall(memory, jobs)
    memory.learn(REQUIREMENT, "met")
    with jobs.connect() as connection:
        connection.execute(CHANGES[change])
    assert recall(memory, jobs) is None


NO_CHANGES = {
    "insert": "INSERT INTO jobs (id) VALUES (1)",
    "truncate": "TRUNCATE jobs",
    "analyze": "ANALYZE jobs",
    "a clone that is rolled back": "BEGIN; CREATE TEMP TABLE jobs (LIKE public.jobs); ROLLBACK",
}


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_changes_no_definition_is_no_reason_to_ask_again(memory, jobs, change):
    recall(memory, jobs)
    memory.learn(REQUIREMENT, "met")
    with jobs.connect() as connection:
        for statement in NO_CHANGES[change].split("; "):
            connection.execute(statement)
    assert recall(memory, jobs) == ["met"]


def test_without_a_connection_of_its_own(jobs):
    memory, engine = Memory(), open_engine(jobs.url)
    assert memory.recall(engine, [REQUIREMENT]) is None
    memory.learn(REQUIREMENT, "met")
    assert memory.recall(engine, [REQUIREMENT]) == ["met"]
    assert memory.is_open is False


def test_the_connection_is_idle_and_holds_nothing(memory, jobs):
    recall(memory, jobs)
    with jobs.connect() as connection:
        states = connection.execute(
            "SELECT state, backend_xmin FROM pg_stat_activity"
            " WHERE application_name = 'pytest_index_assert' AND datname = current_database()"
        ).fetchall()
    assert states == [("idle", None)]


MARKED = '@pytest.mark.requires_index("jobs", "org_id", "created_at DESC")'


def count_checks(project):
    """Make each test of the project tell how often the database was asked in full."""
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write("""

from pytest_index_assert import enforce

asked = []
whole = enforce.check
enforce.check = lambda *arguments: asked.append(1) or whole(*arguments)


@pytest.fixture
def checks():
    return len(asked)
""")


def test_the_second_test_asks_no_more(jobs_project):
    count_checks(jobs_project)
    jobs_project.tests(f"""
        {MARKED}
        def test_first(checks):
            pass

        {MARKED}
        def test_second(record_property):
            pass

        def test_asked_once(checks, request):
            assert checks == 1
            properties = request.session.items[1].user_properties
            assert properties == [("requires_index",
                'requires_index("jobs", "org_id", "created_at DESC") is met by'
                ' "ix_jobs_org_id_created_at": btree (org_id, created_at DESC) (exact)')]
    """)
    jobs_project.run_alone().assert_outcomes(passed=3)


def test_an_index_that_a_fixture_drops_is_missed(jobs_project, jobs):
    jobs_project.tests(f"""
        import psycopg

        @pytest.fixture
        def dropped():
            with psycopg.connect(host="127.0.0.1", port={jobs.server.port}, user="postgres",
                                 dbname="{jobs.name}") as connection:
                connection.execute("DROP INDEX ix_jobs_org_id_created_at")

        {MARKED}
        def test_there():
            pass

        {MARKED}
        def test_there_still():
            pass

        {MARKED}
        def test_gone(dropped):
            pass
    """)
    jobs_project.run().assert_outcomes(passed=2, failed=1)


@pytest.mark.parametrize("scope", ["session", "module", "function"])
def test_who_made_the_database_can_drop_it(project, database, scope):
    """At the end of `index_engine`, nobody of us is connected."""
    project.write(
        "conftest.py",
        f"""
import psycopg, pytest

@pytest.fixture(scope="{scope}")
def index_engine():
    server = dict(host="127.0.0.1", port={database.server.port}, user="postgres", autocommit=True)
    with psycopg.connect(dbname="postgres", **server) as connection:
        connection.execute("CREATE DATABASE made_by_{scope}")
        with psycopg.connect(dbname="made_by_{scope}", **server) as made:
            made.execute("CREATE TABLE jobs (org_id int); CREATE INDEX ON jobs (org_id)")
        yield "postgresql://postgres@127.0.0.1:{database.server.port}/made_by_{scope}"
        connection.execute("DROP DATABASE made_by_{scope}")
""",
    )
    project.tests("""
        @pytest.mark.parametrize("number", range(3))
        @pytest.mark.requires_index("jobs", "org_id")
        def test_it(number):
            pass
    """)
    project.run().assert_outcomes(passed=3)


def test_a_server_that_threw_us_out(jobs_project, jobs):
    jobs_project.tests(f"""
        import psycopg

        {MARKED}
        def test_before():
            with psycopg.connect(host="127.0.0.1", port={jobs.server.port}, user="postgres",
                                 dbname="{jobs.name}") as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()")

        {MARKED}
        def test_after():
            pass

        {MARKED}
        def test_later():
            pass
    """)
    jobs_project.run().assert_outcomes(passed=3)


def test_the_only_connection_of_the_tests_stays_theirs(project, jobs):
    project.write(
        "conftest.py",
        f"""
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

@pytest.fixture(scope="session")
def index_engine():
    engine = create_engine({jobs.url!r}, poolclass=StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE ours (a int)")
    yield engine
    engine.dispose()
""",
    )
    project.tests(f"""
        {MARKED}
        def test_it(index_engine):
            with index_engine.connect() as connection:
                assert connection.exec_driver_sql("SELECT count(*) FROM ours").scalar() == 0
    """)
    project.run_alone().assert_outcomes(passed=1)
