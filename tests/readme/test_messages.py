"""Each failure that the README shows, word for word."""

from __future__ import annotations

import threading

import pytest
from psycopg import Connection

from alembic_index_ops import IndexOpsError
from alembic_index_ops.build.reindex import refuse_corrupting_version
from tests.observe import eventually, execute, rows
from tests.projects import Project
from tests.readme.blocks import Block, read_blocks
from tests.readme.conftest import MIGRATE, UNIQUE, as_shown, backend_waiting, reading
from tests.servers import Database
from tests.sessions import in_transaction, running

MESSAGES = {block.what: block for block in read_blocks() if block.how == "message"}
DROP = 'op.drop_concurrent_index("ix_users_email", "users")'
REPLACE = 'op.replace_index("ix_jobs_org_created", "content_jobs", ["org_id", "created_at DESC"])'
RENAME = 'op.rename_index("ix_jobs_org_created", "ix_jobs_newest", "content_jobs")'
CONSTRAIN = 'op.create_unique_constraint_concurrently("uq_users_email", "users", ["email"])'
EVENTS = 'op.create_desc_index("ix_events_at", "events", ["at DESC"])'
BEGIN_IN_ENV = ("connectable.connect() as", "connectable.begin() as")
LOCK_IN_ENV = f"""\
        connection.exec_driver_sql("SELECT pg_advisory_lock(1)")
        connection.commit()
        waiter = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted"
        while not connection.exec_driver_sql(waiter).all():
            connection.commit()
        connection.commit()
{MIGRATE}"""
DEPLOY_LOCK_IN_ENV = """\
        from alembic_index_ops import deploy_lock

        with deploy_lock(connection, timeout="1s"), context.begin_transaction():
            context.run_migrations()
"""


def failure(project: Project, operation: str, *x: str) -> str:
    """What running the operation in a revision fails with; pids and ages as in the README."""
    project.revision("0003", operation)
    with pytest.raises(IndexOpsError) as caught:
        project.upgrade("heads", *x)
    return message_of(caught.value)


def message_of(error: IndexOpsError) -> str:
    return as_shown(f"{type(error).__name__}: {error}\n")


def shown(name: str) -> str:
    block: Block = MESSAGES[name]
    return block.text


def test_each_message_is_tested() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals()}

    assert set(MESSAGES) - tested == set()


def test_duplicates(project: Project, tables: Database) -> None:
    execute(tables, "INSERT INTO users VALUES (-1, 'a@example.org'), (-2, 'a@example.org')")

    assert failure(project, UNIQUE) == shown("duplicates")


def test_duplicates_untold(project: Project, tables: Database) -> None:
    execute(tables, "INSERT INTO users VALUES (-1, 'a@example.org'), (-2, 'a@example.org')")

    message = failure(project, UNIQUE.replace(")", ", show_duplicates=False)"))

    assert message == shown("duplicates-untold")


def test_busy(project: Project, tables: Database) -> None:
    with in_transaction(
        tables,
        "SET application_name = 'nightly job'",
        "LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE",
    ):
        assert failure(project, UNIQUE, "index_ops.lock_timeout=1.5s") == shown("busy")


def test_drain(project: Project, tables: Database) -> None:
    with reading(tables):
        assert failure(project, UNIQUE, "index_ops.drain_timeout=1.5s") == shown("drain")


def test_awaited(project: Project, tables: Database) -> None:
    build = "CREATE INDEX CONCURRENTLY ix_users_name ON users (name)"
    with reading(tables), running(tables, build):
        backend_waiting(tables, "CREATE INDEX")

        assert failure(project, UNIQUE, "index_ops.drain_timeout=1.5s") == shown("awaited")


def test_stall(project: Project, tables: Database) -> None:
    with in_transaction(
        tables, "SET application_name = 'import'", "UPDATE users SET name = 'new' WHERE id = 1"
    ):
        inside = UNIQUE.replace(")", ", concurrently=False)")

        assert failure(project, inside, "index_ops.lock_timeout=1.5s") == shown("stall")


def test_gone(project: Project, tables: Database) -> None:
    with reading(tables):
        terminator = threading.Thread(target=end, args=(tables, "terminate", "CREATE UNIQUE INDEX"))
        terminator.start()
        message = failure(project, UNIQUE)
        terminator.join()

    assert message == shown("gone")


def test_own_lock(project: Project, tables: Database) -> None:
    project.edit_env((MIGRATE, LOCK_IN_ENV))
    with tables.connect() as other:
        waiter = threading.Thread(target=wait_for_the_lock_of_env_py, args=(tables, other))
        waiter.start()
        message = failure(project, UNIQUE)
        waiter.join()

    assert message == shown("own-lock")


def wait_for_the_lock_of_env_py(tables: Database, connection: Connection) -> None:
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND granted"
    eventually(lambda: rows(tables, held))
    # The server ends whichever of the two looks first.
    connection.execute("SET deadlock_timeout = '1min'")
    connection.execute("SELECT pg_advisory_lock(1)")


def test_deploy(project: Project, tables: Database) -> None:
    project.edit_env((MIGRATE, DEPLOY_LOCK_IN_ENV))
    project.revision("0003", UNIQUE)
    with reading(tables), project.start("upgrade", "head") as first:
        backend_waiting(tables, "CREATE UNIQUE INDEX")
        with pytest.raises(IndexOpsError) as caught:
            project.upgrade()
        first.kill()

    assert message_of(caught.value) == shown("deploy")


