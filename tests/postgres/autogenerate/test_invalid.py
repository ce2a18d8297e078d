"""An INVALID index is a difference, and its migration repairs it."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, Table

from tests.observe import Seen, execute, indexes
from tests.postgres.autogenerate.generating import Generating
from tests.servers import Database

DEFINITION = "CREATE INDEX ix ON public.t USING btree (a)"
INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass"


@pytest.fixture(autouse=True)
def cut_off(database: Database) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a)", INVALID)


def model(*columns: str) -> MetaData:
    metadata = MetaData()
    items = [Index("ix", *columns)] if columns else []
    Table("t", metadata, Column("a", Integer), Column("b", Integer), *items)
    return metadata


def test_it_is_repaired_and_stays_so(
    database: Database, generating: Generating, caplog: pytest.LogCaptureFixture
) -> None:
    metadata = model("a")

    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        upgrade = generating.body(metadata)

    assert upgrade == 'op.replace_index("ix", "t", ["a"])'
    assert caplog.messages == [
        "Detected changed index 'ix' on 't': state: wanted valid, found INVALID, ready: writes"
        " maintain it, no query uses it"
    ]
    generating.upgrade(metadata)
    assert indexes(database)["ix"][:2] == (DEFINITION, "valid")
    assert generating.is_quiet(metadata)
    generating.downgrade(metadata)
    assert indexes(database)["ix"][:2] == (DEFINITION, "valid")


def test_where_it_is_valid_it_is_left(database: Database, generating: Generating) -> None:
    """The migration of an accident in one database does no harm in the others."""
    metadata = model("a")
    generating.revise(metadata)
    execute(database, INVALID.replace("false", "true"))
    [before] = _oid(database)

    generating.upgrade(metadata)
    generating.downgrade(metadata)

    assert _oid(database) == [before]
    assert indexes(database) == {"ix": Seen(DEFINITION, "valid", None)}


def test_another_definition_and_invalid(database: Database, generating: Generating) -> None:
    metadata = model("b")

    assert generating.body(metadata) == 'op.replace_index("ix", "t", ["b"])'
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)
    generating.downgrade(metadata)
    assert indexes(database)["ix"][:2] == (DEFINITION, "valid")


def test_one_that_the_model_does_not_have_is_dropped(
    database: Database, generating: Generating
) -> None:
    metadata = model()

    assert generating.body(metadata) == 'op.drop_concurrent_index("ix", "t")'
    generating.upgrade(metadata)
    assert indexes(database) == {}


def _oid(database: Database) -> list[int]:
    with database.connect() as connection:
        return [row[0] for row in connection.execute("SELECT 'ix'::regclass::oid::bigint")]
