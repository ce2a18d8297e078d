"""Index operations among Alembic's own: tables, columns and constraints that come and go."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint

from tests.observe import execute, indexes
from tests.postgres.autogenerate.generating import Generating, body, calls
from tests.servers import Database


def table(*items: object, columns: str = "ab", name: str = "t") -> MetaData:
    """A model of one table with these columns, all of them int."""
    metadata = MetaData()
    Table(name, metadata, *(Column(column, Integer) for column in columns), *items)
    return metadata


def there(generating: Generating, metadata: MetaData) -> str:
    """What is written for the model; it is run, and found to be enough."""
    [text] = generating.revise(metadata)
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)
    return text


def there_and_back(database: Database, generating: Generating, metadata: MetaData) -> str:
    """The same, and undone."""
    before = {name: seen.definition for name, seen in indexes(database).items()}
    text = there(generating, metadata)
    generating.downgrade(metadata)
    assert {name: seen.definition for name, seen in indexes(database).items()} == before
    return text


def test_a_new_table(database: Database, generating: Generating) -> None:
    text = there_and_back(database, generating, table(Index("ix", "a")))

    assert calls(text) == ["create_table t", "create_concurrent_index ix t"]
    assert calls(text, "downgrade") == ["drop_concurrent_index ix t", "drop_table t"]
    assert 'op.drop_concurrent_index("ix", "t", concurrently=False)' in text


def test_a_table_that_is_gone(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int)", "CREATE INDEX ix ON t (a DESC) INCLUDE (a)")

    text = there_and_back(database, generating, MetaData())

    assert calls(text) == ["drop_concurrent_index ix t", "drop_table t"]
    assert calls(text, "downgrade") == ["create_table t", "create_desc_index ix t"]


def test_a_new_column(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int)")

    text = there_and_back(database, generating, table(Index("ix", "b")))

    assert calls(text) == ["add_column t b", "create_concurrent_index ix t"]
    assert calls(text, "downgrade") == ["drop_concurrent_index ix t", "drop_column t b"]


def test_an_index_that_takes_in_a_new_column(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int)", "CREATE INDEX ix ON t (a)")

    text = there_and_back(database, generating, table(Index("ix", "a", "b")))

    assert calls(text) == ["add_column t b", "replace_index ix t"]


def test_a_column_that_goes_with_its_index(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a) WHERE b > 0")

    text = there_and_back(database, generating, table(columns="a"))

    assert calls(text) == ["drop_concurrent_index ix t", "drop_column t b"]
    assert calls(text, "downgrade") == ["add_column t b", "create_concurrent_index ix t"]


def test_a_column_that_an_index_gives_up(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a, b)")

    text = there_and_back(database, generating, table(Index("ix", "a"), columns="a"))

    assert calls(text) == ["replace_index ix t", "drop_column t b"]
    assert calls(text, "downgrade") == ["add_column t b", "replace_index ix t"]


def test_concurrent_operations_come_after_all_changes(
    database: Database, generating: Generating
) -> None:
    execute(database, "CREATE TABLE s (a int)", "CREATE TABLE t (a int)")
    metadata = table(Index("ix_s", "a"), name="s")
    Table("t", metadata, Column("a", Integer), Column("b", Integer), Index("ix_t", "a"))

    text = there_and_back(database, generating, metadata)

    assert calls(text) == [
        "add_column s b",
        "add_column t b",
        "create_concurrent_index ix_s s",
        "create_concurrent_index ix_t t",
    ]


# Of these two the way back is Alembic's: SQLAlchemy 2.0 writes NULLS DISTINCT, which 14 lacks.


def test_a_unique_constraint_is_alembics(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int, CONSTRAINT old UNIQUE (a))")

    text = there(generating, table(UniqueConstraint("b", name="new")))

    assert sorted(calls(text)) == ["create_unique_constraint new t", "drop_constraint old t"]


def test_a_unique_index_that_becomes_a_constraint(
    database: Database, generating: Generating
) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE UNIQUE INDEX uq ON t (a)")

    text = there_and_back(database, generating, table(UniqueConstraint("a", name="uq")))

    assert calls(text) == ["drop_concurrent_index uq t", "create_unique_constraint uq t"]


def test_a_constraint_that_becomes_a_unique_index(
    database: Database, generating: Generating
) -> None:
    execute(database, "CREATE TABLE t (a int, b int, CONSTRAINT uq UNIQUE (a))")

    text = there(generating, table(Index("uq", "a", unique=True)))

    assert calls(text) == ["drop_constraint uq t", "create_concurrent_index uq t"]


def test_a_unique_index_that_a_new_foreign_key_needs(
    database: Database, generating: Generating
) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE TABLE s (a int)")
    metadata = table(Index("uq", "a", unique=True), Index("ix", "b"))
    Table("s", metadata, Column("a", Integer, ForeignKey("t.a", name="fk")))
    Table("n", metadata, Column("a", Integer, ForeignKey("t.a")))

    text = there_and_back(database, generating, metadata)

    assert calls(text) == [
        "create_concurrent_index uq t",
        "create_table n",
        "create_foreign_key fk s",
        "create_concurrent_index ix t",
    ]


def test_another_name(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX old ON t (a)")

    text = there_and_back(database, generating, table(Index("new", "a")))

    assert calls(text) == ["create_concurrent_index new t", "drop_concurrent_index old t"]


def test_in_a_batch_project(database: Database, generating: Generating) -> None:
    """`render_as_batch` is for SQLite; our operations stand outside of the batch."""
    generating.configure("render_as_batch=True")
    execute(database, "CREATE TABLE t (a int)")

    text = there_and_back(database, generating, table(Index("ix", "b")))

    assert body(text, "upgrade").splitlines()[-1] == 'op.create_concurrent_index("ix", "t", ["b"])'


MIXES = "this revision mixes index operations with other changes"


@pytest.mark.parametrize(
    ("columns", "index", "warned"),
    [("ab", Index("ix", "a"), 1), ("a", Index("ix", "a"), 0), ("ab", Index("ix", "b"), 1)],
    ids=["a column and an index", "an index", "an index of that column"],
)
def test_a_revision_that_mixes_is_warned_of_once(
    database: Database,
    generating: Generating,
    caplog: pytest.LogCaptureFixture,
    columns: str,
    index: Index,
    warned: int,
) -> None:
    execute(database, "CREATE TABLE t (a int)")

    with caplog.at_level(logging.WARNING, "alembic_index_ops"):
        generating.revise(table(index, Index("iy", "a"), columns=columns))

    assert len([line for line in caplog.messages if line.startswith(MIXES)]) == warned


def test_a_new_table_with_its_indexes_does_not_mix(
    database: Database, generating: Generating, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "alembic_index_ops"):
        generating.revise(table(Index("ix", "a")))

    assert caplog.messages == []
    assert database is not None


def test_a_check_warns_of_nothing(
    database: Database, generating: Generating, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "CREATE TABLE t (a int)")

    with caplog.at_level(logging.WARNING, "alembic_index_ops"):
        assert not generating.is_quiet(table(Index("ix", "a")))

    assert caplog.messages == []
