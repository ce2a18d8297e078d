"""The connection that watches a build: with every driver, and where there is none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, Pool, StaticPool

from alembic_index_ops import DrainTimeoutError
from alembic_index_ops.build import concurrent, watch
from alembic_index_ops.events import Event, Progress, Unwatched
from tests.conftest import MakeRole
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate, untimed
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

WRITE = "INSERT INTO t VALUES (0)"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
BUILT = {"ix": Seen("CREATE INDEX ix ON public.t USING btree (a)", "valid", built_by("a"))}
BUDGET = "index_ops.drain_timeout=500ms"
CREATE, DROP = 'op.create_concurrent_index("ix", "t", ["a"])', 'op.drop_concurrent_index("ix", "t")'
DRIVERS = ["psycopg", "psycopg2", "psycopg_async", "asyncpg"]
WATCHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'alembic_index_ops watching %'
"""
NOBODY = "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s)"
SAME = "the engine's creator always gives the same connection"


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t AS SELECT generate_series(1, 4000) AS a",
        "CREATE TABLE elsewhere (a int)",
    )
    project.revision("a", CREATE, DROP)


def unwatched(reason: str) -> str:
    return (
        f'index "ix" on "public"."t": no second connection ({reason}), so no progress is shown, and'
        " drain_timeout bounds each wait instead of all together"
    )


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def give_up(project: Project, engine: Engine, listener: Listener | None = None) -> str:
    """What the upgrade ends in."""
    with pytest.raises(DrainTimeoutError) as spent:
        migrate(project, engine, BUDGET, listener=listener)
    return untimed(spent.value)


# Every driver has one, and its cancel arrives: the server's own limit comes five seconds later.


def engine_of(url: str) -> Engine | AsyncEngine:
    make = create_async_engine if "async" in url else create_engine
    return make(url.replace("psycopg_async", "psycopg"), poolclass=NullPool)


@pytest.fixture
def owner(database: Database, make_role: MakeRole) -> str:
    """An ordinary role that owns the table."""
    owner = make_role()
    execute(
        database, f"ALTER TABLE t OWNER TO {owner}", f"GRANT CREATE ON SCHEMA public TO {owner}"
    )
    return owner


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("set_role", [False, True])
def test_a_spent_budget_ends_the_build(
    database: Database,
    project: Project,
    make_role: MakeRole,
    owner: str,
    driver: str,
    set_role: bool,
) -> None:
    deployer = make_role()
    execute(database, f"GRANT {owner} TO {deployer}")
    engine = engine_of(database.url_for(deployer if set_role else owner, driver))
    before = f"SET ROLE {owner}" if set_role else "SET lock_timeout = '7s'"
    listener = Listener()

    with in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader:
        named = f"It waited for pid {reader.info.backend_pid} (postgres, "
        with pytest.raises(DrainTimeoutError) as spent:
            migrate(project, engine, BUDGET, listener=listener, before=before)

    assert named in str(spent.value)
    assert listener.of(Unwatched) == []
    assert listener.of(Progress)[-1].seconds < 4
    assert indexes(database) == {}
    assert rows(database, WATCHERS) == []
    migrate(project, engine, before=before)
    assert indexes(database) == BUILT


# Where there is none.


