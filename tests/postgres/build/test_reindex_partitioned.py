"""Rebuilding the index of a partitioned table, and completing it."""

from __future__ import annotations

import pytest

from tests.observe import execute, indexes, rows
from tests.postgres.build.trees import PARTS, make_table
from tests.projects import Project
from tests.servers import Database

INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"
LEAVES = ["e_a_1_b_idx", "e_a_2_b_idx", "e_b_b_idx", "e_c_b_idx"]
WAYS = ['"ix"', 'table_name="e"', 'schema="public"']


@pytest.fixture(autouse=True)
def tree(database: Database) -> None:
    make_table(database)
    execute(database, "CREATE INDEX ix ON e (b DESC)")


def files(database: Database) -> list[int]:
    """The files behind the leaves' parts: another one after each rebuild."""
    return [
        rows(database, f"SELECT pg_relation_filenode('{name}'::regclass)")[0][0] for name in LEAVES
    ]


def invalid(database: Database) -> set[str]:
    return {name for name, seen in indexes(database).items() if seen.state == "INVALID"}


@pytest.mark.parametrize("which", WAYS)
def test_every_leafs_part_is_rebuilt(database: Database, project: Project, which: str) -> None:
    before, found = files(database), indexes(database)
    project.revision("a", f"op.reindex_concurrently({which})")

    project.upgrade()

    assert not set(before) & set(files(database))
    assert indexes(database) == found


@pytest.mark.parametrize("which", WAYS)
def test_an_invalid_tree_is_repaired_and_completed(
    database: Database, project: Project, which: str
) -> None:
    found = indexes(database)
    for name in ("ix", "e_a_b_idx", "e_a_2_b_idx", "e_c_b_idx"):
        execute(database, INVALID.format(name))
    project.revision("a", f"op.reindex_concurrently({which})")

    project.upgrade()

    assert indexes(database) == found


def test_a_middle_level_alone_completes_what_it_is_part_of(
    database: Database, project: Project
) -> None:
    execute(database, INVALID.format("ix"), INVALID.format("e_a_b_idx"))
    before = files(database)
    project.revision("a", 'op.reindex_concurrently("e_a_b_idx")')

    project.upgrade()

    assert invalid(database) == set()
    after = files(database)
    assert (after[0] != before[0], after[1] != before[1]) == (True, True)
    assert after[2:] == before[2:]


def test_another_index_of_the_partitions_is_left_alone(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX other ON e_b (a)", INVALID.format("other"))
    project.revision("a", 'op.reindex_concurrently("ix")')

    project.upgrade()

    assert invalid(database) == {"other"}


def test_all_indexes_of_the_partitions_of_a_table(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX other ON e_b (a)", INVALID.format("other"))
    project.revision("a", 'op.reindex_concurrently(table_name="e")')

    project.upgrade()

    assert invalid(database) == set()


@pytest.mark.parametrize("which", WAYS)
@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (
            (),
            'partition "public"."e_a" has no part of it; create the index again with its operation,'
            " which goes on with it",
        ),
        (
            (
                *(f"CREATE INDEX half_{table} ON {table} (b)" for table in ("e_a", "e_b", "e_c")),
                *(
                    f"ALTER INDEX half ATTACH PARTITION half_{table}"
                    for table in ("e_a", "e_b", "e_c")
                ),
                INVALID.format("half"),
            ),
            'its part "half_e_a" of partition "public"."e_a" has another order; create the index'
            " again with its operation, which makes it anew",
        ),
    ],
    ids=["missing", "wrong"],
)
def test_one_that_cannot_be_completed_is_told_of(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    which: str,
    part: tuple[str, ...],
    reason: str,
) -> None:
    execute(database, "CREATE INDEX half ON ONLY e (b DESC)", *part)
    project.revision("a", f"op.reindex_concurrently({which.replace('ix', 'half')})")

    project.upgrade()

    assert (
        'index "half" on "public"."e": not reindexed, it is INVALID, ready: writes maintain it, no'
        f" query uses it, and cannot be completed: {reason}"
    ) in caplog.messages
    assert invalid(database) == {"half"}


def test_the_next_step_of_that_message(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX half ON ONLY e (b DESC, a)")
    project.revision("a", 'op.create_concurrent_index("half", "e", ["b DESC", "a"])')

    project.upgrade()

    assert invalid(database) == set()
    assert {f"half_{table}" for table in PARTS} < set(indexes(database))
