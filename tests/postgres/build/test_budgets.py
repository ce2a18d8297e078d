"""What each budget bounds, and what it ends in."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from alembic_index_ops import DrainTimeoutError, LockTimeoutError
from alembic_index_ops.build.locks import ADVISORY_CLASS
from alembic_index_ops.events import Event, LockAwaited, Progress
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate, untimed
from tests.projects import Project
from tests.servers import Database, Server
from tests.sessions import in_transaction, running

WRITE = "INSERT INTO t VALUES (0)"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
LOCK = "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"
BUILT = {"ix": Seen("CREATE INDEX ix ON public.t USING btree (a)", "valid", built_by("a"))}
AGAIN = (
    "Nothing was changed; when that has ended, run this migration again, or give it longer:"
    " alembic -x index_ops.lock_timeout=1h ..."
)
BRIEF = "index_ops.lock_timeout=300ms"


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t AS SELECT generate_series(1, 4000) AS a",
        "CREATE TABLE elsewhere (a int)",
    )
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"])',
        'op.drop_concurrent_index("ix", "t")',
    )


def test_the_drain_budget_is_for_all_waits_together(database: Database, project: Project) -> None:
    """First for a writer, most of the budget long; then for a snapshot, the rest of it."""
    writer_ended: list[float] = []
    with (
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
        in_transaction(database, WRITE) as writer,
    ):

        def end_the_writer(event: Event) -> None:
            if isinstance(event, Progress) and event.seconds > 1.2 and not writer_ended:
                assert [each.pid for each in event.waiting_for] == [writer.info.backend_pid]
                writer.execute("ROLLBACK")
                writer_ended.append(time.monotonic())

        listener = Listener(end_the_writer)
        with pytest.raises(DrainTimeoutError) as spent:
            migrate(project, database.engine, "index_ops.drain_timeout=2s", listener=listener)
        rest = time.monotonic() - writer_ended[0]
        named = f"It waited for pid {reader.info.backend_pid} (postgres, "

    assert named in str(spent.value)
    assert "within drain_timeout (2 s)" in str(spent.value)
    assert rest < 1.6


def test_a_drain_budget_that_is_enough_for_all_waits(database: Database, project: Project) -> None:
    with in_transaction(database, WRITE) as writer:

        def end_the_writer(event: Event) -> None:
            if isinstance(event, Progress) and event.waiting_for:
                writer.execute("ROLLBACK")

        migrate(
            project,
            database.engine,
            "index_ops.drain_timeout=2s",
            listener=Listener(end_the_writer),
        )

    assert indexes(database) == BUILT


def test_time_that_nothing_is_waited_for_is_not_counted(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.001); RETURN $1; END'",
        "DELETE FROM t WHERE a > 1000",
    )
    project.revision("a", 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")])', down=None)
    listener = Listener()

    migrate(project, database.engine, "index_ops.drain_timeout=500ms", listener=listener)

    assert indexes(database)["ix"].state == "valid"
    assert max(event.seconds for event in listener.of(Progress)) > 0.9


@pytest.mark.parametrize("method", ["upgrade", "downgrade"])
@pytest.mark.parametrize("prepared", [False, True])
def test_who_holds_the_lock_is_named(
    database: Database, project: Project, method: str, prepared: bool
) -> None:
    if method == "downgrade":
        project.upgrade()
    before = indexes(database), revisions(database)
    with in_transaction(database, LOCK) as holder:
        holding = (
            f"pid {holder.info.backend_pid} (postgres, no application name, idle in transaction,"
            f" its transaction open for <time>: {LOCK})"
        )
        if prepared:
            holder.execute("PREPARE TRANSACTION 'locks'")
            holding = (
                'prepared transaction "locks" (postgres, its transaction open for <time>); COMMIT'
                " PREPARED or ROLLBACK PREPARED ends it"
            )
        try:
            with pytest.raises(LockTimeoutError) as spent:
                migrate(project, database.engine, BRIEF, method=method)
        finally:
            if prepared:
                holder.execute("ROLLBACK PREPARED 'locks'")

    assert untimed(spent.value).splitlines() == [
        '"public"."t": its lock (SHARE UPDATE EXCLUSIVE) was not to be had within lock_timeout'
        f" (0.3 s); held by {holding}.",
        AGAIN,
    ]
    assert (indexes(database), revisions(database)) == before


def test_another_migration_on_the_table_is_named(database: Database, project: Project) -> None:
    """Between its steps it has the advisory lock, and no lock of the table."""
    [(oid,)] = rows(database, "SELECT 't'::regclass::oid::int")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [ADVISORY_CLASS, oid])
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as spent:
            migrate(project, database.engine, BRIEF)

    assert untimed(spent.value).splitlines() == [
        '"public"."t": another migration is building or dropping an index on this table, and did'
        f" not end within lock_timeout (0.3 s): pid {pid} (postgres, no application name, idle:"
        " SELECT pg_advisory_lock($1, $2)).",
        AGAIN,
    ]
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("method", "mode", "query"),
    [
        ("upgrade", "SHARE", WRITE),
        ("downgrade", "ACCESS EXCLUSIVE", "SELECT count(*) FROM t"),
    ],
)
def test_who_keeps_a_lock_away_behind_which_others_queue(
    database: Database, project: Project, method: str, mode: str, query: str
) -> None:
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"], concurrently=False)',
        'op.drop_concurrent_index("ix", "t", concurrently=False)',
        down=None,
    )
    if method == "downgrade":
        project.upgrade()
    before = indexes(database), revisions(database)
    with (
        in_transaction(database, query) as user,
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ"),
    ):
        pid = user.info.backend_pid
        with pytest.raises(LockTimeoutError) as spent:
            migrate(project, database.engine, BRIEF, method=method)

    assert untimed(spent.value).splitlines() == [
        f'"public"."t": its {mode} lock was not to be had in tries of 0.1 s (stall_timeout; readers'
        f" or writers queue behind each) within lock_timeout (0.3 s); in use by pid {pid}"
        " (postgres, no application name, idle in transaction, its transaction open for"
        f" <time>: {query}).",
        "Nothing was changed; run the migration again when those have ended, or give it longer:"
        " alembic -x index_ops.lock_timeout=1h ...",
    ]
    assert (indexes(database), revisions(database)) == before


def test_a_lock_that_is_given_back_in_time(database: Database, project: Project) -> None:
    with in_transaction(database, LOCK) as holder:

        def let_go(event: Event) -> None:
            if isinstance(event, LockAwaited):
                holder.execute("ROLLBACK")

        listener = Listener(let_go)
        migrate(project, database.engine, listener=listener)
        assert [session.pid for session in listener.of(LockAwaited)[0].holders] == [
            holder.info.backend_pid
        ]

    assert indexes(database) == BUILT


@pytest.fixture
def vacuuming(database: Database, server: Server) -> Iterator[int]:
    """The pid of an autovacuum of `t`, slowed down so that it takes minutes."""
    execute(
        database,
        "ALTER TABLE t SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,"
        " autovacuum_analyze_threshold = 1000000)",
        "DELETE FROM t WHERE a > 3000",
    )
    server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    server.execute("SELECT pg_reload_conf()")
    try:
        found = eventually(
            lambda: rows(
                database,
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
                " AND query LIKE '%VACUUM public.t%'",
            ),
            60,
        )
        yield int(found[0][0])
    finally:
        server.execute("ALTER SYSTEM RESET autovacuum_naptime")
        server.execute("SELECT pg_reload_conf()")


def test_a_lock_timeout_below_the_floor_still_wins_against_autovacuum(
    database: Database, project: Project, vacuuming: int
) -> None:
    """The server cancels an autovacuum that is in the way after deadlock_timeout, 1 s."""
    listener = Listener()

    migrate(project, database.engine, BRIEF, listener=listener)

    assert indexes(database) == BUILT


class Onlooker(Listener):
    """Looks, at each event, in which states our own sessions are; ends `wait` after five looks."""

    def __init__(self, database: Database, wait: psycopg.Connection, *others: int) -> None:
        super().__init__(self._look)
        self.states: set[tuple[str, str]] = set()
        self._database, self._wait = database, wait
        self._others = [wait.info.backend_pid, *others]
        self._looks = 0

    def _look(self, event: Event) -> None:
        if isinstance(event, Progress) and event.waiting_for:
            self.states.update(rows(self._database, OUR_SESSIONS, self._others))
            self._looks += 1
            if self._looks == 5:
                self._wait.execute("ROLLBACK")


OUR_SESSIONS = """
SELECT split_part(application_name, ' ', 2), state FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
  AND pid <> pg_backend_pid() AND pid <> ALL (%s)
"""


def test_no_transaction_of_ours_is_open_while_a_build_waits(
    database: Database, project: Project
) -> None:
    with in_transaction(database, WRITE) as writer:
        onlooker = Onlooker(database, writer)
        migrate(project, database.engine, listener=onlooker)

    assert onlooker.states == {("", "active"), ("watching", "idle")}
    assert indexes(database) == BUILT


def test_no_transaction_of_ours_is_open_while_another_build_is_waited_for(
    database: Database, project: Project
) -> None:
    with (
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
        running(database, "CREATE INDEX CONCURRENTLY other ON t (a)") as other,
    ):
        eventually(lambda: indexes(database))
        onlooker = Onlooker(database, reader, other.pid)
        migrate(project, database.engine, listener=onlooker)

    assert onlooker.states == {("", "idle")}
    assert set(indexes(database)) == {"ix", "other"}
