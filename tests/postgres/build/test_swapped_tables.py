"""A table that another one replaced under its name while an operation waited for its lock."""

from __future__ import annotations

import pytest

from alembic_index_ops import TableNotFoundError
from tests.observe import execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

TABLES = """
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname IN ('t', 'old') ORDER BY 1, 2
"""


@pytest.mark.parametrize("concurrently", ["True", '"auto"', "False"])
@pytest.mark.parametrize("size", [4000, 0])
def test_a_create(database: Database, project: Project, concurrently: str, size: int) -> None:
    execute(
        database,
        f"CREATE TABLE t AS SELECT generate_series(1, {size}) AS a",
        f"CREATE TABLE new AS SELECT generate_series(1, {size}) AS a",
    )
    project.revision(
        "a", f'op.create_concurrent_index("ix", "t", ["a"], concurrently={concurrently})'
    )

    message = swap_meanwhile(database, project)

    assert message == (
        'index "ix" on "public"."t": the table was replaced by another one of that name meanwhile.'
        " Nothing was changed; run the migration again."
    )
    assert indexes(database) == {}
    assert revisions(database) == set()
    project.upgrade()
    assert rows(database, TABLES) == [("t", "ix")]


@pytest.mark.parametrize("concurrently", ["True", '"auto"', "False"])
def test_a_drop(database: Database, project: Project, concurrently: str) -> None:
    execute(
        database,
        "CREATE TABLE t (a int)",
        "CREATE INDEX ix ON t (a)",
        "CREATE TABLE new (a int)",
        "CREATE INDEX iy ON new (a)",
    )
    project.revision("a", f'op.drop_concurrent_index("ix", "t", concurrently={concurrently})')

    message = swap_meanwhile(database, project)

    assert message == (
        'index "ix" on "public"."t": the table was replaced by another one of that name meanwhile.'
        " Nothing was changed; run the migration again."
    )
    assert rows(database, TABLES) == [("old", "ix"), ("t", "iy")]
    assert revisions(database) == set()


def swap_meanwhile(database: Database, project: Project) -> str:
    """Upgrade while another session puts `new` in the place of `t`; what the upgrade says."""
    with (
        in_transaction(database, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE") as other,
        waiting(database, project.upgrade) as upgrade,
    ):
        other.execute("ALTER TABLE t RENAME TO old")
        other.execute("ALTER TABLE new RENAME TO t")
        other.execute("COMMIT")
    error = upgrade.exception()
    assert isinstance(error, TableNotFoundError)
    return str(error)
