"""`--sql` of the operations that change an index, or stand on one: run, twice, and after a cut."""

from __future__ import annotations

import pytest

from tests.observe import execute, indexes, revisions, rows
from tests.postgres.migration.scripts import diagnose, run, script
from tests.projects import Project
from tests.servers import Database

REINDEXES = ['"ix"', 'table_name="t"', 'schema="public"']


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
        "CREATE INDEX ix ON t (a)",
    )
    project.revision("r1", "pass")
    project.upgrade()


def reindex(project: Project, which: str) -> list[str]:
    project.revision("r2", f"op.reindex_concurrently({which})", down="r1")
    return script(project, "upgrade", "r1:r2")


def invalidate(database: Database, name: str) -> None:
    execute(
        database,
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
    )


@pytest.mark.parametrize("which", REINDEXES)
def test_a_reindex_rebuilds_and_stamps_each_time(
    database: Database, project: Project, which: str
) -> None:
    statements = reindex(project, which)
    oids = [rows(database, "SELECT 'ix'::regclass::oid")]

    for _ in range(2):
        assert run(database, statements) == []
        oids.append(rows(database, "SELECT 'ix'::regclass::oid"))

    assert len(set(map(tuple, oids))) == 3
    assert revisions(database) == {"r2"}


@pytest.mark.parametrize("which", REINDEXES)
def test_a_reindex_that_failed_is_not_stamped(
    database: Database, project: Project, which: str
) -> None:
    statements = reindex(project, which)
    without = [line for line in statements if not line.startswith("REINDEX")]

    (error,) = run(database, without)

    assert error.endswith(" was not reindexed: the revision is not stamped")
    assert revisions(database) == {"r1"}


@pytest.mark.parametrize("which", REINDEXES)
def test_the_check_alone_stamps_nothing(database: Database, project: Project, which: str) -> None:
    statements = reindex(project, which)
    stamp = statements.index("BEGIN") if statements[0] != "BEGIN" else statements.index("BEGIN", 1)

    assert len(run(database, statements[stamp:])) == 1

    assert revisions(database) == {"r1"}


@pytest.mark.parametrize("which", REINDEXES[1:])
def test_an_invalid_index_stops_the_reindex_of_all_unstamped(
    database: Database, project: Project, which: str
) -> None:
    execute(database, 'CREATE INDEX "i Y" ON t (b)')
    invalidate(database, '"i Y"')
    statements = reindex(project, which)

    first, *_ = diagnose(database, statements)

    assert first.message_primary == (
        'INVALID indexes that this REINDEX would leave so: public."i Y"'
    )
    assert first.message_hint == (
        'Run REINDEX INDEX CONCURRENTLY public."i Y"; Then run this script again. (Wait for what is'
        " being built.)"
    )
    assert revisions(database) == {"r1"}
    execute(database, 'REINDEX INDEX CONCURRENTLY public."i Y"')
    assert run(database, statements) == []
    assert revisions(database) == {"r2"}


def test_an_invalid_index_that_is_named_is_repaired(database: Database, project: Project) -> None:
    invalidate(database, "ix")

    assert run(database, reindex(project, '"ix"')) == []

    assert indexes(database)["ix"].state == "valid"


@pytest.mark.parametrize("which", REINDEXES)
@pytest.mark.parametrize("suffix", ["ccnew", "ccold2"])
def test_what_a_reindex_left_is_named_with_its_drop(
    database: Database, project: Project, which: str, suffix: str
) -> None:
    execute(database, f"CREATE INDEX ix_{suffix} ON t (a)")
    invalidate(database, f"ix_{suffix}")
    statements = reindex(project, which)

    first, *_ = diagnose(database, statements)

    assert first.message_primary == (
        f"INVALID indexes that this REINDEX would leave so: public.ix_{suffix}"
    )
    assert str(first.message_hint).startswith(
        f"Run DROP INDEX CONCURRENTLY public.ix_{suffix}; Then run this script again."
    )
    assert revisions(database) == {"r1"}
    execute(database, f"DROP INDEX CONCURRENTLY ix_{suffix}")
    assert run(database, statements) == []
    assert revisions(database) == {"r2"}


