"""A session that ends where no statement of a build runs."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from alembic_index_ops.errors import IndexOpsError
from tests.observe import execute, indexes
from tests.postgres.build.listening import migrate
from tests.projects import Project
from tests.servers import Database


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        ('op.reindex_concurrently("ix")', ["ix"]),
        ('op.rename_index("ix", "iz", "t")', ["iz"]),
    ],
)
def test_while_the_catalog_is_read_it_is_said_in_our_words(
    database: Database, project: Project, operation: str, left: list[str]
) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a)")
    project.revision("a", operation)
    engine = database.engine

    @event.listens_for(engine, "before_cursor_execute")
    def end_it(connection: Connection, cursor: object, statement: str, *others: Any) -> None:
        if "pg_catalog.pg_index" in statement:
            execute(database, f"SELECT pg_terminate_backend({cursor.connection.info.backend_pid})")

    with pytest.raises(IndexOpsError) as failed:
        migrate(project, engine)

    assert str(failed.value).endswith(
        ": the database ended it: terminating connection due to administrator command.\n"
        "Run the migration again to finish it."
    )
    migrate(project, database.engine)
    assert sorted(indexes(database)) == left
