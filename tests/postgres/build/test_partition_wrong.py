"""What partitions have already, and is wrong: at any level, attached or not, under our names."""

from __future__ import annotations

import pytest

from alembic_index_ops import VerificationError
from tests.observe import Seen, adopted_by, built_by, execute, indexes, rows
from tests.postgres.build.trees import ATTACHED, CREATE, OLD, PARTS, definition, make_table
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction

OURS = {"ix", *(f"ix_{table}" for table in PARTS)}
PARENTS = {
    "ix_e_a": "ix",
    "ix_e_a_1": "ix_e_a",
    "ix_e_a_2": "ix_e_a",
    "ix_e_b": "ix",
    "ix_e_c": "ix",
}


@pytest.fixture(autouse=True)
def tree(database: Database, project: Project) -> None:
    make_table(database)
    project.revision("a", *CREATE)


def attached(database: Database) -> dict[str, str]:
    """The parent of each part of an index."""
    return dict(rows(database, ATTACHED))


def invalidate(database: Database, name: str) -> None:
    execute(
        database,
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
    )


def test_a_middle_index_with_a_wrong_leaf_stays_beside_ours(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX asc1 ON e_a_1 (b)", "CREATE INDEX mine ON e_a (b DESC)")
    before, parents = indexes(database), attached(database)
    assert parents == {"asc1": "mine", "e_a_2_b_idx": "mine"}

    project.upgrade()
    assert indexes(database) == OLD | before
    assert attached(database) == PARENTS | parents

    project.downgrade()
    assert indexes(database) == before


@pytest.mark.parametrize(
    "taken",
    ["CREATE INDEX ix_e_b ON e_b (b)", "CREATE TABLE ix_e_b ()", "CREATE INDEX ix_e_b ON e_c (b)"],
)
def test_the_name_of_a_leafs_part_is_taken(
    database: Database, project: Project, taken: str
) -> None:
    execute(database, taken)
    before = indexes(database)

    project.upgrade()
    ours = {name: seen for name, seen in OLD.items() if name != "ix_e_b"}
    ours["ix_e_b_1"] = Seen(definition("ix_e_b_1", "e_b", "b DESC"), "valid", built_by("a"))
    assert indexes(database) == ours | before

    project.downgrade()
    assert indexes(database) == before


@pytest.mark.parametrize(
    "taken",
    ["CREATE INDEX ix_e_a ON e_a (b)", "CREATE VIEW ix_e_a AS SELECT", "CREATE SEQUENCE ix_e_a"],
)
def test_the_name_of_a_middle_part_is_taken(
    database: Database, project: Project, taken: str
) -> None:
    execute(database, taken)
    before = indexes(database)

    project.upgrade()
    ours = {name: seen for name, seen in OLD.items() if name != "ix_e_a"}
    ours["ix_e_a_1"] = Seen(definition("ix_e_a_1", "e_a_1", "b DESC"), "valid", built_by("a"))
    ours["ix_e_a_3"] = Seen(
        definition("ix_e_a_3", "e_a", "b DESC").replace("ON public", "ON ONLY public"),
        "valid",
        built_by("a"),
    )
    assert indexes(database).keys() - before.keys() == ours.keys()

    project.downgrade()
    assert indexes(database) == before


def test_a_name_that_is_taken_is_not_taken_by_the_next_run_either(
    database: Database, project: Project
) -> None:
    """A cut run had built the part under another name, and attached it to nothing."""
    execute(
        database,
        "CREATE INDEX ix_e_b ON e_b (b)",
        "CREATE INDEX ix_e_b_1 ON e_b (b DESC)",
        f"COMMENT ON INDEX ix_e_b_1 IS '{built_by('a')}'",
    )
    made = rows(database, "SELECT 'ix_e_b_1'::regclass::oid")

    project.upgrade()

    assert indexes(database).keys() == OURS | {"ix_e_b_1"}
    assert rows(database, "SELECT 'ix_e_b_1'::regclass::oid") == made
    assert indexes(database)["ix_e_b_1"].comment == built_by("a")


def test_a_loose_part_of_another_name_goes_with_the_downgrade(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE INDEX ix_e_b ON e_b (b)",
        "CREATE INDEX ix ON ONLY e (b DESC)",
        "CREATE INDEX ix_e_b_1 ON e_b (b DESC)",
        f"COMMENT ON INDEX ix IS '{built_by('a')}'",
        f"COMMENT ON INDEX ix_e_b_1 IS '{built_by('a')}'",
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('a')",
    )

    project.downgrade()

    assert indexes(database).keys() == {"ix_e_b"}


@pytest.mark.parametrize("broken", ["ix_e_b", "ix_e_a_1"])
def test_an_invalid_leaf_of_a_valid_tree_is_repaired(
    database: Database, project: Project, broken: str
) -> None:
    project.upgrade()
    execute(database, "DELETE FROM alembic_version")
    invalidate(database, broken)

    project.upgrade()

    assert indexes(database) == OLD


def test_an_invalid_leaf_of_a_valid_tree_that_is_adopted_is_repaired(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX ix ON e (b DESC)")
    invalidate(database, "e_b_b_idx")

    project.upgrade()

    assert {seen.state for seen in indexes(database).values()} == {"valid"}
    assert indexes(database)["ix"].comment == adopted_by("a")


def test_an_invalid_middle_of_a_valid_tree_is_completed(
    database: Database, project: Project
) -> None:
    project.upgrade()
    execute(database, "DELETE FROM alembic_version")
    invalidate(database, "ix_e_a")
    invalidate(database, "ix_e_a_2")

    project.upgrade()

    assert indexes(database) == OLD


def test_a_wrong_part_of_an_unfinished_tree_has_it_made_anew(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE INDEX wrong ON e_b (b)",
        "COMMENT ON INDEX wrong IS 'kept'",
    )
    before = indexes(database)
    execute(database, "CREATE INDEX ix ON ONLY e (b DESC)", "ALTER INDEX ix ATTACH PARTITION wrong")

    project.upgrade()
    assert indexes(database) == OLD | before
    assert attached(database) == PARENTS

    project.downgrade()
    assert indexes(database) == before


def test_a_partition_with_a_wrong_index_that_is_attached_meanwhile(
    database: Database, project: Project
) -> None:
    """PostgreSQL makes a part of the index in the making of it."""
    with in_transaction(database, "INSERT INTO e_c VALUES (21, 1)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_c%")
        execute(
            database,
            "CREATE TABLE e_d (a int, b int NOT NULL)",
            "INSERT INTO e_d SELECT 30, i FROM generate_series(1, 5000) i",
            "CREATE INDEX ascending ON e_d (b)",
            "ALTER TABLE e ATTACH PARTITION e_d FOR VALUES FROM (30) TO (40)",
        )
        assert attached(database)["ascending"] == "ix"
    out, _ = process.communicate()

    assert process.returncode == 0, out
    ours = Seen(definition("ix_e_d", "e_d", "b DESC"), "valid", built_by("a"))
    ascending = Seen(definition("ascending", "e_d", "b"), "valid", None)
    assert indexes(database) == OLD | {"ix_e_d": ours, "ascending": ascending}
    assert attached(database) == PARENTS | {"ix_e_d": "ix"}


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_a_wrong_part_of_a_valid_tree_is_told_with_what_helps(
    database: Database, project: Project, concurrently: str
) -> None:
    project.revision(
        "a", CREATE[0].replace(")", f", concurrently={concurrently})"), CREATE[1], down=None
    )
    execute(
        database,
        "CREATE INDEX wrong ON e_b (b)",
        "COMMENT ON INDEX wrong IS 'kept'",
        "CREATE INDEX ix ON e (b DESC)",
    )
    found = indexes(database)

    with pytest.raises(VerificationError) as told:
        project.upgrade()

    assert str(told.value) == (
        'index "ix" on "public"."e" is valid, but "wrong" of partition "public"."e_b" is part of it'
        " and is not as asked: key column 1: wanted b DESC, found b. PostgreSQL does not look at"
        " the order when it attaches. Nothing was changed; have it made anew, once, with"
        ' op.replace_index and the same arguments, or by DROP INDEX "public"."ix" before this'
        " migration runs again."
    )
    assert indexes(database) == found


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_replacing_by_the_same_definition_helps(
    database: Database, project: Project, concurrently: str
) -> None:
    replace = CREATE[0].replace("create_desc_index", "replace_index")
    project.revision(
        "a", replace.replace(")", f", concurrently={concurrently})"), "pass", down=None
    )
    execute(
        database,
        "CREATE INDEX wrong ON e_b (b)",
        "COMMENT ON INDEX wrong IS 'kept'",
        "CREATE INDEX ix ON e (b DESC)",
    )

    project.upgrade()

    found = indexes(database)
    assert found["wrong"] == Seen(definition("wrong", "e_b", "b"), "valid", "kept")
    parents = attached(database)
    assert "wrong" not in parents
    assert set(parents.values()) == {"ix", "e_a_b_idx"}
    assert {seen.state for seen in found.values()} == {"valid"}
    assert rows(
        database,
        "SELECT bool_and(indoption[0] = 3) FROM pg_index"
        " WHERE indexrelid::regclass::text <> 'wrong' AND indrelid::regclass::text ~ '^e'",
    ) == [(True,)]


def test_dropping_it_by_hand_helps(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX wrong ON e_b (b)", "CREATE INDEX ix ON e (b DESC)")
    with pytest.raises(VerificationError):
        project.upgrade()
    execute(database, 'DROP INDEX "public"."ix"')

    project.upgrade()

    assert indexes(database) == OLD
