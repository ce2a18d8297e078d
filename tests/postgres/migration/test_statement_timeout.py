"""A statement_timeout of the role or the database: no build is cut by it, and it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeRole
from tests.observe import Seen, built_by, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database

# The build takes twice as long as a statement may, and nothing else takes nearly as long.
TIMEOUT = "200ms"
SLOW = """
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(0.4); RETURN $1; END'
"""
CREATE = 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")], concurrently={})'
NOTE = "op.execute(\"INSERT INTO seen SELECT current_setting('statement_timeout')\")"


@pytest.fixture(params=["database", "role"])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database, make_role: MakeRole
) -> Project:
    """A project that connects as a role with rights enough, and with a short timeout."""
    role = make_role(attributes="SUPERUSER")
    whose = f"DATABASE {database.name}" if request.param == "database" else f"ROLE {role}"
    execute(
        database,
        SLOW,
        "CREATE TABLE seen (setting text)",
        f"ALTER {whose} SET statement_timeout = '{TIMEOUT}'",
    )
    return Project(tmp_path, database.url_for(role))


@pytest.mark.parametrize("concurrently", ['"auto"', "False"])
def test_it_cuts_no_short_build_and_is_in_force_afterwards(
    database: Database, project: Project, concurrently: str
) -> None:
    execute(database, "CREATE TABLE t AS SELECT 1 AS a")
    project.revision("a", f"{NOTE}\n{CREATE.format(concurrently)}\n{NOTE}")
    project.revision("b", NOTE)

    project.upgrade()

    assert indexes(database) == {
        "ix": Seen("CREATE INDEX ix ON public.t USING btree (slow(a))", "valid", built_by("a"))
    }
    assert revisions(database) == {"b"}
    assert rows(database, "SELECT setting FROM seen") == [(TIMEOUT,)] * 3
