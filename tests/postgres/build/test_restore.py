"""Giving an index back what it was before it was replaced."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from alembic_index_ops import ReplaceRefusedError
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database, Server
from tests.sessions import backend_running, in_transaction, is_running

A = "CREATE INDEX ix ON public.t USING btree (a)"
DESC = "CREATE INDEX ix ON public.t USING btree (a DESC, b)"
TARGETS = """
SELECT attnum, attstattarget FROM pg_attribute
WHERE attrelid = 'ix'::regclass AND attstattarget >= 0 ORDER BY attnum
"""
TABLESPACE = "SELECT reltablespace FROM pg_class WHERE oid = 'ix'::regclass"


@pytest.fixture
def fast(server: Server, one_database: Database) -> Iterator[str]:
    """A tablespace."""
    with server.connect() as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute("CREATE TABLESPACE fast_disk LOCATION ''")
    yield "fast_disk"
    execute(one_database, "DROP TABLE IF EXISTS t")
    server.execute("DROP TABLESPACE fast_disk")


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int NOT NULL)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"])',
        'op.drop_concurrent_index("ix", "t")',
    )
    project.revision(
        "b",
        'op.replace_index("ix", "t", ["a DESC", "b"])',
        'op.restore_index("ix", "t")',
        down="a",
    )


@pytest.mark.parametrize("concurrently", ["True", "False"])
@pytest.mark.parametrize("old", ["'for the list'", "NULL", "E'two\\nlines\\n'"])
def test_a_comment_of_the_new_one_gives_way_to_the_old_ones(
    database: Database, project: Project, old: str, concurrently: str
) -> None:
    how = f"concurrently={concurrently}"
    project.revision(
        "b",
        f'op.replace_index("ix", "t", ["a DESC"], comment="for the search", {how})',
        f'op.restore_index("ix", "t", {how})',
        down="a",
    )
    execute(database, "CREATE INDEX ix ON t (a)", f"COMMENT ON INDEX ix IS {old}")
    project.upgrade("a")
    before = indexes(database)

    project.upgrade()
    assert str(indexes(database)["ix"].comment).startswith("for the search\nalembic_index_ops: ")

    project.downgrade("a")
    assert indexes(database) == before


def test_a_comment_of_the_second_replacement_gives_way_to_the_first_ones(
    database: Database, project: Project
) -> None:
    project.revision(
        "b",
        'op.replace_index("ix", "t", ["a DESC"])\n'
        'op.replace_index("ix", "t", ["b"], comment="for the search")',
        'op.restore_index("ix", "t")',
        down="a",
    )
    execute(database, "CREATE INDEX ix ON t (a)", "COMMENT ON INDEX ix IS 'for the list'")
    project.upgrade("a")
    before = indexes(database)

    project.upgrade()
    assert str(indexes(database)["ix"].comment).startswith("for the search\nalembic_index_ops: ")

    project.downgrade("a")
    assert indexes(database) == before


def test_a_comment_that_another_revision_gave_stays(database: Database, project: Project) -> None:
    project.revision("c", 'op.replace_index("ix", "t", ["b"])', 'op.restore_index("ix", "t")')
    project.upgrade()
    execute(
        database,
        "DO $$ BEGIN EXECUTE format('COMMENT ON INDEX ix IS %L',"
        " E'mine\\n' || obj_description('ix'::regclass)); END $$",
    )

    project.downgrade("a")

    assert indexes(database)["ix"].comment == f"mine\n{built_by('a')}"


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_statistics_of_an_expression_that_the_new_one_has_not_come_back(
    database: Database, project: Project, concurrently: str
) -> None:
    how = f"concurrently={concurrently}"
    project.revision(
        "b",
        f'op.replace_index("ix", "t", ["b", sa.text("(a + 1)")], {how})',
        f'op.restore_index("ix", "t", {how})',
        down="a",
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE INDEX ix ON t ((a + 1), b, (a + 2), (a + 3))",
        "ALTER INDEX ix ALTER COLUMN 1 SET STATISTICS 77",
        "ALTER INDEX ix ALTER COLUMN 3 SET STATISTICS 88",
    )
    project.upgrade()
    assert rows(database, TARGETS) == [(2, 77)]

    project.downgrade("a")

    assert rows(database, TARGETS) == [(1, 77), (3, 88)]


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_a_tablespace_alone_comes_back(
    database: Database, project: Project, fast: str, concurrently: str
) -> None:
    how = f"concurrently={concurrently}"
    project.revision(
        "b",
        f'op.replace_index("ix", "t", ["a"], tablespace="{fast}", {how})',
        f'op.restore_index("ix", "t", {how})',
        down="a",
    )
    project.upgrade("a")
    before, found = rows(database, TABLESPACE), indexes(database)

    project.upgrade()
    assert rows(database, TABLESPACE) != before

    project.downgrade("a")
    assert rows(database, TABLESPACE) == before
    assert indexes(database) == found


def test_killed_on_the_way_back_before_the_replaced_one_is_dropped(
    database: Database, project: Project
) -> None:
    project.upgrade()
    with in_transaction(database, "SELECT * FROM t LIMIT 1"):
        process = project.start("downgrade", "a")
        pid = backend_running(database, "DROP INDEX CONCURRENTLY%")
        process.kill()
        process.communicate()
        execute(database, f"SELECT pg_terminate_backend({pid})")
        eventually(lambda: not is_running(database, pid))
    assert len(indexes(database)) == 2
    assert revisions(database) == {"b"}

    project.downgrade("a")

    assert indexes(database) == {"ix": Seen(A, "valid", built_by("a"))}
    assert revisions(database) == {"a"}


def test_a_tag_that_was_edited(database: Database, project: Project) -> None:
    project.upgrade()
    execute(database, "COMMENT ON INDEX ix IS 'alembic_index_ops: replaced by b: {\"name\": 1}'")

    with pytest.raises(ReplaceRefusedError) as unreadable:
        project.downgrade("a")

    assert str(unreadable.value).startswith(
        'index "ix" on "public"."t": its tag of revision b cannot be read (no stored definition of'
        " an index: "
    )
    assert indexes(database)["ix"][:2] == (DESC, "valid")


def test_a_tag_that_is_gone(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade()
    execute(database, "COMMENT ON INDEX ix IS 'written by hand'")

    project.downgrade("a")

    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        'index "ix" on "public"."t" stays as it is: its comment does not tell what revision b'
        " replaced. An earlier run has restored it, or the comment was changed; if this is not the"
        " definition you want, use op.replace_index"
    ]
    assert indexes(database)["ix"] == Seen(DESC, "valid", "written by hand")


def test_an_index_that_was_found_as_it_is(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade("a")
    execute(database, "DROP INDEX ix", "CREATE INDEX ix ON t (a DESC, b)")
    project.upgrade()

    project.downgrade("a")

    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == []
    assert indexes(database)["ix"][:2] == (DESC, "valid")
