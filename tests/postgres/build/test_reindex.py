"""Rebuilding indexes in place."""

from __future__ import annotations

import pytest

from alembic_index_ops import (
    ArgumentError,
    DrainTimeoutError,
    DuplicateKeysError,
    IndexNotFoundError,
    TableNotFoundError,
    UnsupportedError,
)
from alembic_index_ops.build import reindex
from tests.observe import eventually, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, fail_building, in_transaction


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
        "CREATE INDEX ix ON t (a)",
        "CREATE INDEX iy ON t (b)",
        "COMMENT ON INDEX ix IS 'ours'",
    )


def files(database: Database, *names: str) -> list[int]:
    """The files behind indexes: another one after each rebuild."""
    return [
        rows(database, f"SELECT pg_relation_filenode('{name}'::regclass)")[0][0] for name in names
    ]


def invalidate(database: Database, name: str) -> None:
    execute(
        database,
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
    )


def test_one_index(database: Database, project: Project) -> None:
    before, found = files(database, "ix", "iy"), indexes(database)
    project.revision("a", 'op.reindex_concurrently("ix")')

    project.upgrade()

    now = files(database, "ix", "iy")
    assert now[0] != before[0]
    assert now[1] == before[1]
    assert indexes(database) == found


@pytest.mark.parametrize("which", ['table_name="t"', 'schema="public"'])
def test_all_of_a_table_or_a_schema(database: Database, project: Project, which: str) -> None:
    before = files(database, "ix", "iy")
    project.revision("a", f"op.reindex_concurrently({which})")

    project.upgrade()

    assert not set(before) & set(files(database, "ix", "iy"))


def test_an_invalid_one_becomes_valid(database: Database, project: Project) -> None:
    invalidate(database, "ix")
    project.revision("a", 'op.reindex_concurrently(table_name="t")')

    project.upgrade()

    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "ix": "valid",
        "iy": "valid",
    }


@pytest.mark.parametrize("name", ["ix_ccnew", "ix_ccold", "ix_ccnew1"])
def test_what_an_earlier_reindex_left_is_dropped(
    database: Database, project: Project, name: str
) -> None:
    execute(database, f"CREATE INDEX {name} ON t (a)")
    invalidate(database, name)
    project.revision("a", 'op.reindex_concurrently("ix")')

    project.upgrade()

    assert set(indexes(database)) == {"ix", "iy"}


LONG = "ä" * 31
CUT = "ä" * 28


@pytest.mark.parametrize("name", [f"{CUT}_ccnew", f"{CUT}_ccold1"])
def test_of_a_name_that_was_cut_to_63_bytes_too(
    database: Database, project: Project, name: str
) -> None:
    execute(database, f"ALTER INDEX ix RENAME TO {LONG}", f"CREATE INDEX {name} ON t (a)")
    invalidate(database, name)
    project.revision("a", f'op.reindex_concurrently("{LONG}")')

    project.upgrade()

    assert set(indexes(database)) == {LONG, "iy"}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("unrelated_ccnew", "a"),  # there is no index "unrelated"
        ("ix_ccnew", "b"),  # "ix" has another definition
        ("i_ccnew", "a"),  # "i" is how "ix" starts, and not how it would be cut
    ],
)
def test_what_no_reindex_made_is_left_and_told_of(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    name: str,
    column: str,
) -> None:
    execute(database, f"CREATE INDEX {name} ON t ({column})")
    invalidate(database, name)
    found = indexes(database)
    project.revision("a", 'op.reindex_concurrently(table_name="t")')

    project.upgrade()

    assert indexes(database) == found
    assert (
        f'index "{name}" on "public"."t" (INVALID, ready: writes maintain it, no query uses it)'
        " looks like a leftover of an earlier build, but nothing proves it, so it is left alone. If"
        f' nobody needs it, run DROP INDEX CONCURRENTLY on "{name}".'
    ) in caplog.messages