@pytest.fixture(params=["of the role", "of the database"])
def crowded(
    request: pytest.FixtureRequest, database: Database, owner: str
) -> Iterator[tuple[Engine, str]]:
    """An engine that gets one connection and no second one, and what the server says to it."""
    if request.param == "of the role":
        execute(database, f"ALTER ROLE {owner} CONNECTION LIMIT 1")
        said = f'too many connections for role "{owner}"'
    else:
        database.server.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 1")
        said = f'too many connections for database "{database.name}"'
    eventually(lambda: rows(Database(database.server, "postgres"), NOBODY, database.name))
    yield create_engine(database.url_for(owner), poolclass=NullPool), said
    execute(database, f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")


def test_a_connection_limit_does_not_stop_a_build(
    database: Database,
    project: Project,
    crowded: tuple[Engine, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine, said = crowded

    migrate(project, engine)

    [warning] = warnings(caplog)
    assert warning.startswith('index "ix" on "public"."t": no second connection (')
    assert f"FATAL:  {said}), so no progress is shown, and drain_timeout bounds each" in warning
    assert indexes(database) == BUILT


@pytest.mark.parametrize("crowded", ["of the role"], indirect=True)
def test_a_connection_limit_does_not_stop_the_drain_budget(
    database: Database, project: Project, crowded: tuple[Engine, str]
) -> None:
    engine, _ = crowded

    with in_transaction(database, WRITE) as writer:
        lines = give_up(project, engine).splitlines()

        assert lines[0].startswith(
            'index "ix" on "public"."t" was not built: older transactions did not end within'
            " drain_timeout (0.5 s). Left behind is an INVALID index "
        )
        assert lines[1] == (
            f"It waited for pid {writer.info.backend_pid} (postgres, no application name, waited"
            " for <time> so far; its state and query are hidden from this role)."
        )
    migrate(project, engine)
    assert indexes(database) == BUILT


@pytest.mark.parametrize("pool", [NullPool, StaticPool])
def test_a_creator_that_always_gives_the_same_connection(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    pool: type[Pool],
) -> None:
    with psycopg.connect(database.url.replace("+psycopg", "")) as connection:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=pool)
        migrate(project, engine)
        assert not connection.closed or pool is NullPool

    assert warnings(caplog) == [unwatched(SAME)]
    assert indexes(database) == BUILT


def engine_whose_second(database: Database, connect: Callable[[], psycopg.Connection]) -> Engine:
    """An engine that opens its connections, after the first, by `connect`."""
    first: list[psycopg.Connection] = []

    def create() -> psycopg.Connection:
        if first:
            return connect()
        first.append(psycopg.connect(database.url.replace("+psycopg", "")))
        return first[0]

    return create_engine("postgresql+psycopg://", creator=create, poolclass=NullPool)


def test_a_second_connection_that_leads_elsewhere(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_whose_second(database, database.server.connect)

    migrate(project, engine)

    assert warnings(caplog) == [
        unwatched("it does not see the first one; a pooler may lie between")
    ]
    assert indexes(database) == BUILT


def test_a_creator_that_raises(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> psycopg.Connection:
        raise RuntimeError("no more than one\nof these")

    migrate(project, engine_whose_second(database, refuse))

    assert warnings(caplog) == [unwatched("no more than one")]
    assert indexes(database) == BUILT


def test_a_second_connection_that_does_not_open(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "_OPEN_SECONDS", 0.2)
    go_on = threading.Event()

    def hang() -> psycopg.Connection:
        go_on.wait(30)
        return psycopg.connect(database.url.replace("+psycopg", ""))

    try:
        migrate(project, engine_whose_second(database, hang))
    finally:
        go_on.set()

    assert warnings(caplog) == [unwatched("it was not open after 0.2 s")]
    assert indexes(database) == BUILT
    eventually(lambda: not watch_threads())
    assert rows(database, WATCHERS) == []


def watch_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if "watching" in each.name]


def test_a_static_pool_gives_a_second_connection(database: Database, project: Project) -> None:
    listener = Listener()
    engine = create_engine(database.url, poolclass=StaticPool)
    try:
        migrate(project, engine, listener=listener)
    finally:
        engine.dispose()

    assert listener.of(Unwatched) == []
    assert indexes(database) == BUILT


def end_the_watcher(database: Database) -> Listener:
    """A listener that ends the second connection while a build waits for others."""

    def end(event: Event) -> None:
        if isinstance(event, Progress) and event.waiting_for:
            execute(database, f"SELECT pg_terminate_backend(pid) FROM ({WATCHERS}) watchers")

    return Listener(end)


def test_a_watcher_that_is_killed_costs_only_the_progress(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with in_transaction(database, WRITE) as writer:
        listener = end_the_watcher(database)
        with ThreadPoolExecutor(1) as pool:
            upgrade = pool.submit(migrate, project, database.engine, listener=listener)
            eventually(lambda: listener.of(Unwatched))
            assert not upgrade.done()
            writer.execute("ROLLBACK")
            upgrade.result()

    assert warnings(caplog) == [
        unwatched("it was lost: terminating connection due to administrator command")
    ]
    assert indexes(database) == BUILT


def test_a_watcher_that_is_killed_leaves_the_drain_budget_to_the_server(
    database: Database, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent, "_MARGIN_SECONDS", 0.5)
    with in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader:
        said = give_up(project, database.engine, end_the_watcher(database))
        assert f"It waited for pid {reader.info.backend_pid} (postgres, " in said

    assert indexes(database) == {}
    assert revisions(database) == set()
