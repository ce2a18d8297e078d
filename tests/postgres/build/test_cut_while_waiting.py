"""Clients, sessions and servers that end while a build or a drop waits for others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.forks import Fork, Forks
from tests.observe import eventually, execute, rows
from tests.postgres.build.faults import Subject
from tests.projects import Project
from tests.servers import Database, Server
from tests.sessions import in_transaction

WAITS = {
    "for writers": ("upgrade", "UPDATE t SET b = b WHERE a = 1", "READ COMMITTED"),
    "for snapshots": ("upgrade", "SELECT 1", "REPEATABLE READ"),
    "to drop": ("downgrade", "SELECT 1 FROM t", "READ COMMITTED"),
}
HITS = ("SIGKILL", "SIGTERM", "SIGINT", "terminate", "cancel")

_WAITING = """
SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid)
WHERE a.datname = current_database() AND NOT l.granted
  AND l.locktype IN ('virtualxid', 'transactionid')
"""
_RUNNING = """
SELECT 1 FROM pg_stat_activity WHERE pid = %s
  AND query LIKE '%%INDEX CONCURRENTLY%%' AND query NOT LIKE 'DROP%%_building_%%'
"""


@pytest.fixture(scope="module")
def one_project(
    one_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, Forks]]:
    """A project for all tests here, and what starts its runs."""
    directory = tmp_path_factory.mktemp("project")
    forks = Forks(directory, directory / "log")
    yield Project(directory, one_database.url), forks
    forks.close()


@pytest.fixture
def forks(one_project: tuple[Project, Forks]) -> Forks:
    return one_project[1]


@pytest.fixture
def subject(database: Database, one_project: tuple[Project, Forks]) -> Subject:
    return Subject(database, one_project[0])


@contextmanager
def started(forks: Forks, *arguments: str) -> Iterator[Fork]:
    """`alembic ...` in a process of its own, which has failed by itself when the block ends."""
    process = forks.start(*arguments)
    try:
        yield process
        assert process.join(30), "it hangs"
        assert process.status != 0
    finally:
        process.signal(signal.SIGKILL)
        process.join(30)


@pytest.mark.parametrize("hit", HITS)
@pytest.mark.parametrize("wait", WAITS)
def test_an_end_while_it_waits(subject: Subject, forks: Forks, wait: str, hit: str) -> None:
    method, statement, isolation = WAITS[wait]
    database = subject.database
    if method == "downgrade":
        subject.project.upgrade()
    with (
        in_transaction(database, statement, isolation=isolation) as other,
        started(forks, method, "head" if method == "upgrade" else "base") as process,
    ):
        [(pid,)] = eventually(lambda: rows(database, _WAITING), 30)
        if hit in ("terminate", "cancel"):
            execute(database, f"SELECT pg_{hit}_backend({pid})")
        else:
            process.signal(getattr(signal, hit))
        # What drops a leftover waits for the last user of the table.
        eventually(lambda: process.join(0) or not rows(database, _RUNNING, pid), 30)
        other.execute("ROLLBACK")

    subject.assert_ends_right(method)


@pytest.mark.parametrize("wait", WAITS)
def test_a_crash_of_the_server_while_it_waits(
    server: Server, subject: Subject, forks: Forks, wait: str
) -> None:
    method, statement, isolation = WAITS[wait]
    if method == "downgrade":
        subject.project.upgrade()
    with (
        in_transaction(subject.database, statement, isolation=isolation) as other,
        started(forks, method, "head" if method == "upgrade" else "base"),
    ):
        eventually(lambda: rows(subject.database, _WAITING), 30)
        server.stop("immediate")
        server.start()
        other.close()

    subject.assert_ends_right(method)


def test_a_prepared_transaction_outlives_a_crash(
    server: Server, subject: Subject, forks: Forks
) -> None:
    database = subject.database
    with in_transaction(database, "UPDATE t SET b = b WHERE a = 1") as other:
        other.execute("PREPARE TRANSACTION 'forgotten'")
    with started(forks, "upgrade", "head"):
        eventually(lambda: rows(database, _WAITING), 30)
        server.stop("immediate")
        server.start()

    with started(forks, "-x", "index_ops.drain_timeout=0.5s", "upgrade", "head"):
        pass

    assert 'prepared transaction "forgotten"' in forks.log.read_text()
    execute(database, "COMMIT PREPARED 'forgotten'")
    subject.assert_ends_right()
