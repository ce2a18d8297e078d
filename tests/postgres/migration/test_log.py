"""What a user of the untouched alembic.ini sees."""

from __future__ import annotations

from tests.observe import execute
from tests.projects import Project
from tests.servers import Database


def test_warnings_survive_the_logging_of_env_py(database: Database, project: Project) -> None:
    execute(database, "CREATE TABLE users (email text)")
    project.revision("a", 'op.drop_concurrent_index("ix_users_emial", "users")')

    status, output = project.run("upgrade", "head")

    assert status == 0
    assert (
        'WARNI [alembic_index_ops] index "ix_users_emial" on "public"."users" does not exist,'
        " so there is nothing to drop; nearest on that table: none" in output
    )
