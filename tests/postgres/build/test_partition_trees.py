"""Indexes of partitioned tables, three levels deep, built leaf by leaf."""

from __future__ import annotations

import pytest

from alembic_index_ops import (
    LockTimeoutError,
    define_index,
)
from alembic_index_ops.build.naming import aside_names
from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction, is_running

UP, DOWN = 'op.create_desc_index("ix", "e", ["b DESC"])', 'op.drop_concurrent_index("ix", "e")'
LEAVES = ["e_a_1", "e_a_2", "e_b", "e_c"]
OURS = {"ix", "ix_e_a", *(f"ix_{leaf}" for leaf in LEAVES)}

ATTACHED = """
SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('i', 'I') ORDER BY 1
"""


@pytest.fixture(autouse=True)
def tree(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE e (a int, b int) PARTITION BY RANGE (a)",
        "CREATE TABLE e_a PARTITION OF e FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (b)",
        "CREATE TABLE e_a_1 PARTITION OF e_a FOR VALUES FROM (0) TO (3000)",
        "CREATE TABLE e_a_2 PARTITION OF e_a FOR VALUES FROM (3000) TO (9000)",
        "CREATE TABLE e_b PARTITION OF e FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE e_c PARTITION OF e FOR VALUES FROM (20) TO (30)",
        "INSERT INTO e SELECT 10 * (i % 3), i FROM generate_series(0, 8999) i",
    )
    project.revision("a", UP, DOWN)


def states(database: Database) -> dict[str, str]:
    return {name: seen.state for name, seen in indexes(database).items()}


def is_desc_everywhere(database: Database) -> bool:
    query = "SELECT bool_and(indoption[0] = 3) FROM pg_index WHERE indexrelid::regclass::text"
    return bool(rows(database, f"{query} ~ '^ix'")[0][0])


def test_there_and_back(database: Database, project: Project) -> None:
    project.upgrade()
    assert states(database) == dict.fromkeys(OURS, "valid")
    assert is_desc_everywhere(database)
    assert {seen.comment for seen in indexes(database).values()} == {built_by("a")}

    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize("workers", [1, 3])
def test_with_several_workers(database: Database, project: Project, workers: int) -> None:
    project.upgrade("heads", f"index_ops.workers={workers}")

    assert states(database) == dict.fromkeys(OURS, "valid")


def test_what_a_leaf_has_already_is_taken_in_and_given_back(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)", "COMMENT ON INDEX mine IS 'kept'")
    before = indexes(database)

    project.upgrade()
    assert set(indexes(database)) == OURS - {"ix_e_b"} | {"mine"}
    assert indexes(database)["mine"].comment == f"kept\n{adopted_by('a')}"

    project.downgrade()
    assert indexes(database) == before