def test_one_of_such_a_name_is_rebuilt_when_it_is_named(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX unrelated_ccnew ON t (a)")
    invalidate(database, "unrelated_ccnew")
    project.revision("a", 'op.reindex_concurrently("unrelated_ccnew")')

    project.upgrade()

    assert indexes(database)["unrelated_ccnew"].state == "valid"


def test_a_valid_one_of_such_a_name_is_an_index(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix_ccnew ON t (a)")
    project.revision("a", 'op.reindex_concurrently("ix")')

    project.upgrade()

    assert set(indexes(database)) == {"ix", "iy", "ix_ccnew"}


def test_an_old_snapshot_past_the_budget(database: Database, project: Project) -> None:
    project.revision("a", 'op.reindex_concurrently("ix")')

    with in_transaction(database, "SELECT 1 FROM t", isolation="REPEATABLE READ") as reader:
        pid = reader.info.backend_pid
        with pytest.raises(DrainTimeoutError) as spent:
            project.upgrade("heads", "index_ops.drain_timeout=1s")

    assert str(spent.value).startswith(
        'index "ix" on "public"."t" was not reindexed: older transactions did not end within'
        " drain_timeout (1 s). The index serves as before."
    )
    assert f"\nIt waited for pid {pid} (" in str(spent.value)
    project.upgrade()
    assert set(indexes(database)) == {"ix", "iy"}


def test_killed_in_the_middle_and_run_again(database: Database, project: Project) -> None:
    project.revision("a", 'op.reindex_concurrently("ix")')
    with in_transaction(database, "SELECT 1 FROM t", isolation="REPEATABLE READ"):
        process = project.start("upgrade", "head")
        pid = backend_running(database, "REINDEX INDEX CONCURRENTLY%")
        eventually(lambda: "ix_ccnew" in indexes(database))
        process.kill()
        process.communicate()
        execute(database, f"SELECT pg_terminate_backend({pid})")
    found = indexes(database)
    assert found["ix"].state == "valid"

    project.upgrade()

    assert set(indexes(database)) == {"ix", "iy"}


def test_an_invalid_unique_one_over_duplicates(database: Database, project: Project) -> None:
    execute(database, "INSERT INTO t VALUES (7, 0), (7, 1)")
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY uq ON t (a)")
    project.revision("a", 'op.reindex_concurrently("uq")')

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert str(duplicates.value) == (
        'index "uq" on "public"."t" was not reindexed: the rows hold duplicates of its key: could'
        ' not create unique index "uq_ccnew" (Key (a)=(7) is duplicated.). The index is INVALID,'
        " as it was before.\nDuplicates, these:\n  (7): 3 rows\n"
        "Remove the duplicates, then run the migration again."
    )
    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "ix": "valid",
        "iy": "valid",
        "uq": "INVALID",
    }
    execute(database, "DELETE FROM t WHERE b < 2")
    project.upgrade()
    assert indexes(database)["uq"].state == "valid"


def test_duplicates_that_are_not_to_be_shown(database: Database, project: Project) -> None:
    execute(database, "INSERT INTO t VALUES (7, 0), (7, 1)")
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY uq ON t (a)")
    project.revision("a", 'op.reindex_concurrently("uq", show_duplicates=False)')

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert str(duplicates.value) == (
        'index "uq" on "public"."t" was not reindexed: the rows hold duplicates of its key. The'
        " index is INVALID, as it was before.\n"
        "Remove the duplicates, then run the migration again."
    )
    assert duplicates.value.__cause__ is None


@pytest.mark.parametrize(
    ("which", "what"), [('"ix"', 'index "ix" on "public"."t"'), ('table_name="t"', '"public"."t"')]
)
@pytest.mark.parametrize("meanwhile", ["ALTER TABLE t RENAME TO other", "DROP TABLE t"])
def test_a_table_that_goes_while_it_is_waited_for(
    database: Database, project: Project, which: str, what: str, meanwhile: str
) -> None:
    project.revision("a", f"op.reindex_concurrently({which})")

    with (
        in_transaction(database, meanwhile) as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("COMMIT")

    error = upgrade.exception()
    assert isinstance(error, TableNotFoundError)
    assert str(error) == (
        f"{what}: the table was renamed or dropped meanwhile. Nothing was changed; correct the"
        " migration, or run it again."
    )
    assert revisions(database) == set()


def test_an_exclusion_constraint_is_left_out(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "ALTER TABLE t ADD CONSTRAINT ex EXCLUDE USING btree (a WITH =)")
    project.revision("a", 'op.reindex_concurrently(table_name="t")')

    project.upgrade()

    assert (
        'index "ex" on "public"."t": not reindexed, it serves an exclusion constraint'
        in caplog.messages
    )


def test_one_that_is_not_there(project: Project) -> None:
    project.revision("a", 'op.reindex_concurrently("nothing")')

    with pytest.raises(IndexNotFoundError) as missing:
        project.upgrade()

    assert str(missing.value) == (
        'index "nothing" does not exist on the search path. Nothing was changed; correct the name,'
        " or say schema=."
    )


def test_nothing_named(project: Project) -> None:
    project.revision("a", "op.reindex_concurrently()")

    with pytest.raises(ArgumentError) as nothing:
        project.upgrade()

    assert str(nothing.value) == (
        "reindex_concurrently: name an index, a table (table_name=) or a schema (schema=)"
    )


@pytest.mark.parametrize("version", [(14, 0), (14, 3)])
def test_servers_that_corrupt(version: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedError, match="can leave a corrupt index"):
        reindex.refuse_corrupting_version(version)


@pytest.mark.parametrize("version", [(14, 4), (13, 0), (15, 0), (18, 1)])
def test_servers_that_do_not(version: tuple[int, int]) -> None:
    reindex.refuse_corrupting_version(version)
