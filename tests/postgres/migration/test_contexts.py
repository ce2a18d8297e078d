"""Every way in which env.py may run a migration, and every driver."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text

from alembic_index_ops import (
    ArgumentError,
    DefinitionDiffersError,
    TransactionError,
    UnsupportedError,
)
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database

CREATE = 'op.create_concurrent_index("ix", "jobs", ["org"], where="org % 2 = 1")'
DROP = 'op.drop_concurrent_index("ix", "jobs")'
DEFINITION = "CREATE INDEX ix ON public.jobs USING btree (org) WHERE ((org % 2) = 1)"
BUILT = {"ix": Seen(DEFINITION, "valid", built_by("a"))}
CONFIGURE = "connection=connection, target_metadata=target_metadata"
BEGIN = "        with context.begin_transaction():\n            context.run_migrations()\n\n\nif "


def create_jobs(database: Database, schema: str = "public") -> None:
    execute(
        database,
        f'CREATE TABLE "{schema}".jobs (org int, created int)',
        f'INSERT INTO "{schema}".jobs SELECT i, i FROM generate_series(1, 4000) i',
    )


def there_and_back(project: Project, database: Database) -> None:
    """Up, down and up again; then up and down where the index is another's."""
    create_jobs(database)
    project.revision("a", CREATE, DROP)
    project.revision("b", 'op.execute("CREATE TABLE after ()")', 'op.drop_table("after")')
    project.upgrade()
    assert indexes(database) == BUILT
    assert revisions(database) == {"b"}
    project.downgrade()
    assert indexes(database) == {}
    assert revisions(database) == set()
    execute(database, f"{DEFINITION}")
    project.upgrade()
    assert indexes(database)["ix"].comment == adopted_by("a")
    project.downgrade()
    assert indexes(database) == {"ix": Seen(DEFINITION, "valid", None)}
    execute(database, "DROP INDEX ix", "CREATE INDEX ix ON jobs (org)")
    with pytest.raises(DefinitionDiffersError):
        project.upgrade()
    assert revisions(database) == set()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_env_py_as_it_is(tmp_path: Path, database: Database, driver: str) -> None:
    there_and_back(Project(tmp_path, database.url_for(driver=driver)), database)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_async_env_py_as_it_is(tmp_path: Path, database: Database, driver: str) -> None:
    there_and_back(Project(tmp_path, database.url_for(driver=driver), "async"), database)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_transaction_per_migration(tmp_path: Path, database: Database, driver: str) -> None:
    project = Project(tmp_path, database.url_for(driver=driver))
    project.edit_env(
        (f"            {CONFIGURE}", f"            {CONFIGURE}, transaction_per_migration=True")
    )

    there_and_back(project, database)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_an_autocommit_engine(tmp_path: Path, database: Database, driver: str) -> None:
    project = Project(tmp_path, database.url_for(driver=driver))
    project.edit_env(
        (
            "        poolclass=pool.NullPool,",
            "        poolclass=pool.NullPool, isolation_level='AUTOCOMMIT',",
        )
    )

    there_and_back(project, database)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_async_autocommit_engine(tmp_path: Path, database: Database, driver: str) -> None:
    project = Project(tmp_path, database.url_for(driver=driver), "async")
    project.edit_env(
        (
            "        poolclass=pool.NullPool,",
            "        poolclass=pool.NullPool, isolation_level='AUTOCOMMIT',",
        )
    )

    there_and_back(project, database)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_an_autocommit_block_of_the_user(tmp_path: Path, database: Database, driver: str) -> None:
    create_jobs(database)
    project = Project(tmp_path, database.url_for(driver=driver))
    project.revision(
        "a",
        f"""
        with op.get_context().autocommit_block():
            {CREATE}
            op.execute("CREATE INDEX CONCURRENTLY plain ON jobs (created)")
        op.execute("CREATE TABLE after ()")
        """,
        f"""
        with op.get_context().autocommit_block():
            {DROP}
            op.execute("DROP INDEX CONCURRENTLY plain")
        """,
    )

    project.upgrade()

    assert set(indexes(database)) == {"ix", "plain"}
    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("with connectable.connect() as connection:", "with connectable.begin() as connection:"),
        (
            BEGIN,
            "        with connection.begin():\n            context.run_migrations()\n\n\nif ",
        ),
        (
            "        context.configure(\n            connection=connection, ",
            "        connection.begin()\n"
            "        context.configure(\n            connection=connection, ",
        ),
        (BEGIN, "        context.run_migrations()\n\n\nif "),
    ],
    ids=["engine.begin()", "connection.begin()", "begun before", "no begin_transaction()"],
)
@pytest.mark.parametrize("operation", [CREATE, DROP])
def test_a_transaction_of_env_py_is_an_error_that_says_the_line(
    database: Database, project: Project, before: str, after: str, operation: str
) -> None:
    create_jobs(database)
    project.edit_env((before, after))
    project.revision("a", operation)

    with pytest.raises(TransactionError) as refused:
        project.upgrade()

    assert "`engine.begin()` with `engine.connect()`" in str(refused.value)
    assert indexes(database) == {}
    assert rows(database, "SELECT to_regclass('alembic_version')") == [(None,)]


