"""What create_* finds under its name on a real server, and what becomes of it."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import Iterator

import psycopg
import pytest

from alembic_index_ops import (
    DefinitionDiffersError,
    DrainTimeoutError,
    LockTimeoutError,
    NameTakenError,
    define_index,
)
from alembic_index_ops.build.naming import aside_names
from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database, Server
from tests.sessions import (
    Running,
    backend_running,
    fail_building,
    in_transaction,
    is_running,
    running,
)

DEFINITION = "CREATE INDEX ix ON public.jobs USING btree (org, created DESC)"
OURS = {"ix": Seen(DEFINITION, "valid", built_by("a"))}


@pytest.fixture(autouse=True)
def jobs(database: Database, project: Project) -> None:
    """A table above 64 kB, and a revision that wants an index on it."""
    execute(
        database,
        "CREATE TABLE jobs (org int, created timestamptz, status varchar(20))",
        "INSERT INTO jobs SELECT i % 50, now(), 'done' FROM generate_series(1, 2000) i",
    )
    project.revision(
        "a",
        'op.create_desc_index("ix", "jobs", ["org", "created DESC"])',
        'op.drop_concurrent_index("ix", "jobs")',
    )


BUILDING = "CREATE INDEX CONCURRENTLY ix ON jobs (org, created DESC)"


@pytest.fixture
def building(database: Database) -> Iterator[Running]:
    """A plain CREATE INDEX CONCURRENTLY of that name that waits for a writer and goes on doing so.

    It is another session's: what it builds is INVALID, but not abandoned.
    """
    with in_transaction(database, "INSERT INTO jobs VALUES (0)"), running(database, BUILDING) as it:
        eventually(lambda: indexes(database))
        yield it


def test_nothing(database: Database, project: Project) -> None:
    project.upgrade()

    assert indexes(database) == OURS
    assert revisions(database) == {"a"}


def test_the_same_tagged_by_this_revision(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.upgrade()
    oid = rows(database, "SELECT 'ix'::regclass::oid")
    execute(database, "DELETE FROM alembic_version")

    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        project.upgrade()

    assert caplog.messages[-1] == 'index "ix" on "public"."jobs": already there, nothing to do'
    assert rows(database, "SELECT 'ix'::regclass::oid") == oid
    assert indexes(database) == OURS
    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize(
    "comment", [None, "by hand", "by hand\n", "two\nlines\n\n", "%s :x 'q' \\"]
)
def test_the_same_by_anyone_else_is_adopted_and_left_behind_as_it_was(
    database: Database, project: Project, comment: str | None
) -> None:
    execute(database, "CREATE INDEX ix ON jobs (org, created DESC)")
    if comment is not None:
        quoted = comment.replace("\\", "\\\\").replace("'", "''")
        execute(database, f"COMMENT ON INDEX ix IS E'{quoted}'")
    before = indexes(database)
    assert before["ix"].comment == comment

    project.upgrade()

    tag = adopted_by("a") if comment is None else f"{comment}\n{adopted_by('a')}"
    assert indexes(database) == {"ix": Seen(DEFINITION, "valid", tag)}
    project.downgrade()
    assert indexes(database) == before
    assert revisions(database) == set()


def test_a_plain_create_index_of_alembic_is_adopted(database: Database, project: Project) -> None:
    project.revision("0", 'op.create_index("ix", "jobs", ["status"])', down=None)
    project.revision(
        "b", 'op.create_concurrent_index("ix", "jobs", ["status"])',
        'op.drop_concurrent_index("ix", "jobs")',
    )  # fmt: skip

    project.upgrade("b")
    project.downgrade("0")

    assert indexes(database) == {
        "ix": Seen("CREATE INDEX ix ON public.jobs USING btree (status)", "valid", None)
    }


@pytest.mark.parametrize(
    ("existing", "wished"),
    [
        ("(lower(status))", "[sa.func.lower(sa.column('status'))]"),
        ("(lower((status)::text))", "[sa.text('LOWER( status )')]"),
        ("((org + 1) DESC)", "[sa.text('1 * (org + 1)')]"),
        ("(org) WHERE status = 'done'", "['org'], where=\"status='done'\""),
        ("(org) WHERE status IN ('a', 'b')", "['org'], where=\"status in ('a','b')\""),
        ("(org) WHERE (status)::text = 'a'", "['org'], where=sa.column('status') == 'a'"),
        ('(status COLLATE "default")', "['status']"),
        ("USING btree (org ASC NULLS LAST)", "['org asc']"),
    ],
)
def test_other_wordings_are_the_same(
    database: Database, project: Project, existing: str, wished: str
) -> None:
    execute(database, f"CREATE INDEX other ON jobs {existing}")
    project.revision("w", f'op.create_concurrent_index("other", "jobs", {wished})', down=None)

    if "1 *" in wished:
        with pytest.raises(DefinitionDiffersError):
            project.upgrade("w")
    else:
        project.upgrade("w")
        assert indexes(database)["other"].comment == adopted_by("w")


@pytest.mark.parametrize("cut", ["duplicates", "killed"])
def test_an_invalid_index_that_was_abandoned(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture, cut: str
) -> None:
    if cut == "duplicates":
        fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix ON jobs (org)")
    else:
        with (
            in_transaction(database, "INSERT INTO jobs VALUES (0)"),
            running(database, BUILDING) as it,
        ):
            eventually(lambda: indexes(database))
            execute(database, f"SELECT pg_terminate_backend({it.pid})")
            eventually(lambda: not is_running(database, it.pid))
    assert indexes(database)["ix"].state == "INVALID"

    project.upgrade()

    assert indexes(database) == OURS
    assert (
        'index "ix" on "public"."jobs" is INVALID, not ready: neither maintained nor enforcing: an'
        " earlier build or drop was cut off; a new one is built aside and takes its name"
        in caplog.messages
    )


def test_an_invalid_index_that_another_session_still_builds(
    database: Database, project: Project, building: Running
) -> None:
    with pytest.raises(DrainTimeoutError) as busy:
        project.upgrade("heads", "index_ops.drain_timeout=1s")

    pid = building.pid
    assert str(busy.value).startswith(
        '"public"."jobs": a build or drop of index "ix" by another session (pid'
        f" {pid}) runs on this table, and waited longer than drain_timeout (1 s) for pid "
    )
    assert str(busy.value).endswith(
        "Nothing was changed, and it was left alone. When those have ended it goes on; then run"
        " this migration again, or give it longer: alembic -x index_ops.drain_timeout=1h ...\n"
        f"To end it instead: SELECT pg_cancel_backend({pid});"
    )
    assert is_running(database, pid)
    assert revisions(database) == set()


def test_another_definition(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix ON jobs (org, created)")
    before = indexes(database)

    with pytest.raises(DefinitionDiffersError) as differs:
        project.upgrade()

    assert str(differs.value).splitlines()[:2] == [
        'index "ix" on "public"."jobs" exists with another definition:',
        "  key column 2: wanted created DESC, found created",
    ]
    assert indexes(database) == before
    assert revisions(database) == set()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("CREATE TABLE ix ()", "table"),
        ("CREATE VIEW ix AS SELECT 1", "view"),
        ("CREATE SEQUENCE ix", "sequence"),
        ("CREATE MATERIALIZED VIEW ix AS SELECT 1", "materialised view"),
        ("CREATE TYPE ix AS (a int)", "type"),
        ("CREATE TABLE users (org int); CREATE INDEX ix ON users (org)", "index of table users"),
    ],
)
def test_a_name_that_something_else_has(
    database: Database, project: Project, statement: str, kind: str
) -> None:
    execute(database, statement)

    with pytest.raises(NameTakenError) as taken:
        project.upgrade()

    article = "an" if kind.startswith("index") else "a"
    assert str(taken.value) == (
        f'"ix" in schema "public" is {article} {kind}, and no index of "public"."jobs": nothing'
        " was changed; give the index another name"
    )
    assert [name for name in indexes(database) if "building" in name] == []


def test_a_finished_build_aside_gets_the_name(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that dies in the build leaves the server to finish it."""
    with in_transaction(database, "INSERT INTO jobs VALUES (0)"):
        process = project.start("upgrade", "head")
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert is_running(database, pid)
    eventually(lambda: not is_running(database, pid))
    [(aside, found)] = indexes(database).items()
    assert re.fullmatch("ix_building_[0-9a-f]{8}", aside)
    assert found.state == "valid"
    oid = rows(database, f"SELECT '{aside}'::regclass::oid")

    with caplog.at_level(logging.INFO, "alembic_index_ops"):
        project.upgrade()

    assert indexes(database) == OURS
    assert rows(database, "SELECT 'ix'::regclass::oid") == oid
    assert f'index "ix" on "public"."jobs": "{aside}" was built already, taking it' in (
        caplog.messages
    )


