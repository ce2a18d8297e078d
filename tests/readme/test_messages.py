"""Each failure that the README shows, word for word."""

from __future__ import annotations

import re
import threading

import pytest
from psycopg import Connection

from alembic_index_ops import IndexOpsError
from tests.observe import eventually, execute, rows
from tests.projects import Project
from tests.readme.blocks import Block, read_blocks
from tests.servers import Database

MESSAGES = {block.what: block for block in read_blocks() if block.how == "message"}
UNIQUE = 'op.create_concurrent_index("ix_users_email", "users", ["email"], unique=True)'
DROP = 'op.drop_concurrent_index("ix_users_email", "users")'
BEGIN_IN_ENV = ("connectable.connect() as", "connectable.begin() as")


def failure(project: Project, operation: str, *x: str) -> str:
    """What running the operation in a revision fails with; process ids as in the README."""
    project.revision("0003", operation)
    with pytest.raises(IndexOpsError) as caught:
        project.upgrade("heads", *x)
    message = f"{type(caught.value).__name__}: {caught.value}\n"
    return re.sub(r"pid \d+", "pid 4711", message)


def test_each_message_is_tested() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals()}

    assert set(MESSAGES) - tested == set()


def shown(name: str) -> str:
    block: Block = MESSAGES[name]
    return block.text


def test_duplicates(project: Project, tables: Database) -> None:
    execute(tables, "INSERT INTO users VALUES (-1, 'a@example.org'), (-2, 'a@example.org')")

    assert failure(project, UNIQUE) == shown("duplicates")


def open_transaction(connection: Connection, *statements: str) -> None:
    connection.autocommit = False
    for statement in statements:
        connection.execute(statement)


def test_busy(project: Project, tables: Database) -> None:
    with tables.connect() as other:
        other.execute("SET application_name = 'nightly job'")
        open_transaction(other, "LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE")

        assert failure(project, UNIQUE, "index_ops.lock_timeout=1.5s") == shown("busy")


def test_drain(project: Project, tables: Database) -> None:
    with tables.connect() as reader:
        open_transaction(
            reader,
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "SELECT count(*) FROM users",
        )

        assert failure(project, UNIQUE, "index_ops.lock_timeout=1.5s") == shown("drain")


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
    with tables.connect() as reader:
        open_transaction(reader, "SELECT count(*) FROM users")
        canceller = threading.Thread(target=cancel_the_drop, args=(tables,))
        canceller.start()
        message = failure(project, DROP)
        canceller.join()

    assert message == shown("cut-drop")


def cancel_the_drop(tables: Database) -> None:
    eventually(
        lambda: rows(
            tables,
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'DROP INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'",
        )
    )


def test_constraint(project: Project) -> None:
    assert failure(project, DROP.replace("ix_users_email", "users_pkey")) == shown("constraint")
