"""Other people's builds on the table: waited for, taken over, and never ended by us."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from alembic_index_ops.events import BuildAwaited, BuildStarted, Event, Progress, Retried, Taken
from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate
from tests.projects import Project
from tests.servers import Database
from tests.sessions import Running, backend_running, in_transaction, is_running, running

WRITE = "INSERT INTO t VALUES (0)"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
LOCK = "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"
DEFINITION = "CREATE INDEX ix ON public.t USING btree (a)"
BUILT = {"ix": Seen(DEFINITION, "valid", built_by("a"))}
ADOPTED = {"ix": Seen(DEFINITION, "valid", adopted_by("a"))}
OTHER = Seen("CREATE INDEX other ON public.t USING btree (a)", "valid", None)
SLOW = """
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(0.0002); RETURN $1; END'
"""


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t AS SELECT generate_series(1, 4000) AS a",
        "CREATE TABLE elsewhere (a int)",
    )
    write_revision(project)


def write_revision(project: Project, concurrently: str = '"auto"') -> None:
    project.revision(
        "a",
        f'op.create_concurrent_index("ix", "t", ["a"], concurrently={concurrently})',
        f'op.drop_concurrent_index("ix", "t", concurrently={concurrently})',
        down=None,
    )


def in_the_last_stage(database: Database, pid: int) -> bool:
    """Whether that session's build waits for old snapshots."""
    return bool(
        rows(
            database,
            "SELECT 1 FROM pg_stat_progress_create_index WHERE pid = %s"
            " AND phase = 'waiting for old snapshots'",
            pid,
        )
    )


@pytest.mark.parametrize("method", ["upgrade", "downgrade"])
# Not concurrently=False: it polls inside the migration's transaction, and a build that comes to its
# last stage in the milliseconds of a poll waits for the end of that transaction.
@pytest.mark.parametrize("concurrently", ["True", '"auto"'])
def test_waiting_for_the_table_ends_nobody_elses_build(
    database: Database, project: Project, method: str, concurrently: str
) -> None:
    """It comes to its last stage while we wait, and stays there for long: it waits for every
    snapshot that was there when it came, and the server ends a deadlock after deadlock_timeout."""
    write_revision(project, concurrently)
    name = "ix"
    if method == "downgrade":
        name = "other"
        project.upgrade()
    execute(database, f"ALTER DATABASE {database.name} SET deadlock_timeout = '100ms'")
    with (
        ThreadPoolExecutor(1) as pool,
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
        in_transaction(database, WRITE) as writer,
        running(database, f"CREATE INDEX CONCURRENTLY {name} ON t (a)") as other,
    ):
        eventually(lambda: name in indexes(database))
        ours = pool.submit(migrate, project, database.engine, method=method)
        execute(database, "SELECT pg_sleep(0.5)")
        writer.execute("ROLLBACK")
        eventually(lambda: in_the_last_stage(database, other.pid))
        execute(database, "SELECT pg_sleep(0.5)")
        assert not ours.done()
        assert in_the_last_stage(database, other.pid)
        reader.execute("ROLLBACK")
        ours.result()

    assert other.error is None
    assert indexes(database) == (ADOPTED if method == "upgrade" else {"other": OTHER})


