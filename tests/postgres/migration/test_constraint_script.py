"""`--sql` of a UNIQUE constraint: run by psql's rules, twice, and after being cut off."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.migration.scripts import diagnose, run, script
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction, running

CREATE = 'op.create_unique_constraint_concurrently("uq", "t", ["a"], comment="once")'
DROP = 'op.drop_unique_constraint_concurrently("uq", "t")'
UNIQUE = "CREATE UNIQUE INDEX uq ON public.t USING btree (a)"
MADE = {"uq": Seen(UNIQUE, "valid", f"once\n{built_by('r2')}")}
CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 't'::regclass AND contype IN ('u', 'p', 'c')
"""
READER = "SELECT FROM t LIMIT 1"
BUILT = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('iu')"
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DO %'
"""


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int NOT NULL, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )
    project.revision("r1", "pass")
    project.upgrade()
    project.revision("r2", CREATE, DROP)


@pytest.fixture
def upgrade(project: Project, table: None) -> list[str]:
    return script(project, "upgrade", "r1:r2")


@pytest.fixture
def downgrade(project: Project, table: None) -> list[str]:
    return script(project, "downgrade", "r2:r1")


def test_there_and_back_each_twice(
    database: Database, upgrade: list[str], downgrade: list[str]
) -> None:
    for _ in range(2):
        assert run(database, upgrade) == []
        assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
        assert indexes(database) == MADE
        assert revisions(database) == {"r2"}

    for _ in range(2):
        assert run(database, downgrade) == []
        assert rows(database, CONSTRAINTS) == []
        assert indexes(database) == {}
        assert revisions(database) == {"r1"}


def test_cut_after_any_statement_it_can_be_run_again(
    database: Database, upgrade: list[str], downgrade: list[str]
) -> None:
    for length in range(1, len(upgrade)):
        run(database, upgrade[:length])
        assert run(database, upgrade) == []
        assert (indexes(database), revisions(database)) == (MADE, {"r2"})

        run(database, downgrade[: length % len(downgrade)])
        assert run(database, downgrade) == []
        assert (indexes(database), revisions(database)) == ({}, {"r1"})


@pytest.mark.parametrize(
    ("options", "definition"),
    [
        ('include=["b"]', "UNIQUE (a) INCLUDE (b)"),
        ('initially="DEFERRED"', "UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"),
        ("deferrable=True", "UNIQUE (a) DEFERRABLE"),
    ],
)
def test_its_options(database: Database, project: Project, options: str, definition: str) -> None:
    project.revision("r2", CREATE.replace(")", f", {options})"), DROP, down="r1")
    statements = script(project, "upgrade", "r1:r2")

    for _ in range(2):
        assert run(database, statements) == []
        assert rows(database, CONSTRAINTS) == [("uq", definition)]


def test_odd_names(database: Database, project: Project) -> None:
    execute(
        database,
        'CREATE SCHEMA "My $ops$"',
        'CREATE TABLE "My $ops$"."T {x} %s" ("a b" int)',
    )
    names = "'uq \\'{index}\\' %', 'T {x} %s'"
    project.revision(
        "r2",
        f"op.create_unique_constraint_concurrently({names}, [key('a b')], schema='My $ops$')",
        f"op.drop_unique_constraint_concurrently({names}, schema='My $ops$')",
        down="r1",
    )

    assert run(database, script(project, "upgrade", "r1:r2")) == []
    assert indexes(database)["My $ops$.uq '{index}' %"].state == "valid"
    assert run(database, script(project, "downgrade", "r2:r1")) == []
    assert indexes(database) == {}


def test_duplicates_stop_it_unstamped_and_a_later_run_ends_right(
    database: Database, upgrade: list[str]
) -> None:
    execute(database, "INSERT INTO t VALUES (7, 0)")

    errors = run(database, upgrade)

    assert errors[0].startswith('could not create unique index "uq_building_')
    assert indexes(database) == {}
    assert revisions(database) == {"r1"}
    execute(database, "DELETE FROM t WHERE b = 0")
    assert run(database, upgrade) == []
    assert (indexes(database), revisions(database)) == (MADE, {"r2"})


def test_a_finished_build_aside_is_taken(database: Database, upgrade: list[str]) -> None:
    built = next(n for n, line in enumerate(upgrade) if line.startswith("CREATE UNIQUE INDEX"))
    run(database, upgrade[: built + 1])
    [(aside, _)] = indexes(database).items()
    oid = rows(database, f"SELECT '{aside}'::regclass::oid")

    assert run(database, upgrade) == []

    assert rows(database, "SELECT 'uq'::regclass::oid") == oid


def test_the_same_constraint_of_another_hand_is_adopted_and_kept(
    database: Database, upgrade: list[str], downgrade: list[str]
) -> None:
    execute(database, "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a)")

    for _ in range(2):
        assert run(database, upgrade) == []
        assert indexes(database) == {"uq": Seen(UNIQUE, "valid", adopted_by("r2"))}

    for _ in range(2):
        assert run(database, downgrade) == []
        assert indexes(database) == {"uq": Seen(UNIQUE, "valid", None)}
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
    assert revisions(database) == {"r1"}


@pytest.mark.parametrize(
    ("before", "error"),
    [
        (
            "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (b)",
            f'index "uq" has another definition: {UNIQUE.replace("(a)", "(b)")}',
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a) DEFERRABLE",
            'constraint "uq" has another definition: UNIQUE (a) DEFERRABLE',
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT uq PRIMARY KEY (a)",
            '"uq" is no UNIQUE constraint of this table; nothing was changed',
        ),
        (
            "CREATE UNIQUE INDEX uq ON t (a)",
            '"uq" is no UNIQUE constraint of this table; nothing was changed',
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT uq CHECK (a > 0)",
            '"uq" is another constraint of this table; nothing was changed',
        ),
        ("CREATE TABLE uq ()", '"uq" is no index of this table; nothing was changed'),
    ],
)
def test_what_else_has_the_name_stops_it_unstamped(
    database: Database, upgrade: list[str], before: str, error: str
) -> None:
    execute(database, before)
    found = indexes(database), rows(database, CONSTRAINTS)

    assert run(database, upgrade)[0] == error

    assert {name for name in indexes(database) if "building" not in name} == set(found[0])
    assert rows(database, CONSTRAINTS) == found[1]
    assert revisions(database) == {"r1"}


def test_a_partitioned_table_stops_it_unstamped(database: Database, upgrade: list[str]) -> None:
    execute(database, "DROP TABLE t", "CREATE TABLE t (a int) PARTITION BY RANGE (a)")

    first, *_ = diagnose(database, upgrade)

    assert first.message_primary == (
        'constraint "uq": its table is no ordinary one; nothing was changed'
    )
    assert first.message_hint == "Use op.create_unique_constraint."
    assert revisions(database) == {"r1"}


@pytest.mark.parametrize(
    "stands",
    [
        "CREATE TABLE r (a int CONSTRAINT fk REFERENCES t (a))",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX uq",
    ],
)
def test_what_others_stand_on_is_not_dropped(
    database: Database, upgrade: list[str], downgrade: list[str], stands: str
) -> None:
    run(database, upgrade)
    execute(database, stands)

    first, *_ = diagnose(database, downgrade)

    assert first.message_primary == (
        'foreign keys point at constraint "uq", or it is the replica identity'
    )
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
    assert revisions(database) == {"r2"}


def test_an_index_that_is_no_constraint_is_not_dropped(
    database: Database, downgrade: list[str]
) -> None:
    execute(
        database,
        "CREATE UNIQUE INDEX uq ON t (a)",
        "UPDATE alembic_version SET version_num = 'r2'",
    )

    assert run(database, downgrade)[0] == (
        '"uq" is no UNIQUE constraint of this table; nothing was changed'
    )
    assert set(indexes(database)) == {"uq"}
    assert revisions(database) == {"r2"}


def test_one_that_is_gone_already(database: Database, downgrade: list[str]) -> None:
    execute(database, "UPDATE alembic_version SET version_num = 'r2'")

    assert run(database, downgrade) == []

    assert revisions(database) == {"r1"}


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_it_tries_until_a_reader_has_gone_and_stalls_nobody_for_long(
    database: Database, upgrade: list[str], downgrade: list[str], direction: str
) -> None:
    if direction == "downgrade":
        run(database, upgrade)
    statements = upgrade if direction == "upgrade" else downgrade
    longest = 0.0

    with ThreadPoolExecutor(1) as pool, in_transaction(database, READER) as reader:
        done = pool.submit(run, database, statements)
        eventually(lambda: done.done() or rows(database, WAITING))
        with database.connect() as other:
            for _ in range(50):
                began = time.monotonic()
                other.execute(READER)
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.03)
        assert not done.done()
        reader.execute("COMMIT")
        assert done.result(20) == []

    assert longest < 0.5
    assert rows(database, CONSTRAINTS) == ([("uq", "UNIQUE (a)")] if direction == "upgrade" else [])


def test_no_snapshot_is_held_between_the_tries(
    database: Database, upgrade: list[str], downgrade: list[str]
) -> None:
    """A build on another table ends meanwhile: it waits for older snapshots."""
    run(database, upgrade)
    execute(database, "CREATE TABLE u AS SELECT 1 AS a")

    with ThreadPoolExecutor(1) as pool, in_transaction(database, READER) as reader:
        done = pool.submit(run, database, downgrade)
        eventually(lambda: done.done() or rows(database, WAITING))
        with running(database, "CREATE INDEX CONCURRENTLY iu ON u (a)"):
            eventually(lambda: rows(database, BUILT) == [(True,)])
        assert not done.done()
        reader.execute("COMMIT")
        assert done.result(20) == []


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_past_its_budget_it_is_not_stamped_and_a_later_run_ends_right(
    database: Database, project: Project, upgrade: list[str], direction: str
) -> None:
    if direction == "downgrade":
        run(database, upgrade)
    budget = 'lock_timeout="1s", stall_timeout="50ms"'
    project.revision(
        "r2",
        # What drops the build aside waits for the reader too.
        CREATE.replace(")", f', {budget}, drain_timeout="1s")'),
        DROP.replace(")", f", {budget})"),
        down="r1",
    )
    range_ = "r1:r2" if direction == "upgrade" else "r2:r1"
    statements = script(project, direction, range_)
    before = revisions(database)

    with in_transaction(database, READER) as reader:
        first, *_ = diagnose(database, statements)
        pid = reader.info.backend_pid

    deed = "added" if direction == "upgrade" else "dropped"
    assert first.message_primary == (
        f'constraint "uq" was not {deed}: the lock of its table was not to be had in tries of'
        " 0.05 s within lock_timeout (1 s)"
    )
    assert first.message_hint == (
        f"In use by pid {pid}. Run this script again when those have ended."
    )
    assert revisions(database) == before
    assert run(database, statements) == []
    assert revisions(database) == {range_[3:]}