def test_a_leftover_of_an_edited_migration_is_dropped(database: Database, project: Project) -> None:
    leftover = next(aside_names(define_index("ix", "jobs", ["created"])))
    execute(database, f"CREATE INDEX {leftover} ON jobs (created)")

    project.upgrade()

    assert indexes(database) == OURS


def test_a_materialised_view_that_another_session_builds_on(
    database: Database, project: Project
) -> None:
    """It cannot be locked, so its locks are looked at; waiting in a build would end the other."""
    execute(database, "CREATE MATERIALIZED VIEW v AS SELECT * FROM jobs")
    project.revision("v", 'op.create_concurrent_index("ix", "v", ["org"])', down=None)
    with (
        in_transaction(database, "SELECT 1 FROM jobs", isolation="REPEATABLE READ"),
        running(database, "CREATE INDEX CONCURRENTLY ix ON v (org)") as other,
    ):
        eventually(lambda: indexes(database))

        with pytest.raises(DrainTimeoutError) as busy:
            project.upgrade("v", "index_ops.drain_timeout=1s")

        assert f'of index "ix" by another session (pid {other.pid}) runs on' in str(busy.value)
        assert set(indexes(database)) == {"ix"}
    assert other.error is None or isinstance(other.error, psycopg.errors.QueryCanceled)
    project.upgrade("v")
    assert indexes(database)["ix"].state == "valid"


def test_the_holder_of_a_lock_is_one_of_this_database(
    database: Database, project: Project, server: Server
) -> None:
    """Databases made from one template have tables of the same OID."""
    name = f"{database.name}_copy"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {database.name}")
    try:
        lock = "LOCK TABLE jobs IN SHARE UPDATE EXCLUSIVE MODE"
        with in_transaction(Database(server, name), lock), in_transaction(database, lock) as holder:
            pid = holder.info.backend_pid
            with pytest.raises(LockTimeoutError) as busy:
                project.upgrade("heads", "index_ops.lock_timeout=1s")
    finally:
        server.drop_database(name)

    assert str(busy.value).count("pid ") == 1
    assert f"held by pid {pid} (" in str(busy.value)
