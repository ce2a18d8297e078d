"""Partitions that are foreign tables: the same answer in every way of building."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alembic_index_ops import UnsupportedError
from tests.observe import Seen, adopted_by, execute, indexes, rows
from tests.postgres.build.trees import CREATE
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction

TABLE = (
    "CREATE TABLE e (a int, b int) PARTITION BY RANGE (a)",
    "CREATE TABLE e_b PARTITION OF e FOR VALUES FROM (10) TO (20)",
)
FAR = "CREATE FOREIGN TABLE e_far PARTITION OF e FOR VALUES FROM (50) TO (60) SERVER far"
FILLED = "INSERT INTO e SELECT 10, i FROM generate_series(1, 5000) i"
UNIQUE = CREATE[0].replace("b DESC", "a DESC").replace(")", ", unique=True)")
REFUSED = (
    'index "ix" on "public"."e": a partition is a foreign table, which cannot be indexed:'
    ' "public"."e_far". '
)


@pytest.fixture(autouse=True)
def far(database: Database) -> Iterator[None]:
    execute(
        database,
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER far FOREIGN DATA WRAPPER nothing",
    )
    yield
    execute(database, "DROP FOREIGN DATA WRAPPER nothing CASCADE")


def refusal(project: Project) -> str:
    with pytest.raises(UnsupportedError) as refused:
        project.upgrade()
    return str(refused.value)


@pytest.mark.parametrize("concurrently", ['"auto"', "True", "False"])
@pytest.mark.parametrize("filled", [True, False])
def test_a_table_that_is_there(
    database: Database, project: Project, concurrently: str, filled: bool
) -> None:
    execute(database, *TABLE, FAR, *([FILLED] if filled else []))
    project.revision("a", CREATE[0].replace(")", f", concurrently={concurrently})"))

    assert refusal(project) == (
        f"{REFUSED}Nothing was changed. Index the other partitions one by one, then the parent with"
        " op.create_index, which takes those in and leaves that one out."
    )
    assert indexes(database) == {}


def test_a_table_of_the_same_transaction(database: Database, project: Project) -> None:
    made = "\n".join(f'op.execute("{statement}")' for statement in (*TABLE, FAR))
    project.revision("a", f"{made}\n{CREATE[0]}")

    assert refusal(project).startswith(f"{REFUSED}Nothing was changed. ")
    assert rows(database, "SELECT to_regclass('e')") == [(None,)]


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_a_unique_one(database: Database, project: Project, concurrently: str) -> None:
    execute(database, *TABLE, FAR)
    project.revision("a", UNIQUE.replace(")", f", concurrently={concurrently})"))

    assert refusal(project) == (
        f"{REFUSED}Nothing was changed. A UNIQUE index has to cover every partition: detach that"
        " one, or index the others one by one."
    )


def test_the_way_that_the_message_shows(database: Database, project: Project) -> None:
    execute(database, *TABLE, FAR, FILLED)
    project.revision("a", 'op.create_desc_index("ix_e_b", "e_b", ["b DESC"])')
    project.upgrade()
    made = rows(database, "SELECT 'ix_e_b'::regclass::oid")
    project.revision("b", 'op.create_index("ix", "e", [sa.text("b DESC")])')

    project.upgrade()

    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "ix": "valid",
        "ix_e_b": "valid",
    }
    assert rows(database, "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ix'::regclass") == (
        made
    )


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_an_index_that_plain_sql_made_is_adopted(
    database: Database, project: Project, concurrently: str
) -> None:
    """It is valid, and as asked, though the foreign partition has no part of it."""
    execute(database, *TABLE, FAR, "CREATE INDEX ix ON e (b DESC)")
    project.revision("a", CREATE[0].replace(")", f", concurrently={concurrently})"), CREATE[1])
    before = indexes(database)

    project.upgrade()
    assert indexes(database) == before | {
        "ix": Seen(before["ix"].definition, "valid", adopted_by("a"))
    }

    project.downgrade()
    assert indexes(database) == before


def test_one_that_is_attached_during_the_build(database: Database, project: Project) -> None:
    execute(database, *TABLE, FILLED)
    project.revision("a", *CREATE)
    with in_transaction(database, "INSERT INTO e_b VALUES (11, 1)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_b%")
        execute(
            database,
            "CREATE FOREIGN TABLE e_far (a int, b int) SERVER far",
            "ALTER TABLE e ATTACH PARTITION e_far FOR VALUES FROM (50) TO (60)",
        )
    out, _ = process.communicate()

    assert process.returncode != 0
    assert f"{REFUSED}What is built stays. Detach it, and run the migration again." in out
    execute(database, "ALTER TABLE e DETACH PARTITION e_far")
    project.upgrade()
    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "ix": "valid",
        "ix_e_b": "valid",
    }
