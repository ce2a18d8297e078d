"""Replacing the index of a partitioned table, three levels deep, and the way back."""

from __future__ import annotations

import pytest

from alembic_index_ops import IndexNotFoundError, ReplaceRefusedError
from tests.observe import Seen, adopted_by, built_by, execute, indexes, rows
from tests.postgres.build.trees import (
    ATTACHED,
    CREATE,
    NEW,
    OLD,
    REPLACE,
    REPLACED_BY_B,
    definition,
    make_table,
    whole_tree,
)
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction

UP, DOWN = REPLACE


@pytest.fixture(autouse=True)
def tree(database: Database, project: Project) -> None:
    make_table(database)
    project.revision("a", *CREATE)
    project.revision("b", *REPLACE, down="a")


@pytest.mark.parametrize("concurrently", ['"auto"', "True", "False"])
def test_there_and_back(database: Database, project: Project, concurrently: str) -> None:
    project.revision(
        "b",
        UP.replace(")", f", concurrently={concurrently})"),
        DOWN.replace(")", f", concurrently={concurrently})"),
        down="a",
    )
    project.upgrade("a")
    attached = rows(database, ATTACHED)

    for _ in range(2):
        project.upgrade()
        assert indexes(database) == NEW
        assert rows(database, ATTACHED) == attached

        project.downgrade("a")
        assert indexes(database) == OLD
        assert rows(database, ATTACHED) == attached


def test_with_several_workers(database: Database, project: Project) -> None:
    project.upgrade("heads", "index_ops.workers=3")

    assert indexes(database) == NEW


def test_names_and_comments_of_another_hand_stay(database: Database, project: Project) -> None:
    project.revision("b", UP, DOWN, down=None)
    (project.directory / "migrations" / "versions" / "a.py").unlink()
    execute(
        database,
        "CREATE INDEX ix ON e (b DESC)",
        "COMMENT ON INDEX ix IS 'for the list'",
        "COMMENT ON INDEX e_b_b_idx IS 'of b'",
    )
    before = indexes(database)

    project.upgrade()
    after = indexes(database)
    assert after.keys() == before.keys()
    assert after["ix"].comment == f"for the list\n{REPLACED_BY_B}"
    assert after["e_b_b_idx"] == Seen(definition("e_b_b_idx", "e_b", "b, a DESC"), "valid", "of b")

    project.downgrade()
    assert indexes(database) == before


def test_a_literal_way_back(database: Database, project: Project) -> None:
    project.revision("b", UP, 'op.replace_index("ix", "e", ["b DESC"])', down="a")

    project.upgrade()
    project.downgrade("a")

    assert indexes(database) == OLD


def test_run_again_nothing_changes(database: Database, project: Project) -> None:
    project.upgrade()
    query = "SELECT indexrelid FROM pg_index WHERE indexrelid::regclass::text ~ '^ix' ORDER BY 1"
    before = rows(database, query)
    execute(database, "UPDATE alembic_version SET version_num = 'a'")

    project.upgrade()

    assert rows(database, query) == before
    assert indexes(database) == NEW


def test_the_one_that_somebody_else_replaced_is_adopted_and_kept(
    database: Database, project: Project
) -> None:
    project.upgrade("a")
    execute(database, "DROP INDEX ix", "CREATE INDEX ix ON e (b, a DESC)")
    before = indexes(database)

    project.upgrade()
    assert indexes(database)["ix"].comment == adopted_by("b")

    project.downgrade("a")
    assert indexes(database) == before


def test_a_part_that_the_old_tree_had_adopted_is_not_lost(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE INDEX mine ON e_b (b DESC) WITH (fillfactor = 70)",
        "COMMENT ON INDEX mine IS 'kept'",
    )
    by_hand = indexes(database)
    project.upgrade("a")
    before, attached = indexes(database), rows(database, ATTACHED)

    project.upgrade()
    assert indexes(database) == NEW | {
        "ix_e_b": NEW["ix_e_b"]._replace(comment=built_by("b")),
        "mine": before["mine"],
    }

    project.downgrade("a")
    assert indexes(database) == before
    assert rows(database, ATTACHED) == attached

    project.downgrade()
    assert indexes(database) == by_hand