def test_what_a_cut_reindex_leaves_behind_is_not_stamped_over(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX iy_ccnew ON t (b)")
    statements = reindex(project, 'table_name="t"')
    stamp = next(n for n, line in enumerate(statements) if line.startswith("UPDATE"))
    spoil = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'iy_ccnew'::regclass"

    errors = run(database, [*statements[:stamp], spoil, *statements[stamp:]])

    assert errors == ["INVALID indexes are left, the revision is not stamped: public.iy_ccnew"]
    assert revisions(database) == {"r1"}


def test_another_invalid_index_of_the_table_is_not_that_of_one(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX iy_ccnew ON t (b)")
    invalidate(database, "iy_ccnew")

    assert run(database, reindex(project, '"ix"')) == []

    assert revisions(database) == {"r2"}


@pytest.mark.parametrize(
    ("which", "missing"),
    [
        ('"no"', 'index "no"'),
        ('table_name="no", schema="public"', 'table "public"."no"'),
        ('schema="no"', 'schema "no"'),
    ],
)
def test_what_is_not_there_is_not_reindexed(
    database: Database, project: Project, which: str, missing: str
) -> None:
    errors = run(database, reindex(project, which))

    assert errors[0] == f"{missing} does not exist; nothing was changed"
    assert revisions(database) == {"r1"}


PARTS = ("p_1_a_idx", "p_2_a_idx")


def make_partitioned(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
        "CREATE INDEX ip ON p (a)",
    )


def test_a_partitioned_index_is_reindexed_part_by_part(
    database: Database, project: Project
) -> None:
    make_partitioned(database)
    invalidate(database, "p_2_a_idx")
    before = [rows(database, f"SELECT '{part}'::regclass::oid") for part in PARTS]

    assert run(database, reindex(project, '"ip"')) == []

    assert {indexes(database)[part].state for part in PARTS} == {"valid"}
    after = [rows(database, f"SELECT '{part}'::regclass::oid") for part in PARTS]
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True]
    assert revisions(database) == {"r2"}


def test_a_partitioned_index_whose_parts_were_not_rebuilt_is_not_stamped(
    database: Database, project: Project
) -> None:
    make_partitioned(database)
    statements = reindex(project, '"ip"')

    (error,) = run(database, [line for line in statements if not line.startswith("REINDEX")])

    assert error.endswith(" was not reindexed: the revision is not stamped")
    assert revisions(database) == {"r1"}


def test_a_partitioned_table_is_reindexed_with_all_its_parts(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (9)",
        "CREATE INDEX ip ON p (a)",
    )
    part = "SELECT 'p_1_a_idx'::regclass::oid"
    before = rows(database, part)
    statements = reindex(project, 'table_name="p"')

    assert run(database, statements) == []

    assert rows(database, part) != before
    assert revisions(database) == {"r2"}
    invalidate(database, "p_1_a_idx")
    assert run(database, statements)[0] == (
        "INVALID indexes that this REINDEX would leave so: public.p_1_a_idx"
    )


@pytest.mark.parametrize("version", ["140000", "140003"])
def test_a_script_refuses_servers_that_corrupt(
    database: Database, project: Project, version: str
) -> None:
    statements = reindex(project, '"ix"')
    asked = "current_setting('server_version_num')"
    guard = next(n for n, line in enumerate(statements) if asked in line)
    statements[guard] = statements[guard].replace(asked, f"'{version}'")

    first, *_ = diagnose(database, statements)

    assert str(first.message_primary).endswith(" can leave a corrupt index")
    assert first.message_hint == "Update the server first (fixed in 14.4)."
    assert revisions(database) == {"r1"}
