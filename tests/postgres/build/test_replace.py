"""Replacing an index by one of another definition, and the way back."""

from __future__ import annotations

import time

import pytest

from alembic_index_ops import (
    DrainTimeoutError,
    DuplicateKeysError,
    IndexNotFoundError,
    LockTimeoutError,
    ReplaceRefusedError,
)
from alembic_index_ops.build.naming import replaced_name
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction, is_running

A = "CREATE INDEX ix ON public.t USING btree (a)"
DESC = "CREATE INDEX ix ON public.t USING btree (a DESC, b)"
OLD = (
    '{"name":"ix","table":"t","key_columns":[{"column":"a","nulls_first":false}],"schema":"public"}'
)
REPLACED = f"{built_by('a')}\nalembic_index_ops: replaced by b: {OLD}"

TARGETS = """
SELECT attnum, attstattarget FROM pg_attribute
WHERE attrelid = 'ix'::regclass AND attstattarget >= 0 ORDER BY attnum
"""
IDENTITY = "SELECT indexrelid::regclass::text, indnatts FROM pg_index WHERE indisreplident"


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


@pytest.mark.parametrize("concurrently", ['"auto"', "True", "False"])
def test_there_and_back(database: Database, project: Project, concurrently: str) -> None:
    project.revision(
        "b",
        f'op.replace_index("ix", "t", ["a DESC", "b"], concurrently={concurrently})',
        f'op.restore_index("ix", "t", concurrently={concurrently})',
        down="a",
    )

    project.upgrade()
    assert indexes(database) == {"ix": Seen(DESC, "valid", REPLACED)}
    assert revisions(database) == {"b"}

    project.downgrade("a")
    assert indexes(database) == {"ix": Seen(A, "valid", built_by("a"))}
    assert revisions(database) == {"a"}


def test_run_again_nothing_changes(database: Database, project: Project) -> None:
    project.upgrade()
    before = rows(database, "SELECT 'ix'::regclass::oid")
    execute(database, "UPDATE alembic_version SET version_num = 'a'")

    project.upgrade()

    assert rows(database, "SELECT 'ix'::regclass::oid") == before
    assert indexes(database) == {"ix": Seen(DESC, "valid", REPLACED)}


def test_what_the_user_wrote_on_the_old_one_stays(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, f"COMMENT ON INDEX ix IS 'for the list\n{built_by('a')}'")

    project.upgrade()
    assert indexes(database)["ix"].comment == f"for the list\n{REPLACED}"

    project.downgrade("a")
    assert indexes(database)["ix"].comment == f"for the list\n{built_by('a')}"


def test_the_one_that_somebody_else_replaced_is_adopted_and_kept(
    database: Database, project: Project
) -> None:
    project.upgrade("a")
    execute(database, "DROP INDEX ix", "CREATE INDEX ix ON t (a DESC, b)")

    project.upgrade()
    assert indexes(database) == {
        "ix": Seen(DESC, "valid", "alembic_index_ops: adopted by b"),
    }

    project.downgrade("a")
    assert indexes(database) == {"ix": Seen(DESC, "valid", None)}


def test_an_absent_one(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "ALTER INDEX ix RENAME TO ixx")

    with pytest.raises(IndexNotFoundError) as missing:
        project.upgrade()

    assert str(missing.value) == (
        'index "ix" on "public"."t" does not exist, so there is nothing to replace; nearest on that'
        ' table: "ixx". Nothing was changed; correct the name, or use op.create_concurrent_index.'
    )


