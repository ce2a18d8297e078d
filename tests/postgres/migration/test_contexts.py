"""Every way in which env.py may run a migration, and every driver."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from alembic_index_ops import (
    DefinitionDiffersError,
    TransactionError,
    UnsupportedError,
)
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions, rows
from tests.postgres.migration.jobs import CONFIGURE, CREATE, DROP, create_jobs
from tests.projects import Project
from tests.servers import Database

DEFINITION = "CREATE INDEX ix ON public.jobs USING btree (org) WHERE ((org % 2) = 1)"
BUILT = {"ix": Seen(DEFINITION, "valid", built_by("a"))}
BEGIN = "        with context.begin_transaction():\n            context.run_migrations()\n\n\nif "


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

    door = operation.partition("(")[0]
    assert str(refused.value) == (
        'index "ix": our operations do not run on a batch of table "jobs". Nothing was changed;'
        f" call op.{door}(...), with the table's name, after the"
        " `with op.batch_alter_table(...)` block."
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