def test_a_middle_level_that_the_old_tree_had_adopted_is_not_lost(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_a (b DESC)", "COMMENT ON INDEX mine IS 'kept'")
    by_hand, attached_by_hand = indexes(database), rows(database, ATTACHED)
    project.upgrade("a")
    before, attached = indexes(database), rows(database, ATTACHED)

    project.upgrade()
    assert indexes(database).keys() == NEW.keys() | by_hand.keys()
    assert indexes(database)["mine"].comment == f"kept\n{adopted_by('a')}"

    project.downgrade("a")
    assert indexes(database) == before
    assert rows(database, ATTACHED) == attached

    project.downgrade()
    assert indexes(database) == by_hand
    assert rows(database, ATTACHED) == attached_by_hand


def test_what_a_leaf_has_already_is_taken_in_and_given_back(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b, a DESC)", "COMMENT ON INDEX mine IS 'kept'")
    project.upgrade("a")
    before = indexes(database)

    project.upgrade()
    assert set(indexes(database)) == NEW.keys() - {"ix_e_b"} | {"mine"}
    assert indexes(database)["mine"].comment == f"kept\n{adopted_by('b')}"

    project.downgrade("a")
    assert indexes(database) == before


def test_a_downgrade_leaves_alone_what_the_tree_never_had(
    database: Database, project: Project
) -> None:
    project.upgrade()
    execute(database, "CREATE INDEX mine ON e_b (b DESC)")

    project.downgrade("a")

    mine = Seen(definition("mine", "e_b", "b DESC"), "valid", None)
    assert indexes(database) == OLD | {"mine": mine}


@pytest.mark.parametrize(
    "wrong",
    [
        "CREATE INDEX wrong ON e_b (b, a)",
        "CREATE INDEX wrong ON e_b (b NULLS FIRST, a DESC)",
        "CREATE INDEX wrong ON e_b (b, a DESC) WHERE b > 5",
        "CREATE UNIQUE INDEX wrong ON e_b (b, a DESC)",
    ],
)
def test_another_index_of_a_leaf_stays_beside_ours(
    database: Database, project: Project, wrong: str
) -> None:
    project.upgrade("a")
    execute(database, wrong)
    beside = indexes(database)["wrong"]

    project.upgrade()

    assert indexes(database) == NEW | {"wrong": beside}


def test_a_replica_identity_of_a_leaf_stays_beside_ours(
    database: Database, project: Project
) -> None:
    execute(database, "ALTER TABLE e DETACH PARTITION e_a", "ALTER TABLE e DETACH PARTITION e_c")
    # A unique index of a partitioned table has its partition key.
    project.revision("b", 'op.replace_index("ix", "e", ["b", "a"], unique=True)', DOWN, down="a")
    project.upgrade("a")
    execute(
        database,
        "ALTER TABLE e_b ALTER a SET NOT NULL",
        "CREATE UNIQUE INDEX mine ON e_b (b, a)",
        "ALTER TABLE e_b REPLICA IDENTITY USING INDEX mine",
    )

    project.upgrade()

    assert set(indexes(database)) == {"ix", "ix_e_b", "mine"}
    assert rows(
        database, "SELECT indexrelid::regclass::text FROM pg_index WHERE indisreplident"
    ) == [("mine",)]


def test_a_wrong_part_of_the_old_tree_is_given_back(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(
        database,
        "CREATE TABLE e_d (a int, b int NOT NULL)",
        "CREATE INDEX ascending ON e_d (b)",
        "ALTER TABLE e ATTACH PARTITION e_d FOR VALUES FROM (30) TO (40)",
    )

    project.upgrade()

    assert indexes(database) == NEW | {
        "ascending": Seen(definition("ascending", "e_d", "b"), "valid", None),
        "ix_e_d": Seen(definition("ix_e_d", "e_d", "b, a DESC"), "valid", built_by("b")),
    }


def test_a_partition_that_is_added_meanwhile(database: Database, project: Project) -> None:
    project.upgrade("a")
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
    # PostgreSQL made its part of either tree.
    added = Seen(definition("e_d_b_idx", "e_d", "b, a DESC"), "valid", None)
    assert indexes(database) == NEW | {"e_d_b_idx": added}


def test_an_unfinished_one_of_another_definition_is_replaced(
    database: Database, project: Project
) -> None:
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE INDEX ix ON ONLY e (b DESC)",
        "CREATE INDEX half ON e_b (b DESC)",
        "ALTER INDEX ix ATTACH PARTITION half",
    )

    project.upgrade()

    ours = whole_tree("b, a DESC", built_by("b"), built_by("b"))
    del ours["ix_e_b"]
    half = Seen(definition("half", "e_b", "b, a DESC"), "valid", None)
    assert indexes(database) == ours | {"half": half}


def test_an_unfinished_one_of_the_wished_definition_is_finished(
    database: Database, project: Project
) -> None:
    project.upgrade("a")
    execute(database, "DROP INDEX ix", "CREATE INDEX ix ON ONLY e (b, a DESC)")
    root = rows(database, "SELECT 'ix'::regclass::oid")

    project.upgrade()

    assert indexes(database) == whole_tree("b, a DESC", adopted_by("b"), built_by("b"))
    assert rows(database, "SELECT 'ix'::regclass::oid") == root


def test_an_absent_one(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "ALTER INDEX ix RENAME TO ixx")

    with pytest.raises(IndexNotFoundError) as missing:
        project.upgrade()

    assert str(missing.value) == (
        'index "ix" on "public"."e" does not exist, so there is nothing to replace; nearest on that'
        ' table: "ixx". Nothing was changed; correct the name, or use op.create_concurrent_index.'
    )


@pytest.mark.parametrize("concurrently", ["True", "False"])
@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (
            "ALTER TABLE e ADD CONSTRAINT ix UNIQUE (a, b)",
            'index "ix" on "public"."e" serves constraint "ix". Nothing was changed; replace the'
            " constraint: drop it and make it anew.",
        ),
        (
            "CREATE UNIQUE INDEX ix ON e (a, b); CREATE TABLE r (a int, b int,"
            " CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES e (a, b))",
            'index "ix" on "public"."e": foreign keys point at it ("fk"). Nothing was changed; drop'
            " them first (op.drop_constraint), or give the new index a name of its own.",
        ),
        (
            "CREATE UNIQUE INDEX ix ON e (a, b);"
            " ALTER TABLE e_b ALTER a SET NOT NULL;"
            " ALTER TABLE e_b REPLICA IDENTITY USING INDEX e_b_a_b_idx",
            'index "e_b_a_b_idx" on "public"."e_b": it is the table\'s replica identity, which the'
            " new one cannot be: it is not unique. Nothing was changed; change that first (ALTER"
            ' TABLE "public"."e_b" REPLICA IDENTITY ..., or SET WITHOUT CLUSTER).',
        ),
    ],
)
def test_what_others_stand_on_is_refused_before_anything_is_built(
    database: Database, project: Project, before: str, reason: str, concurrently: str
) -> None:
    project.revision("b", UP.replace(")", f", concurrently={concurrently})"), DOWN, down="a")
    project.upgrade("a")
    execute(database, "DROP INDEX ix", *before.split("; "))
    found = indexes(database)

    with pytest.raises(ReplaceRefusedError) as refused:
        project.upgrade()

    assert str(refused.value) == reason
    assert indexes(database) == found


