"""The same revision on SQLite, which many use in development."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from alembic_index_ops import DefinitionDiffersError, TableNotFoundError, UnsupportedError, key


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE users (email TEXT, name TEXT, deleted_at TEXT)"))
        yield connection
    engine.dispose()


@pytest.fixture
def op(connection: sa.Connection) -> Operations:
    return Operations(MigrationContext.configure(connection))


def definitions(connection: sa.Connection) -> list[str]:
    rows = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE type = 'index'"))
    return [str(row[0]) for row in rows]


def test_builds_keys_order_uniqueness_and_predicate(
    connection: sa.Connection, op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        op.create_desc_index(
            "ix", "users", ["name DESC", "email"], unique=True, where="deleted_at IS NULL"
        )

    assert definitions(connection) == [
        'CREATE UNIQUE INDEX "ix" ON "users" ("name" DESC, "email") WHERE deleted_at IS NULL'
    ]
    assert caplog.messages == []


def test_builds_an_expression(connection: sa.Connection, op: Operations) -> None:
    op.create_concurrent_index("ix", "users", [sa.func.lower(sa.column("email")).desc()])

    assert definitions(connection) == ['CREATE INDEX "ix" ON "users" ((lower(email)) DESC)']


def test_one_line_names_what_is_left_out(
    connection: sa.Connection, op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        op.create_covering_index(
            "ix",
            "users",
            [key("email", operator_class="text_pattern_ops", collation="C"), "name NULLS FIRST"],
            include=["deleted_at"],
            unique=True,
            nulls_not_distinct=True,
            storage_parameters={"fillfactor": 70},
            tablespace="fast",
            comment="ours",
        )

    assert definitions(connection) == ['CREATE UNIQUE INDEX "ix" ON "users" ("email", "name")']
    assert caplog.messages == [
        'index "ix" on "users": SQLite knows no INCLUDE, NULLS FIRST or NULLS LAST, operator'
        " class, collation of PostgreSQL, NULLS NOT DISTINCT, storage parameters, tablespace,"
        " comment; left out"
    ]


def test_another_access_method_becomes_a_plain_index(
    connection: sa.Connection, op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        op.create_concurrent_index("ix", "users", ["name"], using="gin")

    assert definitions(connection) == ['CREATE INDEX "ix" ON "users" ("name")']
    assert caplog.messages == ['index "ix" on "users": SQLite knows no access method gin; left out']


def test_drops(connection: sa.Connection, op: Operations) -> None:
    op.create_concurrent_index("ix", "users", ["name"])

    op.drop_concurrent_index("ix", "users")

    assert definitions(connection) == []


def test_dropping_what_is_not_there_is_a_warning(
    op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    op.drop_concurrent_index("ix", "users")

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            'index "ix" on "users" does not exist, so there is nothing to drop; nearest on that'
            " table: none",
        )
    ]


def test_an_index_that_is_there_already_is_left_as_it_is(
    connection: sa.Connection, op: Operations
) -> None:
    op.create_index("ix", "users", ["name", sa.text("email DESC")], unique=True)
    before = definitions(connection)

    op.create_desc_index("ix", "users", ["name", "email DESC"], unique=True)

    assert definitions(connection) == before


def test_another_index_of_that_name_is_an_error(connection: sa.Connection, op: Operations) -> None:
    op.create_index("ix", "users", ["name"])

    with pytest.raises(DefinitionDiffersError) as caught:
        op.create_desc_index("ix", "users", ["name DESC"])

    assert str(caught.value) == (
        'index "ix" exists with another definition: CREATE INDEX ix ON users (name). Nothing was'
        ' changed; wanted: CREATE INDEX "ix" ON "users" ("name" DESC)'
    )


def test_a_schema_that_is_not_attached_is_named(op: Operations) -> None:
    with pytest.raises(TableNotFoundError) as caught:
        op.create_concurrent_index("ix", "users", ["name"], schema="app")

    assert str(caught.value) == (
        'schema "app" does not exist on SQLite. Nothing was changed; ATTACH a database of that'
        " name in env.py, or map the schema away:"
        ' connection.execution_options(schema_translate_map={"app": None})'
    )


def test_a_schema_that_is_mapped_away(connection: sa.Connection) -> None:
    mapped = connection.execution_options(schema_translate_map={"app": None})
    op = Operations(MigrationContext.configure(mapped))

    op.create_concurrent_index("ix", "users", ["name"], schema="app")

    assert definitions(connection) == ['CREATE INDEX "ix" ON "users" ("name")']


def test_another_databases_dialect_is_refused() -> None:
    op = Operations(MigrationContext.configure(dialect_name="mysql"))

    with pytest.raises(UnsupportedError) as caught:
        op.create_concurrent_index("ix", "users", ["name"])

    assert str(caught.value) == (
        'index "ix": alembic_index_ops builds on PostgreSQL (and plainly on SQLite), and this'
        " database is mysql. Nothing was changed; use op.create_index and op.drop_index there."
    )