def test_what_needs_no_concurrent_build_runs_in_a_transaction_of_env_py(
    database: Database, project: Project
) -> None:
    project.edit_env(
        ("with connectable.connect() as connection:", "with connectable.begin() as connection:")
    )
    project.revision(
        "a",
        """
        op.create_table("new", sa.Column("org", sa.Integer))
        op.create_concurrent_index("ix", "new", ["org"])
        """,
    )

    project.upgrade()

    assert indexes(database)["ix"].state == "valid"


@pytest.mark.parametrize(
    "operation",
    [
        'create_concurrent_index("ix", "jobs", ["org"])',
        'create_desc_index("ix", "jobs", ["org DESC"])',
        'create_concurrent_index("ix", ["org"])',
        'drop_concurrent_index("ix")',
    ],
)
def test_a_batch_is_refused(database: Database, project: Project, operation: str) -> None:
    create_jobs(database)
    project.revision("a", f'with op.batch_alter_table("jobs") as batch:\n    batch.{operation}')

    with pytest.raises(UnsupportedError) as refused:
        project.upgrade()

    assert str(refused.value).startswith(
        'index "ix": our operations do not run on a batch of table "jobs". Nothing was changed;'
        " call them on `op`, after the `with op.batch_alter_table(...)` block, with the table's"
    )
    assert indexes(database) == {}


def test_a_schema_translate_map(database: Database, project: Project) -> None:
    execute(database, "CREATE SCHEMA tenant", "CREATE SCHEMA named")
    for schema in ("tenant", "named", "public"):
        create_jobs(database, schema)
    project.edit_env(
        (
            "with connectable.connect() as connection:",
            "with connectable.connect().execution_options("
            "schema_translate_map={None: 'tenant', 'other': 'named'}) as connection:",
        ),
        # Alembic itself does not find its version table through the map.
        (CONFIGURE, f"{CONFIGURE}, version_table_schema='public'"),
    )
    project.revision(
        "a",
        f'{CREATE}\nop.create_concurrent_index("ix", "jobs", ["created"], schema="other")',
        f'{DROP}\nop.drop_concurrent_index("ix", "jobs", schema="other")',
    )

    project.upgrade()

    assert set(indexes(database)) == {"tenant.ix", "named.ix"}
    project.downgrade()
    assert indexes(database) == {}


def test_a_table_of_the_search_path_and_its_namesake(
    database: Database, project: Project, tmp_path: Path
) -> None:
    execute(
        database,
        "CREATE SCHEMA far",
        f"ALTER DATABASE {database.name} SET search_path = far, public",
    )
    create_jobs(database, "far")
    create_jobs(database, "public")
    project.revision(
        "a",
        f'{CREATE}\nop.create_concurrent_index("ix", "jobs", ["created"], schema="public")',
        f'{DROP}\nop.drop_concurrent_index("ix", "jobs", schema="public")',
    )

    project.upgrade()

    assert {name: seen.definition for name, seen in indexes(database).items()} == {
        "far.ix": "CREATE INDEX ix ON far.jobs USING btree (org) WHERE ((org % 2) = 1)",
        "ix": "CREATE INDEX ix ON public.jobs USING btree (created)",
    }
    project.downgrade()
    assert indexes(database) == {}


# Session settings


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
    database: Database, shared: Project, outcome: str, autocommit: bool, make_role
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


def test_a_savepoint_of_the_user_around_a_concurrent_build(
    database: Database, project: Project
) -> None:
    create_jobs(database)
    project.revision("a", f"with op.get_bind().begin_nested():\n    {CREATE}")

    with pytest.raises(TransactionError) as refused:
        project.upgrade()

    assert "SAVEPOINT" in str(refused.value)
    assert indexes(database) == {}
    assert revisions(database) == set()


# Unstamped writes


