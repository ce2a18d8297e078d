"""A partitioned table is indexed while others lock, drop and attach its partitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from alembic_index_ops import LockTimeoutError
from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, rows
from tests.postgres.build.trees import ATTACHED, CREATE, OLD, definition, make_table
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction

pytestmark = pytest.mark.slow

COMMENTING = "COMMENT ON INDEX mine IS 'in a transaction that stays open'"


@pytest.fixture(autouse=True)
def tree(database: Database, project: Project) -> None:
    make_table(database)
    project.revision("a", *CREATE)


def without(*names: str) -> dict[str, Seen]:
    return {name: seen for name, seen in OLD.items() if name not in names}


def test_an_unindexed_partition_that_is_attached_during_the_build(
    database: Database, project: Project
) -> None:
    """Before its parent's index is whole, and after PostgreSQL would have indexed it itself."""
    with in_transaction(database, "INSERT INTO e_c VALUES (21, 1)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_c%")
        execute(
            database,
            "CREATE TABLE e_d (a int, b int NOT NULL)",
            "INSERT INTO e_d SELECT 30, i FROM generate_series(1, 5000) i",
            "ALTER TABLE e ATTACH PARTITION e_d FOR VALUES FROM (30) TO (40)",
        )
    out, _ = process.communicate()

    assert process.returncode == 0, out
    made = Seen(definition("e_d_b_idx", "e_d", "b DESC"), "valid", None)
    assert indexes(database) == OLD | {"e_d_b_idx": made}
    assert dict(rows(database, ATTACHED))["e_d_b_idx"] == "ix"


def test_a_partition_that_is_attached_below_a_level_without_its_part(
    database: Database, project: Project
) -> None:
    """PostgreSQL gives it none: only the next look of the build does."""
    execute(
        database,
        "CREATE TABLE e_a_3 (a int, b int NOT NULL)",
        "INSERT INTO e_a_3 SELECT 1, i FROM generate_series(9000, 13999) i",
    )

    with in_transaction(database, "LOCK TABLE e_a IN SHARE UPDATE EXCLUSIVE MODE") as other:
        process = project.start("upgrade", "head")
        backend_running(database, "LOCK TABLE ONLY%e_a%")
        other.execute("ALTER TABLE e_a ATTACH PARTITION e_a_3 FOR VALUES FROM (9000) TO (14000)")
        other.execute("COMMIT")
        out, _ = process.communicate()

    assert process.returncode == 0, out
    made = Seen(definition("ix_e_a_3", "e_a_3", "b DESC"), "valid", built_by("a"))
    assert indexes(database) == OLD | {"ix_e_a_3": made}
    assert dict(rows(database, ATTACHED))["ix_e_a_3"] == "ix_e_a"


