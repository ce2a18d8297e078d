"""Who is at work on a table, as every role may see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from alembic_index_ops.catalog import read_table
from alembic_index_ops.catalog.activity import (
    Doing,
    Session,
    has_application,
    read_advisory_holders,
    read_doing,
    read_invalid_names,
    read_sessions,
    read_waiters,
)
from alembic_index_ops.catalog.occupation import Occupation, read_occupation
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.events import Blocker
from tests.conftest import MakeRole
from tests.observe import eventually, execute, indexes, rows
from tests.servers import Database, Server
from tests.sessions import fail_building, in_transaction, running

WRITE = "INSERT INTO t VALUES (0)"
READ = "SELECT count(*) FROM t"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
LOCK = "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"
NAMED = "SET application_name = 'reports'"


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    execute(database, "CREATE TABLE t (a int)", "CREATE TABLE elsewhere (a int)")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A connection in autocommit, as the watch has one."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def table(connection: Connection, tables: None) -> Table:
    return read_table(connection, "t", None)


def timeless(blocker: Blocker) -> tuple[object, ...]:
    """All of it but the age of its transaction."""
    return (blocker.pid, blocker.user, blocker.application, blocker.state, blocker.query)


def by_pid(sessions: Iterable[Session]) -> dict[int | None, Session]:
    return {session.blocker.pid: session for session in sessions}


def test_sessions_with_locks_and_with_snapshots(
    database: Database, connection: Connection, table: Table
) -> None:
    with (
        in_transaction(database, NAMED, WRITE) as writer,
        in_transaction(database, READ) as reader,
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as old,
        in_transaction(database, READ_ELSEWHERE),
    ):
        found = by_pid(read_sessions(connection, table))
        pids = [each.info.backend_pid for each in (writer, reader, old)]

    assert set(found) == set(pids)
    modes = [(set(found[pid].modes), found[pid].snapshot) for pid in pids]
    assert modes == [
        ({"RowExclusiveLock"}, False),
        ({"AccessShareLock"}, False),
        (set(), True),
    ]
    assert [timeless(found[pid].blocker)[1:] for pid in pids] == [
        ("postgres", "reports", "idle in transaction", WRITE),
        ("postgres", "", "idle in transaction", READ),
        ("postgres", "", "idle in transaction", READ_ELSEWHERE),
    ]
    ages = [found[pid].blocker.open_seconds for pid in pids]
    assert all(age is not None and 0 <= age < 10 for age in ages)


def test_one_transaction_is_told_from_the_next(
    database: Database, connection: Connection, table: Table
) -> None:
    with in_transaction(database, WRITE) as writer:
        [first] = read_sessions(connection, table)
        [again] = read_sessions(connection, table)
        writer.execute("COMMIT")
        writer.execute("BEGIN")
        writer.execute(WRITE)
        [second] = read_sessions(connection, table)

    assert first.transaction == again.transaction != second.transaction
    assert first.blocker.pid == second.blocker.pid


@pytest.mark.parametrize("restarted", [False, True])
def test_a_prepared_transaction(database: Database, server: Server, restarted: bool) -> None:
    """A restart changes the number by which its locks are known."""
    execute(database, f"BEGIN; SAVEPOINT s; {WRITE}; RELEASE s; PREPARE TRANSACTION 'p'")
    try:
        if restarted:
            server.stop("immediate")
            server.start()
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as ours:
            [found] = read_sessions(ours, read_table(ours, "t", None))
    finally:
        execute(database, "ROLLBACK PREPARED 'p'")

    blocker = found.blocker
    assert (blocker.pid, blocker.user, blocker.prepared) == (None, "postgres", "p")
    assert blocker.open_seconds is not None
    assert (set(found.modes), found.snapshot) == ({"RowExclusiveLock"}, False)


def test_what_an_ordinary_role_sees_of_others(
    database: Database, table: Table, make_role: MakeRole
) -> None:
    engine = create_engine(database.url_for(make_role()), poolclass=NullPool)
    with (
        in_transaction(database, NAMED, WRITE) as writer,
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as old,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as ours,
    ):
        found = by_pid(read_sessions(ours, table))
        seen, snapshot = found[writer.info.backend_pid], found[old.info.backend_pid]
        pid = writer.info.backend_pid

    assert seen.blocker == Blocker(pid, "postgres", "reports", None, None, None)
    assert seen.modes == {"RowExclusiveLock"}
    assert snapshot.snapshot


def test_a_table_of_the_same_oid_in_another_database_is_another_table(
    database: Database, connection: Connection, table: Table, server: Server
) -> None:
    connection.close()
    name = f"{database.name}_copy"
    eventually(
        lambda: (
            not rows(
                Database(server, "postgres"),
                "SELECT 1 FROM pg_stat_activity WHERE datname = %s",
                database.name,
            )
        )
    )
    server.execute(f"CREATE DATABASE {name} TEMPLATE {database.name}")
    try:
        with (
            in_transaction(Database(server, name), LOCK),
            in_transaction(Database(server, name), READ, isolation="REPEATABLE READ"),
            database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as ours,
        ):
            assert read_sessions(ours, table) == []
            assert read_occupation(ours, table).holders == ()
    finally:
        server.drop_database(name)


def test_a_waiting_build(database: Database, connection: Connection, table: Table) -> None:
    with (
        in_transaction(database, WRITE) as writer,
        running(database, "CREATE INDEX CONCURRENTLY ix ON t (a)") as build,
    ):
        eventually(lambda: read_doing(connection, [build.pid])[build.pid].waits)
        doing = read_doing(connection, [build.pid])[build.pid]
        occupation = read_occupation(connection, table)
        blocked_by = writer.info.backend_pid
        assert read_invalid_names(connection, table) == ["ix"]

    assert (doing.building, doing.dropping, doing.phase, doing.waits, doing.blocked_by) == (
        True,
        False,
        "waiting for writers before build",
        "transactions",
        (blocked_by,),
    )
    assert [holder.pid for holder in occupation.holders] == [build.pid]
    assert occupation.build is not None
    assert occupation.build.pid == build.pid
    assert not occupation.queued


def test_a_waiting_drop(database: Database, connection: Connection, table: Table) -> None:
    execute(database, "CREATE INDEX ix ON t (a)")
    with (
        in_transaction(database, READ) as reader,
        running(database, "DROP INDEX CONCURRENTLY ix") as drop,
    ):
        eventually(lambda: read_doing(connection, [drop.pid])[drop.pid].waits)
        doing = read_doing(connection, [drop.pid])[drop.pid]
        blocked_by = reader.info.backend_pid
        assert read_occupation(connection, table).build == doing

    assert (doing.building, doing.dropping, doing.phase, doing.waits, doing.blocked_by) == (
        False,
        True,
        "",
        "transactions",
        (blocked_by,),
    )


def test_a_progress_row_of_another_role_is_there_but_hidden(
    database: Database, make_role: MakeRole
) -> None:
    engine = create_engine(database.url_for(make_role()), poolclass=NullPool)
    with (
        in_transaction(database, WRITE) as writer,
        running(database, "CREATE INDEX CONCURRENTLY ix ON t (a)") as build,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as ours,
    ):
        eventually(lambda: indexes(database))
        doing = eventually(lambda: _waiting(ours, build.pid))
        blocked_by = writer.info.backend_pid

    assert doing is not None
    assert (doing.building, doing.phase, doing.blocked_by) == (True, "", (blocked_by,))


def _waiting(connection: Connection, pid: int) -> Doing | None:
    doing = read_doing(connection, [pid])[pid]
    return doing if doing.waits else None


def test_a_process_that_does_nothing_and_one_that_is_gone(
    database: Database, connection: Connection
) -> None:
    with database.connect() as other:
        pid = other.info.backend_pid
        found = read_doing(connection, [pid, 2**31 - 1])

    assert set(found) == {pid, 2**31 - 1}
    for doing in found.values():
        assert (doing.building, doing.phase, doing.waits, doing.blocked_by) == (False, "", "", ())
    assert read_doing(connection, []) == {}


def test_a_lock_that_is_held_and_one_that_is_queued_for(
    database: Database, connection: Connection, table: Table
) -> None:
    free = read_occupation(connection, table)
    with in_transaction(database, LOCK) as holder:
        held = read_occupation(connection, table)
        with running(database, LOCK.replace("LOCK", "BEGIN; LOCK")):
            queued = eventually(lambda: _queued(connection, table))
        pid = holder.info.backend_pid

    assert (free.holders, free.build, free.queued) == ((), None, False)
    assert [timeless(each) for each in held.holders] == [
        (pid, "postgres", "", "idle in transaction", LOCK)
    ]
    assert (held.build, held.queued) == (None, False)
    assert queued is not None
    assert [each.pid for each in queued.holders] == [pid]


def _queued(connection: Connection, table: Table) -> Occupation | None:
    occupation = read_occupation(connection, table)
    return occupation if occupation.queued else None


@pytest.mark.parametrize("statement", [WRITE, READ, "LOCK TABLE t IN ROW SHARE MODE"])
def test_readers_and_writers_hold_nothing_that_keeps_a_build_away(
    database: Database, connection: Connection, table: Table, statement: str
) -> None:
    with in_transaction(database, statement):
        assert read_occupation(connection, table).holders == ()


@pytest.mark.parametrize("second", [7, 0, 2**31, 2**32 - 1])
def test_who_holds_an_advisory_lock(
    database: Database, connection: Connection, second: int
) -> None:
    """The keys of pg_locks are unsigned, those of the functions are not."""
    signed = second - 2**32 if second >= 2**31 else second
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(1095323472, %s)", [signed])
        [found] = read_advisory_holders(connection, 1095323472, second)
        pid = holder.info.backend_pid
        holder.execute("SELECT pg_advisory_lock(1, 2)")
        assert read_advisory_holders(connection, 1095323472, 8) == []

    assert (found.pid, found.user) == (pid, "postgres")


def test_who_waits_for_a_lock_of_ours(database: Database, connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_advisory_lock(5)")
    assert read_waiters(connection) == []

    with running(database, "SELECT pg_advisory_lock(5)") as other:
        [found] = eventually(lambda: read_waiters(connection))

    assert timeless(found) == (other.pid, "postgres", "", "active", "SELECT pg_advisory_lock(5)")


def test_an_application_of_this_database(
    database: Database, connection: Connection, server: Server
) -> None:
    assert not has_application(connection, "reports")
    with Database(server, "postgres").connect() as elsewhere:
        elsewhere.execute(NAMED)
        assert not has_application(connection, "reports")
    with database.connect() as here:
        here.execute(NAMED)
        assert has_application(connection, "reports")


def test_the_invalid_indexes_of_a_table(
    database: Database, connection: Connection, table: Table
) -> None:
    execute(database, "INSERT INTO t VALUES (1), (1)", "CREATE INDEX good ON t (a)")
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY second ON t (a)")
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY another ON t (a)")

    assert read_invalid_names(connection, table) == ["second", "another"]