def test_a_partitions_part_is_replaced_with_its_tree(database: Database, project: Project) -> None:
    project.revision("b", 'op.replace_index("ix_e_b", "e_b", ["b"])', down="a")

    with pytest.raises(ReplaceRefusedError) as refused:
        project.upgrade()

    assert str(refused.value) == (
        'index "ix_e_b" on "public"."e_b" is a partition\'s part of its parent\'s index. Nothing'
        " was changed; replace the parent's index."
    )


def test_what_stands_on_the_parts_moves(database: Database, project: Project) -> None:
    project.revision(
        "b",
        'op.replace_index("ix", "e", ["b", sa.text("(a + 1)")])',
        DOWN,
        down="a",
    )
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE INDEX ix ON e ((a + 1))",
        "ALTER INDEX e_b_expr_idx ALTER COLUMN 1 SET STATISTICS 77",
        "ALTER TABLE e_c CLUSTER ON e_c_expr_idx",
    )

    project.upgrade()

    assert rows(
        database,
        "SELECT attrelid::regclass::text, attnum, attstattarget FROM pg_attribute"
        " WHERE attrelid::regclass::text ~ '_expr_idx' AND attstattarget >= 0",
    ) == [("e_b_expr_idx", 2, 77)]
    assert rows(
        database, "SELECT indexrelid::regclass::text FROM pg_index WHERE indisclustered"
    ) == [("e_c_expr_idx",)]


def test_a_replica_identity_of_a_part_moves(database: Database, project: Project) -> None:
    project.revision("b", 'op.replace_index("ix", "e", ["b", "a"], unique=True)', DOWN, down="a")
    project.upgrade("a")
    execute(
        database,
        "DROP INDEX ix",
        "CREATE UNIQUE INDEX ix ON e (a, b)",
        "ALTER TABLE e_b ALTER a SET NOT NULL",
        "ALTER TABLE e_b REPLICA IDENTITY USING INDEX e_b_a_b_idx",
    )

    project.upgrade()

    assert rows(
        database,
        "SELECT indexrelid::regclass::text, indkey::text FROM pg_index WHERE indisreplident",
    ) == [("e_b_a_b_idx", "2 1")]
