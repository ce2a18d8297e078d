"""concurrently=False judges what is there when it has the table's lock, and not before."""

from __future__ import annotations

import pytest

from alembic_index_ops import DefinitionDiffersError
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

DEFINITION = "CREATE INDEX ix ON public.t USING btree (a)"


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "INSERT INTO t VALUES (1, 1)")
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["a"], concurrently=False)')


def test_the_index_that_the_holder_of_the_lock_makes(database: Database, project: Project) -> None:
    with (
        in_transaction(database, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("CREATE INDEX ix ON t (a)")
        oid = other.execute("SELECT 'ix'::regclass::oid").fetchall()
        other.execute("COMMIT")

    assert upgrade.exception() is None
    assert indexes(database) == {"ix": Seen(DEFINITION, "valid", adopted_by("a"))}
    assert rows(database, "SELECT 'ix'::regclass::oid") == oid
    assert revisions(database) == {"a"}


def test_another_index_that_the_holder_of_the_lock_makes(
    database: Database, project: Project
) -> None:
    with (
        in_transaction(database, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("CREATE INDEX ix ON t (b)")
        other.execute("COMMIT")

    error = upgrade.exception()
    assert isinstance(error, DefinitionDiffersError)
    assert str(error).splitlines()[:2] == [
        'index "ix" on "public"."t" exists with another definition:',
        "  key column 1: wanted a, found b",
    ]
    assert indexes(database) == {
        "ix": Seen("CREATE INDEX ix ON public.t USING btree (b)", "valid", None)
    }
    assert revisions(database) == set()


def test_the_index_that_the_holder_of_the_lock_drops(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix ON t (a)")
    with (
        in_transaction(database, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("DROP INDEX ix")
        other.execute("COMMIT")

    assert upgrade.exception() is None
    assert indexes(database) == {"ix": Seen(DEFINITION, "valid", built_by("a"))}