WARNING = (
    'index "ix" on "public"."jobs": revision {} wrote something before this, which is committed'
    " now, before the revision is stamped; if the build is cut off, running the revision again"
    " repeats those writes. Give the index a revision of its own."
)


@pytest.mark.parametrize(
    ("before", "warned"),
    [
        ("pass", False),
        ('op.execute("SELECT 1")', False),
        ('op.execute("INSERT INTO jobs VALUES (1)")', True),
        ('op.add_column("jobs", sa.Column("x", sa.Integer))', True),
        ('op.create_concurrent_index("first", "jobs", ["org"])', False),
        (
            'with op.get_context().autocommit_block():\n    op.execute("CREATE TABLE kept ()")',
            False,
        ),
    ],
)
def test_writes_before_an_index_are_warned_of(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    before: str,
    warned: bool,
) -> None:
    create_jobs(database)
    project.revision("0", "pass")
    project.revision("a", f"{before}\n{CREATE}", f"{before.replace('first', 'second')}\n{DROP}")
    project.upgrade("0")

    project.upgrade()
    assert caplog.messages == ([WARNING.format("a")] if warned else [])

    caplog.clear()
    execute(database, "ALTER TABLE jobs DROP COLUMN IF EXISTS x", "DROP TABLE IF EXISTS kept")
    project.downgrade("0")
    assert caplog.messages == ([WARNING.format("a")] if warned else [])


def test_the_stamp_of_the_revision_before_is_no_write(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    create_jobs(database)
    project.revision("0", 'op.execute("CREATE TABLE before ()")')
    project.revision("a", CREATE, DROP)

    project.upgrade()

    assert caplog.messages == []


def test_writes_are_seen_under_a_schema_translate_map(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "CREATE SCHEMA tenant")
    create_jobs(database, "tenant")
    project.edit_env(
        (
            "with connectable.connect() as connection:",
            "with connectable.connect().execution_options("
            "schema_translate_map={None: 'tenant'}) as connection:",
        ),
        # Alembic itself does not find its version table through the map.
        (CONFIGURE, f"{CONFIGURE}, version_table_schema='public'"),
    )
    project.revision("0", "pass")
    project.revision("a", f'op.execute("CREATE TABLE loose ()")\n{CREATE}')
    project.upgrade("0")

    project.upgrade()

    assert caplog.messages == [WARNING.format("a").replace('"public"', '"tenant"')]


# Outside of a revision


@pytest.mark.parametrize("autocommit", [False, True])
def test_without_a_revision_there_is_a_warning_and_no_tag(
    database: Database, caplog: pytest.LogCaptureFixture, autocommit: bool
) -> None:
    create_jobs(database)
    level = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    with database.engine.connect().execution_options(**level) as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction():
            op = Operations(context)
            op.create_concurrent_index("ix", "jobs", ["org"])  # type: ignore[attr-defined]
            built = indexes(database)
            op.create_concurrent_index("ix", "jobs", ["org"])  # type: ignore[attr-defined]
            op.drop_concurrent_index("ix", "jobs")  # type: ignore[attr-defined]

    definition = "CREATE INDEX ix ON public.jobs USING btree (org)"
    assert built == {"ix": Seen(definition, "valid", None)}
    assert indexes(database) == {}
    assert caplog.messages == 3 * [
        'index "ix": no Alembic revision is running, so the index gets no tag that says who built'
        " it, and a later downgrade cannot tell it from others"
    ]


# Settings


def test_settings_come_from_all_layers(database: Database, project: Project) -> None:
    create_jobs(database)
    project.revision("a", CREATE.replace('"org % 2 = 1"', '"org % 2 = 1", lock_timeout="soon"'))
    with pytest.raises(ArgumentError) as argument:
        project.upgrade()
    assert str(argument.value).startswith("index \"ix\": lock_timeout is 'soon'")

    with pytest.raises(ArgumentError) as typed:
        project.upgrade("heads", "index_ops.lock_timout=1s")
    assert str(typed.value) == (
        "alembic -x: there is no setting 'lock_timout'; known: lock_timeout"
    )

    project.edit_env((CONFIGURE, f"{CONFIGURE}, index_ops={{'lock': 1}}"))
    project.revision("a", CREATE, DROP, down=None)
    with pytest.raises(ArgumentError) as configured:
        project.upgrade()
    assert str(configured.value) == (
        "context.configure(index_ops=...): there is no setting 'lock'; known: lock_timeout"
    )
    assert indexes(database) == {}
