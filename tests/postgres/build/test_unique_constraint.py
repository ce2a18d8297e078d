"""UNIQUE constraints that are added to live tables, and dropped again."""

from __future__ import annotations

import time

import pytest

from alembic_index_ops import (
    ArgumentError,
    DefinitionDiffersError,
    DropError,
    DropRefusedError,
    DuplicateKeysError,
    LockTimeoutError,
    NameTakenError,
    UnsupportedError,
)
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction, running

CREATE = 'op.create_unique_constraint_concurrently("uq", "t", ["a"])'
DROP = 'op.drop_unique_constraint_concurrently("uq", "t")'
UNIQUE = "CREATE UNIQUE INDEX uq ON public.t USING btree (a)"
CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 't'::regclass AND contype = 'u'
"""


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )
    project.revision("a", CREATE, DROP)


def test_there_and_back(database: Database, project: Project) -> None:
    project.upgrade()
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
    assert indexes(database) == {"uq": Seen(UNIQUE, "valid", built_by("a"))}

    project.downgrade()
    assert rows(database, CONSTRAINTS) == []
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("options", "definition"),
    [
        ('include=["b"]', "UNIQUE (a) INCLUDE (b)"),
        ("deferrable=True", "UNIQUE (a) DEFERRABLE"),
        ('initially="DEFERRED"', "UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"),
        ('deferrable=True, initially="immediate"', "UNIQUE (a) DEFERRABLE"),
    ],
)
def test_its_options(database: Database, project: Project, options: str, definition: str) -> None:
    project.revision("a", CREATE.replace(")", f", {options})"), DROP, down=None)

    project.upgrade()

    assert rows(database, CONSTRAINTS) == [("uq", definition)]
    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ('["a DESC"]', 'order ("a" DESC or NULLS FIRST)'),
        ('["a NULLS FIRST"]', 'order ("a" DESC or NULLS FIRST)'),
        ('[key("a", operator_class="int4_ops")]', 'operator class or collation ("a")'),
        ('[sa.text("(a + 1)")]', "expression"),
    ],
)
def test_what_postgresql_refuses_is_refused_before_anything_is_built(
    database: Database, project: Project, columns: str, problem: str
) -> None:
    project.revision(
        "a",
        "import sqlalchemy as sa\nfrom alembic_index_ops import key\n"
        + CREATE.replace('["a"]', columns),
        DROP,
        down=None,
    )

    with pytest.raises(ArgumentError) as refused:
        project.upgrade()

    assert str(refused.value) == (
        f'constraint "uq" on "t": a constraint\'s index has no {problem}; name plain columns, or'
        " use op.create_concurrent_index(..., unique=True)"
    )
    assert indexes(database) == {}


def test_duplicates(database: Database, project: Project) -> None:
    execute(database, "INSERT INTO t VALUES (7, 0), (7, 1)")

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert "Duplicates, these:\n  (7): 3 rows\n" in str(duplicates.value)
    assert indexes(database) == {}
    execute(database, "DELETE FROM t WHERE b < 2")
    project.upgrade()
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]


def test_the_same_constraint_of_another_hand_is_adopted(
    database: Database, project: Project
) -> None:
    execute(database, "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a)")

    project.upgrade()
    assert indexes(database)["uq"].comment == "alembic_index_ops: adopted by a"

    project.downgrade()
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
    assert indexes(database)["uq"].comment is None


@pytest.mark.parametrize(
    ("before", "difference"),
    [
        ("UNIQUE (b)", "key column 1: wanted a, found b"),
        ("UNIQUE (a) DEFERRABLE", "constraint: wanted NOT DEFERRABLE, found DEFERRABLE INITIALLY"),
    ],
)
def test_another_definition(
    database: Database, project: Project, before: str, difference: str
) -> None:
    execute(database, f"ALTER TABLE t ADD CONSTRAINT uq {before}")

    with pytest.raises(DefinitionDiffersError) as differs:
        project.upgrade()

    assert str(differs.value).startswith(
        f'constraint "uq" on "public"."t" exists with another definition:\n  {difference}'
    )
    assert revisions(database) == set()


@pytest.mark.parametrize("what", ["an index", "another constraint"])
def test_a_name_that_something_else_has(database: Database, project: Project, what: str) -> None:
    made = {
        "an index": "CREATE UNIQUE INDEX uq ON t (a)",
        "another constraint": "ALTER TABLE t ADD CONSTRAINT uq PRIMARY KEY (a)",
    }
    execute(database, made[what])
    found = indexes(database)

    with pytest.raises(NameTakenError) as taken:
        project.upgrade()

    assert str(taken.value) == (
        f'"uq" on "public"."t" is no UNIQUE constraint, but {what}: nothing was changed; give the'
        " constraint another name"
    )
    assert indexes(database) == found


def test_a_build_that_an_earlier_run_finished_is_taken(
    database: Database, project: Project
) -> None:
    with (
        in_transaction(database, "SELECT * FROM t LIMIT 1"),
        pytest.raises(LockTimeoutError) as locked,
    ):
        project.upgrade("heads", "index_ops.lock_timeout=1s")

    assert "its ACCESS EXCLUSIVE lock was not to be had in tries of 0.1 s" in str(locked.value)
    [(aside, built)] = indexes(database).items()
    assert built.state == "valid"
    oid = rows(database, f"SELECT '{aside}'::regclass::oid")
    project.upgrade()
    assert rows(database, "SELECT 'uq'::regclass::oid") == oid
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]


def test_a_foreign_key_stands_on_it(database: Database, project: Project) -> None:
    project.upgrade()
    execute(database, "CREATE TABLE r (a int CONSTRAINT fk REFERENCES t (a))")

    with pytest.raises(DropRefusedError) as refused:
        project.downgrade()

    assert str(refused.value) == (
        'constraint "uq" on "public"."t": foreign keys point at it ("fk"). Nothing was changed;'
        " drop them first (op.drop_constraint)."
    )
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]


def test_a_replica_identity_stands_on_it(database: Database, project: Project) -> None:
    execute(database, "ALTER TABLE t ALTER a SET NOT NULL")
    project.upgrade()
    execute(database, "ALTER TABLE t REPLICA IDENTITY USING INDEX uq")

    with pytest.raises(DropRefusedError) as refused:
        project.downgrade()

    assert str(refused.value) == (
        'constraint "uq" on "public"."t": its index is the table\'s replica identity, and dropping'
        " it would stop logical replication of updates and deletes. Nothing was changed; first run"
        ' ALTER TABLE "public"."t" REPLICA IDENTITY with another index, DEFAULT or FULL.'
    )
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]
    assert revisions(database) == {"a"}


def test_it_becomes_the_replica_identity_while_the_drop_waits_for_its_lock(
    database: Database, project: Project
) -> None:
    execute(database, "ALTER TABLE t ALTER a SET NOT NULL")
    project.upgrade()

    with (
        in_transaction(database, "SELECT FROM t LIMIT 1") as reader,
        waiting(database, project.downgrade) as downgrade,
        running(database, "ALTER TABLE t REPLICA IDENTITY USING INDEX uq") as other,
    ):
        # Its turn has come when the try that is under way has ended.
        time.sleep(0.5)
        reader.execute("COMMIT")
        eventually(downgrade.done)
        assert other.error is None

    assert isinstance(downgrade.exception(), DropRefusedError)
    assert rows(database, CONSTRAINTS) == [("uq", "UNIQUE (a)")]


def test_one_that_is_gone_already(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade()
    execute(database, "ALTER TABLE t DROP CONSTRAINT uq")

    project.downgrade()

    assert caplog.messages[-1] == (
        'index "uq" on "public"."t" does not exist, so there is nothing to drop; nearest on that'
        " table: none"
    )


def test_a_partitioned_table(database: Database, project: Project) -> None:
    execute(database, "DROP TABLE t", "CREATE TABLE t (a int) PARTITION BY RANGE (a)")

    with pytest.raises(UnsupportedError) as partitioned:
        project.upgrade()

    assert str(partitioned.value) == (
        'constraint "uq" on "public"."t": PostgreSQL can give a ready index to a constraint of an'
        " ordinary table only; this is a partitioned table. Nothing was changed; use this operation"
        " on each partition, then op.create_unique_constraint on the parent, which takes those in."
    )


def test_the_way_that_the_message_shows(database: Database, project: Project) -> None:
    execute(
        database,
        "DROP TABLE t",
        "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (9000)",
        "INSERT INTO t SELECT generate_series(0, 8999)",
    )
    project.revision(
        "a",
        """
        op.create_unique_constraint_concurrently("uq_1", "t_1", ["a"])
        op.create_unique_constraint_concurrently("uq_2", "t_2", ["a"])
        """,
        down=None,
    )
    project.upgrade()
    built = rows(database, "SELECT 'uq_1'::regclass::oid UNION SELECT 'uq_2'::regclass::oid")
    project.revision("b", 'op.create_unique_constraint("uq", "t", ["a"])', down="a")

    project.upgrade()

    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "uq": "valid",
        "uq_1": "valid",
        "uq_2": "valid",
    }
    parts = rows(database, "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'uq'::regclass")
    assert sorted(parts) == sorted(built)


def test_a_materialised_view(database: Database, project: Project) -> None:
    execute(database, "DROP TABLE t", "CREATE MATERIALIZED VIEW t AS SELECT 1 AS a")

    with pytest.raises(UnsupportedError) as view:
        project.upgrade()

    assert str(view.value) == (
        'constraint "uq" on "public"."t": PostgreSQL can give a ready index to a constraint of an'
        " ordinary table only; this is a materialised view. Nothing was changed; use"
        " op.create_concurrent_index(..., unique=True)."
    )


def test_a_drop_of_a_table_that_is_renamed_meanwhile(database: Database, project: Project) -> None:
    project.upgrade()

    with (
        in_transaction(database, "ALTER TABLE t RENAME TO t2") as other,
        waiting(database, project.downgrade) as downgrade,
    ):
        other.execute("COMMIT")

    assert isinstance(downgrade.exception(), DropError)
    assert set(indexes(database)) == {"uq"}


def test_a_check_constraint_of_that_name(database: Database, project: Project) -> None:
    execute(database, "ALTER TABLE t ADD CONSTRAINT uq CHECK (a > 0)")

    with pytest.raises(NameTakenError) as caught:
        project.upgrade()

    assert str(caught.value) == (
        'constraint "uq" on "public"."t" exists, and is no UNIQUE constraint: nothing was changed;'
        " give the new one another name"
    )
    assert indexes(database) == {}
