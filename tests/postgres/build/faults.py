"""A migration that something goes wrong with, and how it has to end when it is run again."""

from __future__ import annotations

from tests.observe import Seen, built_by, execute
from tests.postgres.build.ending import Ending, explain_difference, read_ending
from tests.postgres.build.listening import migrate
from tests.projects import Project
from tests.servers import Database

UPGRADE = """
op.create_covering_index("ix", "t", ["a"], include=["b"], unique=True)
op.create_desc_index("iy", "t", ["b DESC"], where="a > 0")
"""
DOWNGRADE = """
op.drop_concurrent_index("iy", "t")
op.drop_concurrent_index("ix", "t")
"""
BUILT = {
    "ix": Seen(
        "CREATE UNIQUE INDEX ix ON public.t USING btree (a) INCLUDE (b)", "valid", built_by("r")
    ),
    "iy": Seen(
        "CREATE INDEX iy ON public.t USING btree (b DESC) WHERE (a > 0)", "valid", built_by("r")
    ),
}


class Subject:
    """A table, a revision with two indexes, and how the database was at first."""

    def __init__(self, database: Database, project: Project) -> None:
        self.database, self.project = database, project
        execute(
            database,
            "CREATE TABLE t (a int, b int)",
            "INSERT INTO t SELECT i, -i FROM generate_series(1, 4000) i",
            # So that the floor of lock_timeout is 0.6 s.
            f"ALTER DATABASE {database.name} SET deadlock_timeout = '100ms'",
        )
        project.revision("r", UPGRADE, DOWNGRADE, down=None)
        self.before = read_ending(database)

    def after(self, before: Ending | None = None, method: str = "upgrade") -> Ending:
        """How everything is when nothing goes wrong."""
        indexes, revisions = (BUILT, {"r"}) if method == "upgrade" else ({}, set())
        return (before or self.before)._replace(indexes=indexes, revisions=revisions)

    def assert_ends_right(self, method: str = "upgrade") -> None:
        """Run the command again; then everything is as if nothing had gone wrong."""
        env = self.project.env.read_text()
        migrate(self.project, self.database.engine, method=method)
        self.project.env.write_text(env)
        assert explain_difference(read_ending(self.database), self.after(method=method)) == ""
