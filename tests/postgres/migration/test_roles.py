"""An ordinary role that owns its tables needs no more than that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alembic_index_ops import BuildError, CannotJudgeError, LockTimeoutError
from tests.conftest import MakeRole
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions
from tests.projects import Project
from tests.servers import Database
from tests.sessions import fail_building, in_transaction

UPGRADE = """
op.create_desc_index("ix_desc", "t", ["a DESC"], where="b > 1")
op.create_concurrent_index("ix_found", "t", ["b"], where="a > 1")
op.create_covering_index("ix_corpse", "t", ["a"], include=["b"], unique=True)
op.create_concurrent_index("ix_view", "v", ["a"])
"""
DOWNGRADE = """
for name, table in ("ix_desc", "t"), ("ix_found", "t"), ("ix_corpse", "t"), ("ix_view", "v"):
    op.drop_concurrent_index(name, table)
"""


def prepare(database: Database, owner: str) -> None:
    """A schema, a table with an INVALID index, and a view, all of which `owner` owns."""
    execute(
        database,
        f"CREATE SCHEMA own AUTHORIZATION {owner}",
        f"ALTER DATABASE {database.name} SET search_path = own",
        "CREATE TABLE own.t (a int, b int)",
        "INSERT INTO own.t SELECT i, i FROM generate_series(1, 4000) i",
        "CREATE INDEX ix_found ON own.t (b) WHERE a > 1",
        "CREATE MATERIALIZED VIEW own.v AS SELECT * FROM own.t",
    )
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix_corpse ON own.t ((a / 2))")
    execute(
        database,
        f"ALTER TABLE own.t OWNER TO {owner}",
        f"ALTER MATERIALIZED VIEW own.v OWNER TO {owner}",
    )


def there_and_back(project: Project, database: Database) -> None:
    project.revision("a", UPGRADE, DOWNGRADE)
    project.upgrade()
    found = {name: seen for name, seen in indexes(database).items() if "pkc" not in name}
    assert {name: (seen.state, seen.comment) for name, seen in found.items()} == {
        "own.ix_desc": ("valid", built_by("a")),
        "own.ix_found": ("valid", adopted_by("a")),
        "own.ix_corpse": ("valid", built_by("a")),
        "own.ix_view": ("valid", built_by("a")),
    }
    project.downgrade()
    assert {name: seen for name, seen in indexes(database).items() if "pkc" not in name} == {
        "own.ix_found": Seen(
            "CREATE INDEX ix_found ON own.t USING btree (b) WHERE (a > 1)", "valid", None
        )
    }


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_owner(tmp_path: Path, database: Database, make_role: MakeRole, driver: str) -> None:
    owner = make_role()
    prepare(database, owner)

    there_and_back(Project(tmp_path, database.url_for(owner, driver)), database)


def test_a_member_after_set_role(tmp_path: Path, database: Database, make_role: MakeRole) -> None:
    owner, deployer = make_role(), make_role()
    execute(database, f"GRANT {owner} TO {deployer}")
    prepare(database, owner)
    project = Project(tmp_path, database.url_for(deployer))
    project.edit_env(
        (
            "        context.configure(\n            connection=connection,",
            f'        connection.exec_driver_sql("SET ROLE {owner}")\n'
            "        connection.commit()\n"
            "        context.configure(\n            connection=connection,",
        )
    )

    there_and_back(project, database)


def test_who_holds_the_lock_is_named_though_what_it_does_is_hidden(
    tmp_path: Path, database: Database, make_role: MakeRole
) -> None:
    owner = make_role()
    prepare(database, owner)
    project = Project(tmp_path, database.url_for(owner))
    project.revision("a", UPGRADE)

    with in_transaction(database, "LOCK TABLE own.t IN SHARE UPDATE EXCLUSIVE MODE") as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as busy:
            project.upgrade("heads", "index_ops.lock_timeout=1s")

    assert (f"held by pid {pid} (postgres, no application name, waited for ") in str(busy.value)
    assert re.search(
        r"for [1-9][\d.]* s so far; its state and query are hidden from this role\)\.\n",
        str(busy.value),
    )


def test_without_temp_an_expression_cannot_be_judged(
    tmp_path: Path, database: Database, make_role: MakeRole
) -> None:
    owner = make_role()
    prepare(database, owner)
    project = Project(tmp_path, database.url_for(owner))
    project.revision("a", 'op.create_concurrent_index("ix_found", "t", ["b"], where="a>1")')
    execute(database, f"REVOKE TEMP ON DATABASE {database.name} FROM PUBLIC")
    try:
        with pytest.raises(CannotJudgeError, match="needs TEMP on the database"):
            project.upgrade()
    finally:
        execute(database, f"GRANT TEMP ON DATABASE {database.name} TO PUBLIC")


def test_somebody_who_does_not_own_the_table(
    tmp_path: Path, database: Database, make_role: MakeRole
) -> None:
    owner, other = make_role(), make_role()
    prepare(database, owner)
    execute(database, f"GRANT ALL ON SCHEMA own TO {other}", f"GRANT ALL ON own.t TO {other}")
    project = Project(tmp_path, database.url_for(other))
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["b"])')

    with pytest.raises(BuildError, match="must be owner of table t"):
        project.upgrade()

    assert "own.ix" not in indexes(database)
    assert revisions(database) == set()