def test_an_invalid_one_is_replaced_too(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass")

    project.upgrade()

    assert indexes(database)["ix"][:2] == (DESC, "valid")
    assert set(indexes(database)) == {"ix"}


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (
            "ALTER TABLE t ADD CONSTRAINT ix UNIQUE (a)",
            'serves constraint "ix". Nothing was changed; replace the constraint: drop it and make'
            " it anew.",
        ),
        (
            "CREATE UNIQUE INDEX ix ON t (a);"
            " CREATE TABLE r (a int CONSTRAINT fk REFERENCES t (a))",
            'foreign keys point at it ("fk"). Nothing was changed; drop them first'
            " (op.drop_constraint), or give the new index a name of its own.",
        ),
        (
            "CREATE UNIQUE INDEX ix ON t (b); ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
            "it is the table's replica identity, which the new one cannot be: it is not unique."
            ' Nothing was changed; change that first (ALTER TABLE "public"."t" REPLICA IDENTITY'
            " ..., or SET WITHOUT CLUSTER).",
        ),
        (
            "CREATE INDEX ix ON t (a); ALTER TABLE t CLUSTER ON ix",
            "the table is CLUSTERed on it, and cannot be on the new one. Nothing was changed;"
            ' change that first (ALTER TABLE "public"."t" REPLICA IDENTITY ..., or SET WITHOUT'
            " CLUSTER).",
        ),
    ],
)
def test_what_others_stand_on_is_refused_before_anything_is_built(
    database: Database, project: Project, before: str, reason: str
) -> None:
    project.revision("b", 'op.replace_index("ix", "t", ["a DESC", "b"], where="a > 0")', down="a")
    project.upgrade("a")
    execute(database, "DROP INDEX ix", *before.split("; "))
    found = indexes(database)

    with pytest.raises(ReplaceRefusedError) as refused:
        project.upgrade()

    assert str(refused.value).endswith(reason)
    assert indexes(database) == found


def test_replica_identity_cluster_mark_and_statistics_move(
    database: Database, project: Project
) -> None:
    project.revision(
        "b",
        "import sqlalchemy as sa\n"
        'op.replace_index("ix", "t", ["b", sa.text("(a + 1)")], unique=True)',
        'op.restore_index("ix", "t")',
        down="a",
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE INDEX ix ON t ((a + 1))",
        "ALTER INDEX ix ALTER COLUMN 1 SET STATISTICS 77",
        "ALTER TABLE t CLUSTER ON ix",
    )

    project.upgrade()

    assert rows(database, TARGETS) == [(2, 77)]
    assert rows(
        database, "SELECT indisclustered FROM pg_index WHERE indexrelid = 'ix'::regclass"
    ) == [(True,)]


def test_a_replica_identity_moves(database: Database, project: Project) -> None:
    project.revision(
        "b",
        'op.replace_index("ix", "t", ["b"], unique=True, include=["a"])',
        'op.restore_index("ix", "t")',
        down="a",
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE UNIQUE INDEX ix ON t (b)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
    )

    project.upgrade()

    assert rows(database, IDENTITY) == [("ix", 2)]


def test_a_replica_identity_moves_in_short_tries_while_a_reader_holds_the_table(
    database: Database, project: Project
) -> None:
    project.revision(
        "b", 'op.replace_index("ix", "t", ["b"], unique=True, include=["a"])', down="a"
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE UNIQUE INDEX ix ON t (b)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
    )
    found = indexes(database)["ix"]
    waits: list[float] = []

    with (
        in_transaction(database, "SELECT FROM t LIMIT 1") as reader,
        waiting(database, project.upgrade) as upgrade,
    ):
        eventually(lambda: len(indexes(database)) == 2)
        for _ in range(20):
            started = time.monotonic()
            execute(database, "SELECT FROM t LIMIT 1")
            waits.append(time.monotonic() - started)
            time.sleep(0.03)
        assert not upgrade.done()
        assert indexes(database)["ix"] == found
        reader.execute("COMMIT")
        eventually(upgrade.done)

    # A try lasts 0.1 s; one wait for the lock would have lasted as long as the reader stayed.
    assert max(waits) < 0.5
    assert upgrade.exception() is None
    assert rows(database, IDENTITY) == [("ix", 2)]


def test_a_replica_identity_that_cannot_move_within_the_budget(
    database: Database, project: Project
) -> None:
    project.revision(
        "b", 'op.replace_index("ix", "t", ["b"], unique=True, include=["a"])', down="a"
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE UNIQUE INDEX ix ON t (b)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
    )

    with (
        in_transaction(database, "SELECT FROM t LIMIT 1"),
        pytest.raises(LockTimeoutError) as locked,
    ):
        project.upgrade("heads", "index_ops.lock_timeout=1s")

    assert str(locked.value).startswith(
        '"public"."t": its ACCESS EXCLUSIVE lock was not to be had in tries of 0.1 s'
    )
    assert rows(database, IDENTITY) == [("ix", 1)]
    project.upgrade()
    assert rows(database, IDENTITY) == [("ix", 2)]
    assert set(indexes(database)) == {"ix"}


