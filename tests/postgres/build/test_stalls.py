"""How long others wait behind a lock that we wait for: not much longer than stall_timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alembic_index_ops import LockTimeoutError
from tests.observe import execute, indexes, revisions
from tests.postgres.build.listening import untimed
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

HELD_SECONDS = 1.5
READ, WRITE = "SELECT 1 FROM t WHERE a = 1", "INSERT INTO t VALUES (1, 1)"


class Traffic:
    """Statements of another session, one after the other; `longest` is how long one took."""

    def __init__(self, database: Database, statement: str) -> None:
        self.longest, self.count = 0.0, 0
        self._statement = statement
        self._connection = database.connect()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._stop.wait(0.001):
            began = time.monotonic()
            self._connection.execute(self._statement)
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1


@contextmanager
def traffic(database: Database, statement: str) -> Iterator[Traffic]:
    """Meanwhile others run this statement, all the time."""
    others = Traffic(database, statement)
    others.start()
    try:
        yield others
    finally:
        others.stop()


def plain(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )


def partitioned(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int) PARTITION BY RANGE (a)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (2000)",
        "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (2000) TO (MAXVALUE)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )


TABLES = {"plain": plain, "partitioned": partitioned}
AT_ONCE = 'op.create_concurrent_index("ix", "t", ["b"], concurrently=False)'


@pytest.mark.parametrize("table", TABLES)
def test_writers_beside_a_build_at_once(database: Database, project: Project, table: str) -> None:
    TABLES[table](database)
    project.revision("a", AT_ONCE)

    with held(database, WRITE), traffic(database, WRITE) as writer:
        project.upgrade()

    assert writer.longest < 1
    assert writer.count > 10
    assert indexes(database)["ix"].state == "valid"


@pytest.mark.parametrize("statement", [READ, WRITE])
@pytest.mark.parametrize(
    ("table", "arguments"),
    [("plain", "concurrently=False"), ("partitioned", "concurrently=False"), ("partitioned", "")],
)
def test_others_beside_a_drop_at_once(
    database: Database, project: Project, table: str, arguments: str, statement: str
) -> None:
    TABLES[table](database)
    execute(database, "CREATE INDEX ix ON t (b)")
    project.revision("a", f'op.drop_concurrent_index("ix", "t", {arguments})')

    with held(database, READ), traffic(database, statement) as others:
        project.upgrade()

    assert others.longest < 1
    assert others.count > 10
    assert "ix" not in indexes(database)


@contextmanager
def held(database: Database, statement: str) -> Iterator[None]:
    """A transaction that has the table for so long, from now."""
    with in_transaction(database, statement) as session:
        timer = threading.Timer(HELD_SECONDS, lambda: session.execute("ROLLBACK"))
        timer.start()
        try:
            yield
        finally:
            timer.join()


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        (AT_ONCE, "SHARE"),
        ('op.drop_concurrent_index("ix", "t", concurrently=False)', "ACCESS EXCLUSIVE"),
    ],
)
def test_who_uses_the_table_is_named_when_lock_timeout_is_spent(
    database: Database, project: Project, operation: str, mode: str
) -> None:
    plain(database)
    execute(database, "CREATE INDEX ix ON t (b)" if "drop" in operation else "SELECT 1")
    before = indexes(database)
    project.revision("a", operation)

    with in_transaction(database, WRITE) as writer, in_transaction(database, READ) as reader:
        users = [
            f"pid {writer.info.backend_pid} (postgres, no application name, idle in"
            f" transaction, its transaction open for <time>: {WRITE})"
        ]
        if mode != "SHARE":  # A reader is in nobody's way to that.
            users.append(
                f"pid {reader.info.backend_pid} (postgres, no application name, idle in"
                f" transaction, its transaction open for <time>: {READ})"
            )
        with pytest.raises(LockTimeoutError) as spent:
            project.upgrade("heads", "index_ops.lock_timeout=500ms", "index_ops.stall_timeout=50ms")

    first, last = untimed(spent.value).splitlines()
    head, _, named = first.partition("; in use by ")
    assert head == (
        f'"public"."t": its {mode} lock was not to be had in tries of 0.05 s (stall_timeout;'
        " readers or writers queue behind each) within lock_timeout (0.5 s)"
    )
    assert sorted(named.removesuffix(".").split("; ")) == sorted(users)
    assert last == (
        "Nothing was changed; run the migration again when those have ended, or give it longer:"
        " alembic -x index_ops.lock_timeout=1h ..."
    )
    assert indexes(database) == before
    assert revisions(database) == set()


def test_who_uses_a_partition_is_named_when_lock_timeout_is_spent(
    database: Database, project: Project
) -> None:
    partitioned(database)
    project.revision("a", AT_ONCE)

    with in_transaction(database, "INSERT INTO t_2 VALUES (3000, 1)") as writer:
        pid = writer.info.backend_pid
        with pytest.raises(LockTimeoutError) as spent:
            project.upgrade("heads", "index_ops.lock_timeout=500ms", "index_ops.stall_timeout=50ms")

    assert f"; in use by pid {pid} (postgres, no application name, idle in" in str(spent.value)


@pytest.mark.parametrize("operation", ["create", "drop"])
def test_heirs_of_a_table_are_left_alone(
    database: Database, project: Project, operation: str
) -> None:
    plain(database)
    execute(database, "CREATE TABLE heir () INHERITS (t)")
    if operation == "drop":
        execute(database, "CREATE INDEX ix ON t (b)")
    project.revision(
        "a",
        AT_ONCE
        if operation == "create"
        else 'op.drop_concurrent_index("ix", "t", concurrently=False)',
    )

    with in_transaction(database, "INSERT INTO heir VALUES (1, 1)"):
        project.upgrade("heads", "index_ops.lock_timeout=500ms")

    assert set(indexes(database)) == ({"ix"} if operation == "create" else set())


def test_a_try_lasts_as_long_as_stall_timeout_says(database: Database, project: Project) -> None:
    """Others wait as long as the holder takes, if it says that they may."""
    plain(database)
    project.revision("a", AT_ONCE)

    with held(database, WRITE), traffic(database, WRITE) as writer:
        project.upgrade("heads", "index_ops.stall_timeout=5s")

    assert 1 < writer.longest < 5
