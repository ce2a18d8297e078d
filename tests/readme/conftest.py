from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.observe import eventually, execute, rows
from tests.projects import Project
from tests.readme.blocks import read_blocks
from tests.servers import Database, Server
from tests.sessions import in_transaction

UNIQUE = 'op.create_concurrent_index("ix_users_email", "users", ["email"], unique=True)'
MIGRATE = "        with context.begin_transaction():\n            context.run_migrations()\n"
TABLES = (
    "CREATE TABLE content_jobs"
    " (id int PRIMARY KEY, org_id int, created_at timestamptz, title text)",
    "CREATE TABLE users (id int PRIMARY KEY, email text, name text, deleted_at timestamptz)",
    "CREATE TABLE documents (id int PRIMARY KEY, title text, author text)",
)
ROWS = (
    "INSERT INTO content_jobs SELECT i, i, now(), repeat('x', 40) FROM generate_series(1, 2000) i",
    "INSERT INTO users SELECT i, i || '@example.org', 'name', NULL FROM generate_series(1, 2000) i",
    "INSERT INTO documents SELECT i, repeat('x', 40), 'author' FROM generate_series(1, 2000) i",
)


def covering_operation() -> str:
    """The covering index of the README, which its tests require."""
    return next(
        block.text
        for block in read_blocks()
        if block.how == "operation" and "create_covering_index" in block.text
    )


def as_shown(text: str) -> str:
    """Process ids, and the ages of transactions, as the README has them."""
    text = re.sub(r"(pid |backend\()\d+", r"\g<1>4711", text)
    return re.sub(r"transaction open for [\w. ]+:", "transaction open for 42 min:", text)


@contextmanager
def reading(tables: Database, table: str = "documents") -> Iterator[psycopg.Connection]:
    """A report that holds its snapshot: it has read `table` in a transaction, and is idle."""
    with in_transaction(
        tables,
        "SET application_name = 'report'",
        f"SELECT count(*) FROM {table}",
        isolation="REPEATABLE READ",
    ) as connection:
        yield connection


def backend_waiting(tables: Database, statement: str) -> int:
    """The pid that runs this statement concurrently, when it waits for older transactions."""
    found = eventually(
        lambda: rows(
            tables,
            "SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid)"
            " WHERE datname = current_database() AND query LIKE %s"
            " AND locktype = 'virtualxid' AND NOT granted",
            f"{statement} CONCURRENTLY%",
        )
    )
    return int(found[0][0])


@pytest.fixture(scope="module")
def reader(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project of somebody who follows the README from its first line to its last."""
    database = server.create_database()
    project = Project(tmp_path_factory.mktemp("reader"), database.url)
    (project.directory / "tests").mkdir()
    project.revision("0001", "\n".join(f'op.execute("{table}")' for table in TABLES))
    yield project
    server.drop_database(database.name)


@pytest.fixture
def tables(database: Database) -> Database:
    """A database with the README's tables, each with more rows than are indexed at once."""
    execute(database, *TABLES, *ROWS)
    return database


@pytest.fixture
def project(tmp_path: Path, tables: Database) -> Project:
    return Project(tmp_path, tables.url)