def test_duplicates_of_the_new_key(database: Database, project: Project) -> None:
    project.revision("b", 'op.replace_index("ix", "t", ["a"], unique=True)', down="a")
    project.upgrade("a")
    execute(database, "INSERT INTO t VALUES (7, 0), (7, 1)")

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert "Nothing is left behind.\nDuplicates, these:\n  (7): 3 rows\n" in str(duplicates.value)
    assert indexes(database) == {"ix": Seen(A, "valid", built_by("a"))}
    assert revisions(database) == {"a"}
    execute(database, "DELETE FROM t WHERE b IN (0, 1) AND a = 7")
    project.upgrade()
    assert indexes(database)["ix"].definition == A.replace("INDEX", "UNIQUE INDEX")


def test_a_build_past_its_budget_leaves_the_old_one(database: Database, project: Project) -> None:
    project.upgrade("a")

    with (
        in_transaction(database, "SELECT 1", isolation="REPEATABLE READ"),
        pytest.raises(DrainTimeoutError) as spent,
    ):
        project.upgrade("heads", "index_ops.drain_timeout=1s")

    assert str(spent.value).startswith(
        'index "ix" on "public"."t" was not built: older transactions did not end within'
        " drain_timeout (1 s). Nothing is left behind.\nIt waited for pid "
    )
    assert indexes(database) == {"ix": Seen(A, "valid", built_by("a"))}
    assert revisions(database) == {"a"}
    project.upgrade()
    assert indexes(database) == {"ix": Seen(DESC, "valid", REPLACED)}


def test_a_drop_of_the_old_one_past_its_budget_is_left_to_the_next_operation(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade("a")
    oid = rows(database, "SELECT 'ix'::regclass::oid")[0][0]
    old = replaced_name("ix", oid)

    # A reader of the table holds up no build, and each drop.
    with in_transaction(database, "SELECT FROM t LIMIT 1"):
        project.upgrade("heads", "index_ops.drain_timeout=1s")

    assert revisions(database) == {"b"}
    assert indexes(database)["ix"] == Seen(DESC, "valid", REPLACED)
    assert set(indexes(database)) == {"ix", old}
    (told,) = [line for line in caplog.messages if f'index "{old}"' in line]
    assert told.startswith(
        f'index "{old}" on "public"."t", an INVALID leftover, could not be dropped (drain_timeout'
        " is spent; it waited for pid "
    )
    project.downgrade("a")
    assert set(indexes(database)) == {"ix"}


def test_the_old_one_serves_while_the_new_one_is_built(
    database: Database, project: Project
) -> None:
    project.upgrade("a")
    with in_transaction(database, "INSERT INTO t VALUES (0, 0)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%")
        assert indexes(database)["ix"] == Seen(A, "valid", built_by("a"))
    process.communicate()

    assert process.returncode == 0
    assert indexes(database) == {"ix": Seen(DESC, "valid", REPLACED)}


def test_killed_before_the_old_one_is_dropped(database: Database, project: Project) -> None:
    project.upgrade("a")
    with in_transaction(database, "SELECT * FROM t LIMIT 1"):
        process = project.start("upgrade", "head")
        pid = backend_running(database, "DROP INDEX CONCURRENTLY%")
        process.kill()
        process.communicate()
        execute(database, f"SELECT pg_terminate_backend({pid})")
        eventually(lambda: not is_running(database, pid))
    assert revisions(database) == {"a"}
    assert indexes(database)["ix"] == Seen(DESC, "valid", REPLACED)

    project.upgrade()

    assert indexes(database) == {"ix": Seen(DESC, "valid", REPLACED)}
    assert revisions(database) == {"b"}


def test_a_unique_one_warns_of_upserts(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.revision("b", 'op.replace_index("ix", "t", ["a"], unique=True)', "pass", down="a")

    project.upgrade()

    assert (
        'index "ix" on "public"."t": replacing CREATE INDEX "ix" ON "public"."t" USING "btree"'
        ' ("a"); a UNIQUE index is replaced: while old transactions are waited for, an INSERT ...'
        " ON CONFLICT may fail with a unique violation (23505); let it be retried"
    ) in caplog.messages
