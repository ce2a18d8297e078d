"""Where the database comes from, and what may be done to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from alembic import command
from alembic.config import Config

from tests.pytest_plugin.conftest import (
    ENV_PY,
    INDEX,
    MARKED,
    STRICT,
    TABLE,
    left_over,
    pytest_embedded,
)

# What many a project has: the URL comes from a variable of its own.
FOREIGN_ENV_PY = ENV_PY.replace(
    'context.config.get_main_option("sqlalchemy.url")', 'os.environ["DATABASE_URL"]'
).replace("from alembic", "import os\nfrom alembic")

# It does more than to run migrations, in the same transaction.
SCHEMA_ENV_PY = FOREIGN_ENV_PY.replace("engine.connect()", "engine.begin()").replace(
    "    context.configure(",
    "    connection.exec_driver_sql('CREATE SCHEMA app')\n    context.configure(",
)

# Nothing that it does can be rolled back.
AUTOCOMMIT_ENV_PY = FOREIGN_ENV_PY.replace("poolclass=", "isolation_level='AUTOCOMMIT', poolclass=")

ASYNC_ENV_PY = """
import asyncio
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config


def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def online():
    section = context.config.get_section(context.config.config_ini_section, {})
    engine = async_engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(online())
"""


def relations(database) -> list[str]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' UNION ALL SELECT nspname FROM pg_namespace"
            " WHERE nspname !~ '^pg_|^information_schema$|^public$' ORDER BY 1"
        )
        return [row[0] for row in rows]


def upgrade(project, database, revision="head") -> None:
    config = Config(str(project.path / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", database.url)
    command.upgrade(config, revision)


@pytest.fixture
def migrated(project, database):
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    upgrade(project, database)
    return project


def test_a_url_at_head(migrated, database):
    migrated.run(f"--index-assert-url={database.url}").assert_outcomes(passed=1)


def test_a_url_not_at_head_is_an_error_that_names_both(project, database):
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    upgrade(project, database, "0001")
    result = project.run(f"--index-assert-url={database.url}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        f"{database.url} is at revision 0001, and the migrations' revision 0002 is required.",
        "Migrate it, or let --index-assert-migrate do so; *",
    ])  # fmt: skip


def test_a_url_that_was_never_migrated_is_only_read(project, database):
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    result = project.run(f"--index-assert-url={database.url}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        f"{database.url} is at no revision: it has no table alembic_version, and *"
    ])  # fmt: skip
    assert relations(database) == []


def test_a_revision_asked_for(project, database):
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    upgrade(project, database, "0001")
    arguments = (f"--index-assert-url={database.url}", "--index-assert-revision=0001")
    project.run(*arguments).assert_outcomes(failed=1)


def test_migrate_migrates_the_named_database(project, database):
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    arguments = (f"--index-assert-url={database.url}", "--index-assert-migrate")
    project.run(*arguments).assert_outcomes(passed=1)
    assert relations(database) == ["alembic_version", "jobs"]
    project.run(*arguments[:1]).assert_outcomes(passed=1)


@pytest.mark.slow
def test_migrate_by_all_the_workers_of_xdist(project, database):
    project.migrations(TABLE, "SELECT pg_sleep(0.3)", INDEX)
    project.tests(
        "@pytest.mark.parametrize('number', range(4))\n" + MARKED.replace("()", "(number)")
    )
    result = project.run_alone(
        "-n2", f"--index-assert-url={database.url}", "--index-assert-migrate"
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(
    "env_py",
    [FOREIGN_ENV_PY, SCHEMA_ENV_PY, AUTOCOMMIT_ENV_PY],
    ids=["plain", "with DDL", "autocommit"],
)
def test_an_env_py_that_would_migrate_another_database_is_refused(
    project, server, database, monkeypatch, env_py
):
    developers = server.create_database()
    try:
        monkeypatch.setenv("DATABASE_URL", developers.url)
        project.migrations(TABLE, INDEX, env_py=env_py)
        project.tests(MARKED)
        result = project.run(f"--index-assert-url={database.url}", "--index-assert-migrate")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([
            f"*/migrations/env.py connects to another database ({developers.url}) than the one to"
            f" be migrated, {database.url}; no migration was applied.",
            "*name that variable in the ini file: index_assert_url_env = DATABASE_URL",
        ])  # fmt: skip
        assert relations(developers) == []
        assert relations(database) == []
    finally:
        server.drop_database(developers.name)


def test_an_env_py_that_changes_its_mind_is_refused(project, server, database, monkeypatch):
    """It shows the marked database first, and would migrate another one."""
    developers = server.create_database()
    try:
        monkeypatch.setenv("DATABASE_URL", developers.url)
        env_py = FOREIGN_ENV_PY.replace(
            'os.environ["DATABASE_URL"]',
            'os.environ["DATABASE_URL"] if os.path.exists("seen")'
            ' else context.config.get_main_option("sqlalchemy.url")',
        ).replace("with engine", "open('seen', 'w').close()\nwith engine")
        project.migrations(TABLE, INDEX, env_py=env_py)
        project.tests(MARKED)
        result = project.run(f"--index-assert-url={database.url}", "--index-assert-migrate")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*connects to another database*no migration was applied."])
        assert "jobs" not in relations(developers)
    finally:
        server.drop_database(developers.name)


def test_the_variable_of_env_py(project, database, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    project.migrations(TABLE, INDEX, env_py=FOREIGN_ENV_PY)
    project.tests(MARKED)
    project.write("pytest.ini", "[pytest]\nindex_assert_url_env = DATABASE_URL\n")
    arguments = (f"--index-assert-url={database.url}", "--index-assert-migrate")
    project.run(*arguments).assert_outcomes(passed=1)
    assert os.environ["DATABASE_URL"] == "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_an_async_env_py(project, database, driver):
    project.migrations(TABLE, INDEX, env_py=ASYNC_ENV_PY)
    project.tests(MARKED)
    url = database.url_for(driver=driver)
    project.run(f"--index-assert-url={url}", "--index-assert-migrate").assert_outcomes(passed=1)


def test_a_migration_that_fails_shows_its_end_and_no_password(project, database, make_role):
    role = make_role()
    url = database.url.replace("postgres@", f"{role}:s3cr%40t@")
    shown = "print('URL', context.config.get_main_option('sqlalchemy.url'), 's3cr@t')\n"
    env_py = "from alembic import context\n" + shown + "raise SystemExit('env.py gave up')\n"
    project.migrations(TABLE, env_py=env_py)
    project.tests(MARKED)
    with database.connect() as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    result = project.run(
        f"--index-assert-url={url}", "--index-assert-migrate", "--showlocals", "--tb=long"
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        "the migration of postgresql+psycopg://*[*][*][*]@*failed; the end of what it said:",
        "URL postgresql+psycopg://*:[*][*][*]@* [*][*][*]",
        "env.py gave up",
    ])  # fmt: skip
    for output in (result.stdout.str(), result.stderr.str()):
        assert "s3cr" not in output


def test_an_env_py_that_misses_its_variable(project, database):
    project.migrations(TABLE, env_py="import os\n\nos.environ['APP_DATABASE']\n")
    project.tests(MARKED)
    result = project.run(f"--index-assert-url={database.url}", "--index-assert-migrate")
    result.stdout.fnmatch_lines([
        "KeyError: 'APP_DATABASE'",
        "If env.py reads its URL from the environment variable APP_DATABASE, name that variable in"
        " the ini file: index_assert_url_env = APP_DATABASE",
    ])  # fmt: skip


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_an_env_py_that_goes_where_no_server_is(project, database, monkeypatch, driver):
    monkeypatch.setenv("DATABASE_URL", f"postgresql+{driver}://nobody@127.0.0.1:1/nowhere")
    env_py = FOREIGN_ENV_PY
    if driver == "asyncpg":
        env_py = "import os\n" + ASYNC_ENV_PY.replace(
            "    engine =",
            "    section['sqlalchemy.url'] = os.environ['DATABASE_URL']\n    engine =",
        )
    project.migrations(TABLE, env_py=env_py)
    project.tests(MARKED)
    result = project.run(f"--index-assert-url={database.url}", "--index-assert-migrate")
    result.stdout.fnmatch_lines([
        "If env.py reads its URL from an environment variable, name that variable in the ini file:"
        " index_assert_url_env = DATABASE_URL"
    ])  # fmt: skip


def test_a_version_table_of_another_name(project, database):
    env_py = ENV_PY.replace("connection=connection", "connection=connection, version_table='mine'")
    project.migrations(TABLE, INDEX, env_py=env_py)
    project.tests(MARKED)
    url = f"--index-assert-url={database.url}"
    project.run(url, "--index-assert-migrate").assert_outcomes(passed=1)

    project.run(url).assert_outcomes(passed=1)


def test_an_env_py_that_starts_a_process(project, database):
    env_py = "import subprocess\nsubprocess.run(['true'], check=True)\n" + ENV_PY
    project.migrations(TABLE, INDEX, env_py=env_py)
    project.tests(MARKED)
    arguments = (f"--index-assert-url={database.url}", "--index-assert-migrate")
    project.run(*arguments).assert_outcomes(passed=1)


@pytest_embedded
def test_why_the_embedded_server_does_not_start_is_told(project, monkeypatch):
    monkeypatch.setenv("PGSERVER_POSTGRES_VERSION", "99")
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the embedded PostgreSQL server did not start:", "*99*"])


def test_an_unknown_revision(migrated, database):
    result = migrated.run(f"--index-assert-url={database.url}", "--index-assert-revision=0009")
    result.stdout.fnmatch_lines([
        "*the revisions cannot be read; the end of what Alembic said:",
        "Can't locate revision identified by '0009'",
    ])  # fmt: skip
    assert "Traceback" not in result.stdout.str()


def test_the_option_comes_before_the_environment_and_that_before_the_ini(
    migrated, database, monkeypatch
):
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    migrated.write("pytest.ini", f"[pytest]\nindex_assert_url = {nowhere}\n")
    migrated.run().assert_outcomes(errors=1)
    monkeypatch.setenv("INDEX_ASSERT_URL", database.url)
    migrated.run().assert_outcomes(passed=1)
    monkeypatch.setenv("INDEX_ASSERT_URL", nowhere)
    migrated.run(f"--index-assert-url={database.url}").assert_outcomes(passed=1)


def test_ini_keys(project, database):
    project.migrations(TABLE, INDEX)
    (project.path / "alembic.ini").rename(project.path / "migrations" / "here.ini")
    ini = (project.path / "migrations" / "here.ini").read_text().replace("/migrations", "")
    project.write("migrations/here.ini", ini)
    project.tests(MARKED)
    project.write(
        "pytest.ini",
        f"[pytest]\nindex_assert_url = {database.url}\nindex_assert_migrate = true\n"
        "index_assert_alembic_ini = migrations/here.ini\nindex_assert_revision = 0002\n",
    )
    project.run().assert_outcomes(passed=1)


def test_index_alembic_config_is_overridable(project, database):
    project.migrations(TABLE, INDEX)
    (project.path / "alembic.ini").unlink()
    project.write(
        "conftest.py",
        """