def test_what_a_middle_level_has_already_is_taken_in_and_given_back(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_a (b DESC)", "COMMENT ON INDEX mine IS 'kept'")
    before, attached = indexes(database), rows(database, ATTACHED)

    project.upgrade()
    taken = {"mine", "e_a_1_b_idx", "e_a_2_b_idx"}
    assert set(indexes(database)) == taken | {"ix", "ix_e_b", "ix_e_c"}
    assert indexes(database)["mine"].comment == f"kept\n{adopted_by('a')}"

    project.downgrade()
    assert indexes(database) == before
    assert rows(database, ATTACHED) == attached


@pytest.mark.parametrize(
    "wrong",
    [
        "CREATE INDEX wrong ON e_b (b)",
        "CREATE INDEX wrong ON e_b (b DESC NULLS LAST)",
        "CREATE INDEX wrong ON e_b (b DESC) WHERE b > 5",
        "CREATE INDEX wrong ON e_b (b DESC) INCLUDE (a)",
        "CREATE UNIQUE INDEX wrong ON e_b (b DESC)",
    ],
)
def test_another_index_of_a_leaf_stays_beside_ours(
    database: Database, project: Project, wrong: str
) -> None:
    execute(database, wrong)

    project.upgrade()

    assert set(indexes(database)) == OURS | {"wrong"}
    assert is_desc_everywhere(database)


def test_an_attached_invalid_leaf_is_repaired(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE INDEX ix ON ONLY e (b DESC)",
        "CREATE INDEX mine ON e_b (b DESC)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'mine'::regclass",
        "ALTER INDEX ix ATTACH PARTITION mine",
    )

    project.upgrade()

    assert set(states(database).values()) == {"valid"}
    assert indexes(database)["ix"].comment == adopted_by("a")


def test_a_leaf_that_a_cut_run_built_and_did_not_name(database: Database, project: Project) -> None:
    wished = define_index("ix_e_b", "e_b", ["b DESC"], schema="public")
    aside = next(aside_names(wished))
    execute(database, f'CREATE INDEX "{aside}" ON e_b (b DESC)')
    oid = rows(database, f"""SELECT '"{aside}"'::regclass::oid""")

    project.upgrade()

    assert states(database) == dict.fromkeys(OURS, "valid")
    assert rows(database, "SELECT 'ix_e_b'::regclass::oid") == oid


@pytest.mark.parametrize("left", ["ix_e_b_replaced_01234567", "mine_ccnew", "mine_ccold1"])
def test_what_a_cut_run_left_on_a_leaf_that_has_its_part_is_dropped(
    database: Database, project: Project, left: str
) -> None:
    execute(
        database,
        "CREATE INDEX ix ON ONLY e (b DESC)",
        "CREATE INDEX mine ON e_b (b DESC)",
        "ALTER INDEX ix ATTACH PARTITION mine",
        f'CREATE INDEX "{left}" ON e_b (b DESC)',
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{left}'::regclass",
    )

    project.upgrade()

    assert states(database) == dict.fromkeys(OURS - {"ix_e_b"} | {"mine"}, "valid")


def test_cut_in_the_middle_and_run_again(database: Database, project: Project) -> None:
    with in_transaction(database, "INSERT INTO e_b VALUES (11, 1)"):
        process = project.start("upgrade", "head")
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_b%")
        process.kill()
        process.communicate()
        execute(database, f"SELECT pg_terminate_backend({pid})")
        eventually(lambda: not is_running(database, pid))
    assert states(database)["ix"] == "INVALID"
    assert revisions(database) == set()

    project.upgrade()

    assert states(database) == dict.fromkeys(OURS, "valid")
    assert revisions(database) == {"a"}


def test_cut_in_the_middle_and_taken_back(database: Database, project: Project) -> None:
    project.upgrade()
    project.downgrade()
    with in_transaction(database, "INSERT INTO e_c VALUES (21, 1)"):
        process = project.start("upgrade", "head")
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_c%")
        process.kill()
        process.communicate()
        execute(database, f"SELECT pg_terminate_backend({pid})")
        eventually(lambda: not is_running(database, pid))
    execute(database, "INSERT INTO alembic_version VALUES ('a')")

    project.downgrade()

    assert indexes(database) == {}


def test_a_partition_that_is_added_meanwhile(database: Database, project: Project) -> None:
    with in_transaction(database, "INSERT INTO e_c VALUES (21, 1)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_c%")
        execute(
            database,
            "CREATE TABLE e_d (a int, b int)",
            "INSERT INTO e_d SELECT 30, i FROM generate_series(1, 5000) i",
            "CREATE INDEX ascending ON e_d (b)",
        )
    out, _ = process.communicate()
    assert process.returncode == 0, out
    execute(database, "ALTER TABLE e ATTACH PARTITION e_d FOR VALUES FROM (30) TO (40)")

    project.downgrade()
    project.upgrade()

    assert set(indexes(database)) == OURS | {"ix_e_d", "ascending"}
    assert set(states(database).values()) == {"valid"}
    assert is_desc_everywhere(database)


def test_a_reader_of_a_leaf_delays_the_drop_and_nobody_queues_behind_it(
    database: Database, project: Project
) -> None:
    project.upgrade()
    built = indexes(database)

    with (
        in_transaction(database, "SELECT * FROM e_b LIMIT 1"),
        pytest.raises(LockTimeoutError) as locked,
    ):
        project.downgrade("base", "index_ops.lock_timeout=1s")

    assert "its ACCESS EXCLUSIVE lock was not to be had in tries of 0.1 s" in str(locked.value)
    assert indexes(database) == built
    project.downgrade()
    assert indexes(database) == {}


def test_long_names(database: Database, project: Project) -> None:
    name = "ix_" + "é" * 25
    execute(database, f'ALTER TABLE e_c RENAME TO "{"ü" * 30}"')
    project.revision(
        "a",
        f'op.create_concurrent_index("{name}", "e", ["b"])',
        f'op.drop_concurrent_index("{name}", "e")',
        down=None,
    )

    project.upgrade()
    assert len(indexes(database)) == 6
    assert set(states(database).values()) == {"valid"}

    project.downgrade()
    assert indexes(database) == {}


def test_what_is_there_already_is_adopted(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix ON e (b DESC)")
    before = indexes(database)

    project.upgrade()
    assert indexes(database) == before | {
        "ix": Seen(before["ix"].definition, "valid", adopted_by("a"))
    }

    project.downgrade()
    assert indexes(database) == before


@pytest.mark.parametrize("rows_", [0, 9000])
@pytest.mark.parametrize("concurrently", ['"auto"', "False"])
def test_what_another_revision_made_on_a_leaf_outlives_the_downgrade(
    database: Database, project: Project, concurrently: str, rows_: int
) -> None:
    if not rows_:
        execute(database, "TRUNCATE e")
    project.revision(
        "a",
        'op.create_desc_index("leaf", "e_b", ["b DESC"])',
        'op.drop_concurrent_index("leaf", "e_b")',
        down=None,
    )
    project.revision(
        "b",
        UP.replace(")", f", concurrently={concurrently})"),
        DOWN.replace(")", f", concurrently={concurrently})"),
        down="a",
    )
    execute(database, "CREATE INDEX mine ON e_c (b DESC)", "COMMENT ON INDEX mine IS 'keep'")
    project.upgrade("a")
    before = indexes(database)

    project.upgrade()
    assert set(states(database).values()) == {"valid"}
    project.downgrade("a")

    assert indexes(database) == before


def test_what_this_revision_built_on_a_partition_goes_with_the_rest(
    database: Database, project: Project
) -> None:
    """A script's way: each partition, then the parent, which takes them for its parts."""
    execute(
        database,
        "CREATE TABLE p (b int) PARTITION BY LIST (b)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    )
    project.revision(
        "parts",
        'op.create_concurrent_index("p1_b", "p1", ["b"])\n'
        'op.create_concurrent_index("p_b", "p", ["b"], concurrently=False)',
        'op.drop_concurrent_index("p_b", "p", concurrently=False)',
        down=None,
    )

    project.upgrade("parts")
    assert indexes(database)["p1_b"].comment == built_by("parts")
    project.downgrade("parts@base")

    assert {name for name in indexes(database) if name.startswith("p")} == set()
