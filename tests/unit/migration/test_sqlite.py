"""The same revision on SQLite, which many use in development."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from alembic_index_ops import (
    DefinitionDiffersError,
    IndexNotFoundError,
    TableNotFoundError,
    UnsupportedError,
    define_index,
    key,
)


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


def test_a_replacement_is_made_in_place_of_the_old_one(
    connection: sa.Connection, op: Operations
) -> None:
    op.create_concurrent_index("ix", "users", ["name"])

    op.replace_index("ix", "users", ["email DESC"], unique=True)

    assert definitions(connection) == ['CREATE UNIQUE INDEX "ix" ON "users" ("email" DESC)']


def test_restoring_warns_and_leaves_the_index(
    connection: sa.Connection, op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    op.create_concurrent_index("ix", "users", ["name"])

    op.restore_index("ix", "users")

    assert definitions(connection) == ['CREATE INDEX "ix" ON "users" ("name")']
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            'index "ix" on "users": SQLite keeps no former definition; left as it is. To have it'
            " restored there too, write op.replace_index with that definition",
        )
    ]


def test_renaming_makes_the_same_index_under_the_new_name(
    connection: sa.Connection, op: Operations
) -> None:
    op.create_desc_index("ix", "users", ["name DESC"], unique=True, where="email = ' ON '")

    op.rename_index("ix", "iy", "users")

    assert definitions(connection) == [
        """CREATE UNIQUE INDEX "iy" ON "users" ("name" DESC) WHERE email = ' ON '"""
    ]


def test_renaming_an_odd_name(connection: sa.Connection, op: Operations) -> None:
    op.create_concurrent_index('a ON "b"', "users", ["name"])

    op.rename_index('a ON "b"', "iy", "users")

    assert definitions(connection) == ['CREATE INDEX "iy" ON "users" ("name")']


def test_a_renaming_that_was_done_before(connection: sa.Connection, op: Operations) -> None:
    op.create_concurrent_index("iy", "users", ["name"])
    before = definitions(connection)

    op.rename_index("ix", "iy", "users")

    assert definitions(connection) == before


def test_renaming_what_is_not_there(op: Operations) -> None:
    with pytest.raises(IndexNotFoundError) as caught:
        op.rename_index("ix", "iy", "users")

    assert str(caught.value) == (
        'index "ix" does not exist, nor does "iy". Nothing was changed; correct the name.'
    )


def test_renaming_in_a_script() -> None:
    op = Operations(MigrationContext.configure(dialect_name="sqlite", opts={"as_sql": True}))

    with pytest.raises(UnsupportedError) as caught:
        op.rename_index("ix", "iy", "users")

    assert str(caught.value) == (
        'index "ix": SQLite renames an index by making it anew, for which it has to be read.'
        " Nothing was written; run this revision online."
    )


@pytest.mark.parametrize(
    ("arguments", "statement"),
    [
        ({"index_name": "ix"}, 'REINDEX "ix"'),
        ({"table_name": "users"}, 'REINDEX "users"'),
        ({"index_name": "ix", "schema": "app"}, 'REINDEX "ix"'),
        ({"schema": "app"}, "REINDEX"),
    ],
)
def test_reindexes(connection: sa.Connection, arguments: dict[str, str], statement: str) -> None:
    mapped = connection.execution_options(schema_translate_map={"app": None})
    op = Operations(MigrationContext.configure(mapped))
    op.create_concurrent_index("ix", "users", ["name"])
    sent: list[str] = []

    @sa.event.listens_for(connection.engine, "before_cursor_execute")
    def listen(*event: object) -> None:
        sent.append(str(event[2]))

    op.reindex_concurrently(**arguments)

    assert sent[-1] == statement


def test_a_constraint_is_a_unique_index(
    connection: sa.Connection, op: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        op.create_unique_constraint_concurrently(
            "uq", "users", ["email"], initially="DEFERRED", include=["name"], comment="ours"
        )

    assert definitions(connection) == ['CREATE UNIQUE INDEX "uq" ON "users" ("email")']
    assert caplog.messages == [
        'index "uq" on "users": SQLite knows no DEFERRABLE INITIALLY DEFERRED; left out',
        'index "uq" on "users": SQLite knows no INCLUDE, comment; left out',
    ]

    op.drop_unique_constraint_concurrently("uq", "users")

    assert definitions(connection) == []


def test_several(connection: sa.Connection, op: Operations) -> None:
    specs = [
        define_index("ix", "users", ["name"]),
        define_index("iy", "users", ["email DESC"], unique=True),
    ]

    op.create_indexes(specs, workers=2)

    assert definitions(connection) == [
        'CREATE INDEX "ix" ON "users" ("name")',
        'CREATE UNIQUE INDEX "iy" ON "users" ("email" DESC)',
    ]

    op.drop_indexes(specs, workers=2)

    assert definitions(connection) == []