import pytest
from alembic.config import Config

@pytest.fixture(scope="session")
def index_alembic_config():
    config = Config()
    config.set_main_option("script_location", "migrations")
    return config
""",
    )
    project.tests(MARKED)
    arguments = (f"--index-assert-url={database.url}", "--index-assert-migrate")
    project.run(*arguments).assert_outcomes(passed=1)


def test_no_alembic_ini(project, database):
    project.tests(MARKED)
    result = project.run(f"--index-assert-url={database.url}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["there is no alembic.ini in *; name it by *"])


def test_no_database_at_all(project, monkeypatch):
    monkeypatch.setattr("pytest_index_assert.embedded.PACKAGE", "no_such_package")
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        "there is no database to assert indexes on. Give one in one of three ways:",
        "  - a fixture `index_engine` in conftest.py *",
        "  - --index-assert-url, the variable INDEX_ASSERT_URL, or index_assert_url in *",
        "  - pip install 'alembic-index-ops[[]embedded[]]', and the plugin starts *",
    ])  # fmt: skip


@pytest.mark.slow
@pytest_embedded
def test_the_embedded_server_is_migrated_and_gone_afterwards(embedded):
    embedded.run_alone().assert_outcomes(passed=1)
    assert left_over(timeout=0) == []


@pytest.mark.slow
@pytest_embedded
def test_a_failed_migration_leaves_no_server(embedded):
    embedded.migrations("SELECT no_such_function()")
    result = embedded.run_alone()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*function no_such_function() does not exist*"])
    assert left_over() == []


@pytest.mark.slow
@pytest_embedded
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_server(embedded, sent):
    embedded.tests("""
        import time

        @pytest.mark.requires_index("jobs", "org_id")
        def test_it():
            open("started", "w").close()
            time.sleep(60)
    """)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *STRICT],
        cwd=embedded.path,
        stdout=subprocess.PIPE,
        start_new_session=True,
        # A shell that runs these tests in its background would have us ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (embedded.path / "started").exists():
        assert process.poll() is None
        time.sleep(0.05)
    # As a terminal does: to the whole group.
    os.killpg(process.pid, sent)
    process.communicate(timeout=60)
    assert left_over() == []


def test_the_revision_of_another_schema_does_not_count(project, database):
    project.migrations(TABLE, INDEX)
    with database.connect() as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("CREATE SCHEMA other CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO other.alembic_version VALUES ('0002')")
    project.tests(MARKED)

    result = project.run(f"--index-assert-url={database.url}")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*is at no revision*"])
