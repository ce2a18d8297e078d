"""The session is left as it was found, and settings come from every layer."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from alembic_index_ops import (
    ArgumentError,
)
from tests.conftest import MakeRole
from tests.observe import execute, indexes
from tests.postgres.migration.jobs import CONFIGURE, CREATE, DROP, create_jobs
from tests.projects import Project
from tests.servers import Database

SESSION = """
SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),
  current_setting('search_path'), current_setting('role'), current_user::text,
  current_setting('transaction_isolation'), current_setting('idle_in_transaction_session_timeout')
"""
SHARED = """
from alembic import context
connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def shared(project: Project) -> Project:
    """A project whose env.py uses a connection that the test opened."""
    project.env.write_text(SHARED)
    return project


def observe_session(connection: Connection) -> tuple[object, ...]:
    found = tuple(connection.execute(text(SESSION)).one())
    driver = connection.connection.dbapi_connection
    connection.rollback()
    advisory = connection.execute(
        text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
    ).scalar_one()
    connection.rollback()
    return (*found, driver.autocommit, connection.get_isolation_level(), advisory)  # type: ignore[union-attr]


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("outcome", ["builds", "differs", "refused by the server", "duplicates"])
def test_the_session_is_left_as_it_was(
    database: Database, shared: Project, outcome: str, autocommit: bool, make_role: MakeRole
) -> None:
    create_jobs(database)
    role = make_role()
    operation = {
        "builds": CREATE,
        "differs": CREATE,
        "refused by the server": 'op.create_concurrent_index("ix", "jobs", ["missing"])',
        "duplicates": 'op.create_concurrent_index("ix", "jobs", [sa.text("org % 9")], unique=True)',
    }[outcome]
    if outcome == "differs":
        execute(database, "CREATE INDEX ix ON jobs (created)")
    execute(
        database, f"ALTER TABLE jobs OWNER TO {role}", "GRANT CREATE ON SCHEMA public TO PUBLIC"
    )
    shared.revision("a", operation, DROP)
    level = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    with database.engine.connect().execution_options(**level) as connection:
        for statement in (
            f"SET ROLE {role}",
            "SET lock_timeout = '7s'",
            "SET statement_timeout = '20s'",
            "SET search_path = public, pg_temp",
            "SET idle_in_transaction_session_timeout = '33s'",
        ):
            connection.execute(text(statement))
        connection.commit()
        before = observe_session(connection)
        assert before[:2] == ("7s", "20s")
        if outcome == "builds":
            shared.upgrade(connection=connection)
            assert observe_session(connection) == before
            shared.downgrade(connection=connection)
        else:
            with pytest.raises(Exception, match="ix"):
                shared.upgrade(connection=connection)
        assert observe_session(connection) == before
    assert set(indexes(database)) == ({"ix"} if outcome == "differs" else set())


def test_a_short_statement_timeout_does_not_cut_a_build(
    database: Database, shared: Project
) -> None:
    execute(
        database,
        "CREATE TABLE jobs AS SELECT i AS org FROM generate_series(1, 300) i",
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.001); RETURN $1; END'",
    )
    operation = 'op.create_concurrent_index("ix", "jobs", [sa.text("slow(org)")]'
    shared.revision("a", f"{operation}, concurrently=True)")
    with database.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = '100ms'"))
        connection.commit()
        shared.upgrade(connection=connection)

    assert indexes(database)["ix"].state == "valid"


def test_settings_come_from_all_layers(database: Database, project: Project) -> None:
    create_jobs(database)
    project.revision("a", CREATE.replace('"org % 2 = 1"', '"org % 2 = 1", lock_timeout="soon"'))
    with pytest.raises(ArgumentError) as argument:
        project.upgrade()
    assert str(argument.value).startswith("index \"ix\": lock_timeout is 'soon'")

    with pytest.raises(ArgumentError) as typed:
        project.upgrade("heads", "index_ops.lock_timout=1s")
    assert str(typed.value).startswith(
        "alembic -x: there is no setting 'lock_timout'; known: analyze, drain_timeout, "
    )

    project.edit_env((CONFIGURE, f"{CONFIGURE}, index_ops={{'lock': 1}}"))
    project.revision("a", CREATE, DROP, down=None)
    with pytest.raises(ArgumentError) as configured:
        project.upgrade()
    assert str(configured.value).startswith(
        "context.configure(index_ops=...): there is no setting 'lock'; known: analyze, drain_"
    )
    assert indexes(database) == {}