def test_a_build_that_gets_on_is_waited_for_longer_than_any_budget(
    database: Database, project: Project
) -> None:
    execute(database, SLOW)
    project.revision("a", 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")])', down=None)
    listener = Listener()
    with running(database, "CREATE INDEX CONCURRENTLY ix ON t (slow(a))") as other:
        eventually(lambda: indexes(database))
        migrate(
            project,
            database.engine,
            "index_ops.lock_timeout=200ms",
            "index_ops.drain_timeout=200ms",
            listener=listener,
        )

    assert other.error is None
    assert indexes(database) == {
        "ix": Seen("CREATE INDEX ix ON public.t USING btree (slow(a))", "valid", adopted_by("a"))
    }
    assert listener.of(BuildAwaited) == [
        BuildAwaited("ix", '"public"."t"', pid=other.pid, builds="ix", orphan=False)
    ]
    progress = listener.of(Progress)
    assert {event.pid for event in progress} == {other.pid}
    assert "building index" in {event.stage.split(":")[0] for event in progress}
    assert progress[-1].seconds > 0.5


def is_active(database: Database, pid: int) -> bool:
    return bool(
        rows(database, "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", pid)
    )


def watched(database: Database, pid: int) -> bool:
    return bool(
        rows(
            database,
            "SELECT 1 FROM pg_stat_activity WHERE application_name = %s",
            f"alembic_index_ops watching {pid}",
        )
    )


@pytest.fixture
def elsewhere(tmp_path: Path, database: Database) -> Project:
    """Another project on the same database, which builds an index of its own on the table."""
    project = Project(tmp_path / "elsewhere", database.url)
    project.edit_env(
        (
            "connection=connection, target_metadata=target_metadata",
            "connection=connection, target_metadata=target_metadata, version_table='theirs'",
        )
    )
    project.revision("b", 'op.create_concurrent_index("other", "t", ["a"])')
    return project


def test_another_migration_whose_client_lives(
    database: Database, project: Project, elsewhere: Project
) -> None:
    with ExitStack() as processes, in_transaction(database, WRITE) as writer:

        def end_the_writer(event: Event) -> None:
            if isinstance(event, BuildAwaited):
                writer.execute("ROLLBACK")

        process = processes.enter_context(elsewhere.start("upgrade", "head"))
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%")
        [aside] = eventually(
            lambda: [name for name in indexes(database) if name.startswith("other")]
        )
        eventually(lambda: watched(database, pid))
        listener = Listener(end_the_writer)
        migrate(project, database.engine, listener=listener)
        process.communicate(timeout=60)

    assert listener.of(BuildAwaited)[0] == BuildAwaited(
        "ix", '"public"."t"', pid=pid, builds=aside, orphan=False
    )
    assert process.returncode == 0
    assert indexes(database) == {
        **BUILT,
        "other": OTHER._replace(comment=built_by("b")),
        "theirs_pkc": indexes(database)["theirs_pkc"],
    }


def test_a_build_whose_client_was_killed_is_waited_for_and_taken(
    database: Database, project: Project
) -> None:
    with in_transaction(database, WRITE) as writer:

        def end_the_writer(event: Event) -> None:
            if isinstance(event, BuildAwaited):
                writer.execute("ROLLBACK")

        process = project.start("upgrade", "head")
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%")
        [aside] = eventually(lambda: indexes(database))
        eventually(lambda: watched(database, pid))
        process.kill()
        process.communicate()
        eventually(lambda: not watched(database, pid))
        assert is_running(database, pid)
        oid = rows(database, "SELECT indexrelid FROM pg_index WHERE NOT indisvalid")
        listener = Listener(end_the_writer)
        migrate(project, database.engine, listener=listener)

    assert listener.of(BuildAwaited) == [
        BuildAwaited("ix", '"public"."t"', pid=pid, builds=aside, orphan=True)
    ]
    assert listener.of(Taken) == [Taken("ix", '"public"."t"', aside=aside)]
    assert indexes(database) == BUILT
    assert rows(database, "SELECT 'ix'::regclass::oid") == oid
    assert revisions(database) == {"a"}


def test_who_takes_the_lock_first_is_let_go_first(database: Database, project: Project) -> None:
    with database.connect() as other:

        def race(event: Event) -> None:
            if isinstance(event, BuildStarted) and not raced:
                raced.append(event)
                other.execute("BEGIN")
                other.execute(LOCK)
            if isinstance(event, Retried):
                other.execute("ROLLBACK")

        raced: list[Event] = []
        listener = Listener(race)
        migrate(project, database.engine, listener=listener)

    assert listener.of(Retried) == [
        Retried("ix", '"public"."t"', reason="another session took the table's lock first")
    ]
    assert indexes(database) == BUILT


def test_a_build_that_takes_the_lock_first_is_not_ended_by_ours(
    database: Database, project: Project
) -> None:
    """Ours, waiting behind it, would have a snapshot that the other comes to wait for."""
    with (
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
        database.connect() as connection,
    ):

        def race(event: Event) -> None:
            if isinstance(event, BuildStarted) and not others:
                others.append(Running(connection, "CREATE INDEX CONCURRENTLY other ON t (a)"))
                eventually(lambda: in_the_last_stage(database, others[0].pid))
            if isinstance(event, BuildAwaited):
                reader.execute("ROLLBACK")

        others: list[Running] = []
        listener = Listener(race)
        migrate(project, database.engine, listener=listener)
        eventually(lambda: not is_active(database, others[0].pid))
        others[0].cancel()

    assert others[0].error is None
    assert len(listener.of(Retried)) == 1
    assert indexes(database) == {**BUILT, "other": OTHER}
