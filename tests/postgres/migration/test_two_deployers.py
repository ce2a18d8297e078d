"""Deployers at once without deploy_lock: each index once, no hang, and it ends right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from alembic_index_ops import BuildError
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.migration.deployers import LIMIT_SECONDS, Deployer, Deployers, at_once
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction

BUILT = {
    "ix": Seen("CREATE INDEX ix ON public.t USING btree (a DESC)", "valid", built_by("a")),
    "iy": Seen("CREATE UNIQUE INDEX iy ON public.t USING btree (b)", "valid", built_by("b")),
}
MAKE_TABLE = "CREATE TABLE t AS SELECT i AS a, i AS b FROM generate_series(1, {}) i"
TINY, BIG = 3, 100_000

# What Alembic says, or the server to Alembic, when another one stamps, or makes its table, first;
# and where env.py waits for a lock inside the server.
_LOST = "|".join(
    (
        r"FAILED: (Online m|M)igration expected to match (one|1) row when (updating|deleting)",
        r'duplicate key value violates unique constraint "alembic_version_pkc"',
        r'duplicate key value violates unique constraint "pg_type_typname_nsp_index"',
        "deadlock detected",
        "FAILED: .* it waits for the end of transactions",
        r'(relation|type) "(alembic_version|t)" already exists',
    )
)


@pytest.fixture(scope="module")
def deployers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployers]:
    deployers = Deployers(tmp_path_factory.mktemp("deployers"), 3)
    yield deployers
    deployers.close()


@pytest.fixture
def them(deployers: Deployers) -> Iterator[list[Deployer]]:
    with deployers.for_one_test() as them:
        yield them


@pytest.fixture
def shared(deployers: Deployers, them: list[Deployer], database: Database) -> Project:
    """The deployers' project."""
    return Project(deployers.directory, database.url)


def race(them: list[Deployer], database: Database, *arguments: str) -> str:
    """Each runs the command; one ends well, the others too, or lose as they may. Their logs."""
    statuses = at_once(them, *arguments)
    assert 0 in statuses, [each.output for each in them]
    for each, status in zip(them, statuses, strict=True):
        assert status == 0 or re.search(_LOST, each.output), each.output
    assert rows(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []
    return "".join(each.output for each in them)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    ("size", "found"),
    [(TINY, "stamped"), (BIG, "stamped"), (BIG, "no version table"), (BIG, "nothing")],
)
def test_up_and_down(
    database: Database,
    shared: Project,
    them: list[Deployer],
    count: int,
    size: int,
    found: str,
) -> None:
    table = MAKE_TABLE.format(size)
    shared.revision("0", f'op.execute("{table}")' if found == "nothing" else "pass")
    shared.revision(
        "a", 'op.create_desc_index("ix", "t", ["a DESC"])', 'op.drop_concurrent_index("ix", "t")'
    )
    shared.revision(
        "b",
        'op.create_concurrent_index("iy", "t", ["b"], unique=True)',
        'op.drop_concurrent_index("iy", "t")',
    )
    if found != "nothing":
        execute(database, table)
    if found == "stamped":
        shared.upgrade("0")

    log = race(them[:count], database, "upgrade", "head")

    for name in BUILT:
        assert len(re.findall(rf'"{name}" on .*: (valid, built in|built at once)', log)) == 1, log
    assert indexes(database) == BUILT
    assert revisions(database) == {"b"}
    shared.upgrade()
    assert indexes(database) == BUILT

    race(them[:count], database, "downgrade", "0")

    shared.downgrade("0")
    assert indexes(database) == {}
    assert revisions(database) == {"0"}


BEGIN = "        with context.begin_transaction():\n            context.run_migrations()\n\n\nif "
_LOCKS = {
    "of the session": "pg_advisory_lock(4711)",
    "of the transaction": "pg_advisory_xact_lock(4711)",
}


@pytest.fixture
def locking(shared: Project, database: Database) -> Project:
    """One revision that builds on a big table; env.py is to be told which lock to wait for."""
    execute(database, MAKE_TABLE.format(BIG))
    shared.revision("a", 'op.create_desc_index("ix", "t", ["a DESC"])')
    return shared


def lock_first(project: Project, function: str) -> None:
    """Have env.py wait for an advisory lock inside the server, as many do."""
    project.edit_env(
        (
            BEGIN,
            BEGIN.replace(
                "            context.run",
                f"            connection.exec_driver_sql('SELECT {function}')\n"
                "            context.run",
            ),
        )
    )


def ends_right(project: Project, database: Database) -> None:
    """The same command again ends right."""
    project.upgrade()
    assert indexes(database) == {"ix": BUILT["ix"]}
    assert revisions(database) == {"a"}
    assert rows(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


WAITER = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'advisory' AND query LIKE 'SELECT pg_advisory%'
"""


def look_for_deadlocks_after(database: Database, time: str) -> None:
    """For sessions that begin from now on: each looks once, when it has waited for so long."""
    execute(database, f"ALTER DATABASE {database.name} SET deadlock_timeout = '{time}'")


def test_a_lock_of_env_py_that_ends_the_build(
    database: Database, locking: Project, them: list[Deployer]
) -> None:
    lock_first(locking, _LOCKS["of the session"])
    with ThreadPoolExecutor() as pool:
        with in_transaction(database, "INSERT INTO t VALUES (0, 0)"):
            building = pool.submit(locking.upgrade)
            backend_running(database, "CREATE INDEX CONCURRENTLY%")
            look_for_deadlocks_after(database, "1min")
            them[0].start("upgrade", "head")
            [(waiter,)] = eventually(lambda: rows(database, WAITER))

        with pytest.raises(BuildError) as deadlock:
            building.result(LIMIT_SECONDS)

    assert re.fullmatch(
        r'index "ix" on "public"\."t" was not built: it waits for the end of transactions that wait'
        r" for a lock of this very session\. Nothing is left behind\.\n"
        rf"Waiting for us: pid {waiter} \(postgres, no application name, active, its transaction"
        r" open for [^:]+: SELECT pg_advisory_lock\(4711\)\)\.\n"
        r"env\.py took that lock before the migrations\."
        r" If it runs `SELECT pg_advisory_lock\(\.\.\.\)`,"
        r" write `with alembic_index_ops\.deploy_lock\(connection\):` around"
        r" `context\.run_migrations\(\)` instead, which never waits inside the server\.",
        str(deadlock.value),
    )
    assert them[0].join() == 0, them[0].output
    ends_right(locking, database)


def test_a_lock_of_env_py_that_ends_the_one_that_waits(
    database: Database, locking: Project, them: list[Deployer]
) -> None:
    """It fails before its first migration, with the server's words; the build goes on."""
    lock_first(locking, _LOCKS["of the session"])
    builder, waiter = them[:2]
    look_for_deadlocks_after(database, "1min")
    with in_transaction(database, "INSERT INTO t VALUES (0, 0)"):
        builder.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%")
        look_for_deadlocks_after(database, "2s")
        waiter.start("upgrade", "head")
        eventually(lambda: rows(database, WAITER))

    assert waiter.join() == 1
    assert "deadlock detected" in waiter.output
    assert "Running upgrade" not in waiter.output
    assert builder.join() == 0, builder.output
    ends_right(locking, database)


@pytest.mark.parametrize("lock", _LOCKS)
@pytest.mark.parametrize("count", [2, 3])
def test_a_lock_of_env_py_and_a_race(
    database: Database, locking: Project, them: list[Deployer], lock: str, count: int
) -> None:
    lock_first(locking, _LOCKS[lock])

    race(them[:count], database, "upgrade", "head")

    ends_right(locking, database)
