"""Renaming an index, once or again."""

from __future__ import annotations

import pytest

from alembic_index_ops import IndexNotFoundError, LockTimeoutError, NameTakenError
from tests.observe import Seen, built_by, execute, indexes, revisions
from tests.postgres.build.waiting import waiting
from tests.postgres.migration.test_script import script
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

UP, DOWN = 'op.rename_index("ix", "iy", "t")', 'op.rename_index("iy", "ix", "t")'


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(database, "CREATE TABLE t (a int, b int)")
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"])',
        'op.drop_concurrent_index("ix", "t")',
    )
    project.revision("b", UP, DOWN, down="a")


def seen(name: str) -> dict[str, Seen]:
    definition = f"CREATE INDEX {name} ON public.t USING btree (a)"
    return {name: Seen(definition, "valid", built_by("a"))}


def test_there_and_back_with_its_tag(database: Database, project: Project) -> None:
    project.upgrade()
    assert indexes(database) == seen("iy")

    project.downgrade("a")
    assert indexes(database) == seen("ix")

    project.downgrade("base")
    assert indexes(database) == {}


def test_run_again_it_finds_it_done(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade()
    execute(database, "UPDATE alembic_version SET version_num = 'a'")
    caplog.set_level("INFO", "alembic_index_ops")

    project.upgrade()

    assert indexes(database) == seen("iy")
    assert 'index "ix" on "public"."t": has the name "iy" already' in caplog.messages


def test_a_new_name_that_is_taken(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "CREATE TABLE iy ()")

    with pytest.raises(NameTakenError) as taken:
        project.upgrade()

    assert str(taken.value) == (
        'index "ix" on "public"."t" was not renamed: the name "iy" is taken in schema "public".'
        " Nothing was changed; drop what has it, or choose another name."
    )
    assert indexes(database) == seen("ix")


def test_neither_name(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "ALTER INDEX ix RENAME TO ixx")

    with pytest.raises(IndexNotFoundError) as missing:
        project.upgrade()

    assert str(missing.value) == (
        'index "ix" on "public"."t" does not exist, nor does "iy"; nearest on that table: "ixx".'
        " Nothing was changed; correct the name."
    )


def test_a_table_of_that_name(database: Database, project: Project) -> None:
    project.upgrade("a")
    execute(database, "DROP INDEX ix", "CREATE TABLE ix ()")

    with pytest.raises(NameTakenError) as foreign:
        project.upgrade()

    assert str(foreign.value) == (
        '"ix" in schema "public" is a table, and no index of "public"."t": nothing was changed;'
        " correct the name"
    )


def test_odd_names(database: Database, project: Project) -> None:
    project.revision(
        "b",
        """op.rename_index("ix", 'Odd "name" % :x', "t")""",
        """op.rename_index('Odd "name" % :x', "ix", "t")""",
        down="a",
    )

    project.upgrade()
    assert set(indexes(database)) == {'Odd "name" % :x'}

    project.downgrade("a")
    assert indexes(database) == seen("ix")


def test_a_locked_index_is_waited_for_within_lock_timeout(
    database: Database, project: Project
) -> None:
    project.upgrade("a")

    with (
        in_transaction(database, "ALTER INDEX ix SET (fillfactor = 90)"),
        pytest.raises(LockTimeoutError) as locked,
    ):
        project.upgrade("heads", "index_ops.lock_timeout=500ms")

    assert str(locked.value).startswith(
        'index "ix" on "public"."t": its own lock was not to be had within lock_timeout (0.5 s);'
        " held by pid "
    )
    assert "\nNothing was changed. Run the migration again when that has ended" in str(locked.value)
    project.upgrade()
    assert indexes(database) == seen("iy")


def test_somebody_renames_it_meanwhile(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade("a")
    caplog.set_level("INFO", "alembic_index_ops")

    with (
        in_transaction(database, "ALTER INDEX ix RENAME TO iy") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("COMMIT")

    assert upgrade.exception() is None
    assert indexes(database) == seen("iy")
    assert 'index "ix" on "public"."t": has the name "iy" already' in caplog.messages


@pytest.mark.parametrize(
    ("taking", "taker"),
    [("CREATE TABLE iy ()", "iy"), ("ALTER INDEX ix RENAME TO iz", None)],
    ids=["the new name", "the index itself"],
)
def test_somebody_takes_it_meanwhile(
    database: Database, project: Project, taking: str, taker: str | None
) -> None:
    project.upgrade("a")

    with (
        in_transaction(database, taking) as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("COMMIT")

    expected = IndexNotFoundError if taker is None else NameTakenError
    assert type(upgrade.exception()).__mro__[1] is expected
    assert revisions(database) == {"a"}


def test_with_the_rest_of_its_transaction(database: Database, project: Project) -> None:
    project.revision("b", f"{UP}\nraise ValueError('later')", DOWN, down="a")
    project.upgrade("a")

    with pytest.raises(ValueError, match="later"):
        project.upgrade()

    assert indexes(database) == seen("ix")


def test_the_script_may_be_run_twice(database: Database, project: Project) -> None:
    project.upgrade("a")
    statements = script(project, "upgrade", "a:b")

    for _ in range(2):
        execute(database, *(each for each in statements if each.startswith("DO ")))

    assert indexes(database) == seen("iy")