def test_somebody_has_the_lock_of_a_leafs_index_that_is_taken_in(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")

    with in_transaction(database, COMMENTING) as other, ThreadPoolExecutor(1) as pool:
        upgrade = pool.submit(project.upgrade)
        eventually(lambda: "ix_e_a" in indexes(database))
        # Longer than a lock is waited for that autovacuum could have.
        rows(database, "SELECT pg_sleep(2)")
        assert not upgrade.done()
        other.execute("COMMIT")

    upgrade.result()
    comment = f"in a transaction that stays open\n{adopted_by('a')}"
    mine = Seen(definition("mine", "e_b", "b DESC"), "valid", comment)
    assert indexes(database) == without("ix_e_b") | {"mine": mine}


def test_somebody_keeps_the_lock_of_a_leafs_index_that_is_taken_in(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")

    with in_transaction(database, COMMENTING) as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as locked:
            project.upgrade("heads", "index_ops.lock_timeout=2s")

    assert str(locked.value).startswith(
        'index "mine" on "public"."e_b": its own lock was not to be had within lock_timeout (2 s);'
        f" held by pid {pid} ("
    )
    assert str(locked.value).endswith(
        "\nWhat is built stays. Run the migration again when that has ended, or give it longer:"
        " alembic -x index_ops.lock_timeout=1h ..."
    )
    project.upgrade()
    assert {seen.state for seen in indexes(database).values()} == {"valid"}


def test_somebody_keeps_the_lock_of_the_parents_index(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix ON ONLY e (b DESC)")

    with in_transaction(database, COMMENTING.replace("mine", "ix")) as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as locked:
            project.upgrade("heads", "index_ops.lock_timeout=2s")

    assert "was not attached within lock_timeout (2 s); in use by pid" in str(locked.value)
    assert f"pid {pid} (" in str(locked.value)
    project.upgrade()
    assert indexes(database)["ix"].comment == adopted_by("a")


def test_a_leaf_with_an_expression_index_is_locked_for_a_while(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX twice ON e_b ((b * 2))")

    with (
        in_transaction(database, "LOCK TABLE e_b IN ACCESS EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        rows(database, "SELECT pg_sleep(3)")
        assert not upgrade.done()
        other.execute("COMMIT")

    upgrade.result()
    assert indexes(database).keys() == OLD.keys() | {"twice"}


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_leaf_with_an_expression_index_is_locked_for_too_long(
    database: Database, project: Project, direction: str
) -> None:
    execute(database, "CREATE INDEX twice ON e_b ((b * 2))")
    if direction == "downgrade":
        project.upgrade()

    with in_transaction(database, "LOCK TABLE e_b IN ACCESS EXCLUSIVE MODE") as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as locked:
            getattr(project, direction)(
                "heads" if direction == "upgrade" else "base", "index_ops.lock_timeout=3s"
            )

    assert str(locked.value).startswith(
        'index "ix" on "public"."e": the indexes of its partitions could not be read within'
        f" lock_timeout (3 s): a partition is locked ACCESS EXCLUSIVE by pid {pid} ("
    )


def test_a_partition_that_is_dropped_meanwhile(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="alembic_index_ops")

    with (
        in_transaction(database, "LOCK TABLE e_b IN SHARE UPDATE EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("DROP TABLE e_b")
        other.execute("COMMIT")

    upgrade.result()
    assert indexes(database) == without("ix_e_b")
    assert (
        'index "ix" on "public"."e": "public"."e_b" is no partition of that name any more; looking'
        " at the partitions again"
    ) in caplog.messages


@pytest.mark.parametrize("workers", [1, 2])
def test_a_partition_that_is_renamed_meanwhile(
    database: Database, project: Project, workers: int
) -> None:
    up = partial(project.upgrade, "heads", f"index_ops.workers={workers}")

    with (
        in_transaction(database, "LOCK TABLE e_b IN SHARE UPDATE EXCLUSIVE MODE") as other,
        waiting(database, up) as upgrade,
    ):
        other.execute("ALTER TABLE e_b RENAME TO e_bb")
        other.execute("COMMIT")

    upgrade.result()
    made = Seen(definition("ix_e_bb", "e_bb", "b DESC"), "valid", built_by("a"))
    assert indexes(database) == without("ix_e_b") | {"ix_e_bb": made}


def test_a_partition_that_is_detached_before_its_index_is_attached(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")

    with in_transaction(database, COMMENTING) as other, ThreadPoolExecutor(1) as pool:
        upgrade = pool.submit(project.upgrade)
        eventually(lambda: "ix_e_a" in indexes(database))
        other.execute("ALTER TABLE e DETACH PARTITION e_b")
        other.execute("COMMIT")

    upgrade.result()
    assert indexes(database).keys() == without("ix_e_b").keys() | {"mine"}
    assert "mine" not in dict(rows(database, ATTACHED))
    assert {seen.state for seen in indexes(database).values()} == {"valid"}


def copies(database: Database) -> list[str]:
    """Copies that are built to be given back."""
    return [name for name in indexes(database) if name.startswith("mine_building_")]


def test_a_downgrade_that_cannot_drop_tells_of_the_copy_that_it_built(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")
    before = indexes(database)
    project.upgrade()
    built = indexes(database)

    with (
        in_transaction(database, "SELECT FROM e_c LIMIT 1"),
        pytest.raises(LockTimeoutError) as locked,
    ):
        project.downgrade("base", "index_ops.lock_timeout=2s")

    [copy] = copies(database)
    assert indexes(database).keys() == built.keys() | {copy}
    assert str(locked.value).endswith(
        "\nNothing was dropped; run the migration again when those have ended, or give it longer:"
        " alembic -x index_ops.lock_timeout=1h ...\n"
        "Copies of what is given back then are built already, and the next run takes them; to do"
        f' without: DROP INDEX CONCURRENTLY "public"."{copy}";'
    )
    oid = rows(database, f"SELECT '{copy}'::regclass::oid")
    project.downgrade()
    assert indexes(database) == before
    assert rows(database, "SELECT 'mine'::regclass::oid") == oid


def test_such_a_copy_goes_when_the_migration_is_kept_after_all(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")
    project.upgrade()
    built = indexes(database)
    with in_transaction(database, "SELECT FROM e_c LIMIT 1"), pytest.raises(LockTimeoutError):
        project.downgrade("base", "index_ops.lock_timeout=2s")
    assert copies(database) != []
    execute(database, "DELETE FROM alembic_version")

    project.upgrade()

    assert indexes(database) == built