def test_differs(project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_users_email ON users (email DESC)")

    assert failure(project, UNIQUE) == shown("differs")


def test_taken(project: Project, tables: Database) -> None:
    execute(tables, "CREATE TABLE ix_users_email ()")

    assert failure(project, UNIQUE) == shown("taken")


def test_transaction(project: Project) -> None:
    project.edit_env(BEGIN_IN_ENV)

    assert failure(project, UNIQUE) == shown("transaction")


def test_refused(project: Project) -> None:
    assert failure(project, UNIQUE.replace('["email"]', '["mail"]')) == shown("refused")


def test_cut_drop(project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_users_email ON users (email)")
    with reading(tables, "users"):
        canceller = threading.Thread(target=end, args=(tables, "cancel", "DROP INDEX"))
        canceller.start()
        message = failure(project, DROP)
        canceller.join()

    assert message == shown("cut-drop")


def end(tables: Database, how: str, statement: str) -> None:
    """Cancel the concurrent statement, or terminate its session, when it waits."""
    rows(tables, f"SELECT pg_{how}_backend(%s)", backend_waiting(tables, statement))


def test_constraint(project: Project) -> None:
    assert failure(project, DROP.replace("ix_users_email", "users_pkey")) == shown("constraint")


def test_replace_refused(project: Project, tables: Database) -> None:
    execute(
        tables,
        "CREATE UNIQUE INDEX ix_users_name ON users (id, name)",
        "CREATE TABLE visits (id int, name text, CONSTRAINT visits_of_users"
        " FOREIGN KEY (id, name) REFERENCES users (id, name))",
    )

    message = failure(project, 'op.replace_index("ix_users_name", "users", ["name"])')

    assert message == shown("replace-refused")


def test_replace_nothing(project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_jobs_org ON content_jobs (org_id)")

    assert failure(project, REPLACE) == shown("replace-nothing")


def test_rename_taken(project: Project, tables: Database) -> None:
    execute(
        tables,
        "CREATE INDEX ix_jobs_org_created ON content_jobs (org_id)",
        "CREATE INDEX ix_jobs_newest ON content_jobs (id)",
    )

    assert failure(project, RENAME) == shown("rename-taken")


def test_rename_nothing(project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_jobs_org ON content_jobs (org_id)")

    assert failure(project, RENAME) == shown("rename-nothing")


def test_reindex_drain(project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_users_email ON users (email)")
    reindex = 'op.reindex_concurrently("ix_users_email")'

    with reading(tables):
        message = failure(project, reindex, "index_ops.drain_timeout=1.5s")

    assert message == shown("reindex-drain")


def test_reindex_version() -> None:
    with pytest.raises(IndexOpsError) as caught:
        refuse_corrupting_version((14, 2))

    assert message_of(caught.value) == shown("reindex-version")


def test_constraint_columns(project: Project) -> None:
    message = failure(project, CONSTRAIN.replace('"email"]', '"email DESC"]'))

    assert message == shown("constraint-columns")


def test_constraint_differs(project: Project, tables: Database) -> None:
    execute(
        tables, "DELETE FROM users", "ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE (name)"
    )

    assert failure(project, CONSTRAIN) == shown("constraint-differs")


def test_constraint_referenced(project: Project, tables: Database) -> None:
    execute(
        tables,
        "ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE (email)",
        "CREATE TABLE visits (email text CONSTRAINT visits_email_fkey REFERENCES users (email))",
    )

    message = failure(project, 'op.drop_unique_constraint_concurrently("uq_users_email", "users")')

    assert message == shown("constraint-referenced")


def test_many(project: Project, tables: Database) -> None:
    execute(
        tables,
        "INSERT INTO users VALUES (-1, 'a@example.org'), (-2, 'a@example.org')",
        "INSERT INTO content_jobs VALUES (-1, 1, now(), '')",
    )
    specs = """[define_index("ix_users_email", "users", ["email"], unique=True),
        define_index("ix_jobs_org", "content_jobs", ["org_id"], unique=True),
        define_index("ix_jobs_title", "content_jobs", ["title"])]"""
    importing = "from alembic_index_ops import define_index"

    message = failure(project, f"{importing}\nop.create_indexes({specs})")

    assert message == shown("many")


def test_partition_foreign(project: Project, tables: Database) -> None:
    execute(
        tables,
        "CREATE TABLE events (at date) PARTITION BY RANGE (at)",
        "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-1-1') TO ('2026-1-1')",
        "INSERT INTO events SELECT date '2025-1-1' FROM generate_series(1, 4000)",
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER far FOREIGN DATA WRAPPER nothing",
        "CREATE FOREIGN TABLE events_2024 PARTITION OF events"
        " FOR VALUES FROM ('2024-1-1') TO ('2025-1-1') SERVER far",
    )

    assert failure(project, EVENTS) == shown("partition-foreign")


def test_partition_wrong(project: Project, tables: Database) -> None:
    execute(
        tables,
        "CREATE TABLE events (at date) PARTITION BY RANGE (at)",
        "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-1-1') TO ('2026-1-1')",
        "CREATE INDEX ix_2025 ON events_2025 (at)",
        "CREATE INDEX ix_events_at ON events (at DESC)",
    )

    assert failure(project, EVENTS) == shown("partition-wrong")
