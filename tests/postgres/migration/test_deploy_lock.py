"""deploy_lock: one deployment at a time, the others wait and find their work done."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from alembic_index_ops import ArgumentError, LockTimeoutError, deploy_lock
from alembic_index_ops.build.locks import ADVISORY_CLASS
from tests.conftest import MakeRole
from tests.observe import Seen, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.migration.deployers import Deployer, Deployers, at_once
from tests.postgres.migration.jobs import CONFIGURE, CREATE, create_jobs
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction, is_running

DEFINITION = "CREATE INDEX ix ON public.jobs USING btree (org) WHERE ((org % 2) = 1)"
BUILT = {"ix": Seen(DEFINITION, "valid", built_by("a"))}
HOLD = f"SELECT pg_advisory_lock({ADVISORY_CLASS}, 0)"
WAITS = "deploy_lock: another deployment migrates this database, waiting for "

OUTSIDE, INSIDE = "outside begin_transaction", "inside begin_transaction"
_FORMS = {
    OUTSIDE: """\
{0}with deploy_lock(connection{1}), context.begin_transaction():
{0}    context.run_migrations()
""",
    INSIDE: """\
{0}with context.begin_transaction():
{0}    with deploy_lock(connection{1}):
{0}        context.run_migrations()
""",
}
forms = pytest.mark.parametrize("form", _FORMS)


@pytest.fixture(scope="module")
def deployers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployers]:
    deployers = Deployers(tmp_path_factory.mktemp("deployers"), 2)
    yield deployers
    deployers.close()


@pytest.fixture
def both(deployers: Deployers) -> Iterator[list[Deployer]]:
    """Two deployers; their project is to be made in `directory`."""
    with deployers.for_one_test() as both:
        yield both


@pytest.fixture
def directory(deployers: Deployers, both: list[Deployer]) -> Path:
    """An empty one."""
    return deployers.directory


@pytest.fixture
def shared(directory: Path, database: Database) -> Project:
    """The deployers' project."""
    return Project(directory, database.url)


def edit(
    project: Project, form: str, timeout: str = "", isolation: str = "", configure: str = ""
) -> None:
    """Put deploy_lock into env.py, as the documentation says."""
    indentation = "    " if "run_sync" in project.env.read_text() else "        "
    plain = (
        f"{indentation}with context.begin_transaction():\n"
        f"{indentation}    context.run_migrations()\n\n\n"
    )
    after = "async def" if indentation == "    " else "if context"
    pool, option = "poolclass=pool.NullPool,", f"isolation_level={isolation!r},"
    project.edit_env(
        (
            "from alembic import context\n",
            "from alembic import context\nfrom alembic_index_ops import deploy_lock\n",
        ),
        (plain + after, _FORMS[form].format(indentation, timeout) + f"\n\n{after}"),
        (pool, f"{pool} {option}" if isolation else pool),
        (CONFIGURE, f"{CONFIGURE}, {configure}"),
    )


def write_revisions(project: Project) -> None:
    """One that writes down that it ran, and one that builds."""
    project.revision("0", 'op.execute("CREATE TABLE ran (revision text)")')
    project.revision("1", "op.execute(\"INSERT INTO ran VALUES ('1')\")")
    project.revision("a", CREATE)


def holder_of_lock(database: Database) -> int:
    """The server process that has the lock."""
    [(pid,)] = eventually(
        lambda: rows(
            database,
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            f" AND classid = {ADVISORY_CLASS} AND objid = 0 AND objsubid = 2"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    )
    return int(pid)


def wait_for_polls(database: Database, pid: int) -> None:
    """Return when that session has gone on asking for half a second."""
    asked = "SELECT query_start FROM pg_stat_activity WHERE pid = %s"
    [(first,)] = rows(database, asked, pid)
    eventually(lambda: rows(database, asked, pid)[0][0] - first > timedelta(seconds=0.5))


def is_free(database: Database) -> bool:
    """Whether nobody has an advisory lock."""
    return rows(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


@contextmanager
def pooled(database: Database) -> Iterator[Engine]:
    """An engine of one connection, which stays open."""
    engine = create_engine(database.url, pool_size=1, max_overflow=0)
    try:
        yield engine
    finally:
        engine.dispose()


def waits_for(deployer: Deployer, holder: int) -> bool:
    """Whether it has said that it waits for that server process."""
    return WAITS in deployer.output and f"; held by pid {holder} (postgres, " in deployer.output


@forms
@pytest.mark.parametrize(
    ("template", "driver", "isolation", "configure"),
    [
        ("generic", "psycopg", "", ""),
        ("generic", "psycopg", "", "transaction_per_migration=True"),
        ("generic", "psycopg", "AUTOCOMMIT", ""),
        ("generic", "psycopg", "REPEATABLE READ", ""),
        ("generic", "psycopg", "SERIALIZABLE", ""),
        ("generic", "psycopg2", "", ""),
        ("generic", "psycopg2", "REPEATABLE READ", ""),
        ("async", "psycopg", "", ""),
        ("async", "psycopg", "REPEATABLE READ", ""),
        ("async", "asyncpg", "", ""),
        ("async", "asyncpg", "SERIALIZABLE", ""),
    ],
)
def test_the_other_waits_and_finds_its_work_done(
    directory: Path,
    both: list[Deployer],
    database: Database,
    form: str,
    template: str,
    driver: str,
    isolation: str,
    configure: str,
) -> None:
    """A snapshot of the one that waits would keep the other's build waiting for ever."""
    project = Project(directory, database.url_for(driver=driver), template)
    edit(project, form, isolation=isolation, configure=configure)
    write_revisions(project)
    create_jobs(database)
    with in_transaction(database, "INSERT INTO jobs VALUES (0)"):
        for each in both:
            each.start("upgrade", "head")
        holder = holder_of_lock(database)
        assert backend_running(database, "CREATE INDEX CONCURRENTLY%") == holder
        eventually(lambda: any(waits_for(each, holder) for each in both))

    assert [each.join() for each in both] == [0, 0], [each.output for each in both]
    assert sorted(each.output.count("Running upgrade") for each in both) == [0, 3]
    assert indexes(database) == BUILT
    assert revisions(database) == {"a"}
    assert rows(database, "SELECT revision FROM ran") == [("1",)]
    assert is_free(database)


@forms
def test_on_an_empty_database(
    database: Database, shared: Project, both: list[Deployer], form: str
) -> None:
    edit(shared, form)
    shared.revision("t", 'op.execute("CREATE TABLE jobs AS SELECT 1 AS org")')
    write_revisions(shared)

    assert at_once(both, "upgrade", "head") == [0, 0], [each.output for each in both]

    assert sorted(each.output.count("Running upgrade") for each in both) == [0, 4]
    assert indexes(database) == BUILT
    assert revisions(database) == {"a"}
    assert rows(database, "SELECT revision FROM ran") == [("1",)]


def test_a_timeout_names_who_has_it(
    database: Database, shared: Project, both: list[Deployer]
) -> None:
    edit(shared, OUTSIDE, timeout=', timeout="500ms"')
    write_revisions(shared)
    with database.connect() as holder:
        pid = holder.info.backend_pid
        holder.execute(HOLD)

        both[0].start("upgrade", "head")
        assert both[0].join() == 1
    assert (
        "deploy_lock: another deployment migrates this database, and did not end within 0.5 s;"
        f" held by pid {pid} (postgres, no application name, idle: {HOLD}).\n"
        "Nothing was changed; run the migration again when it has ended, or give it longer:"
        ' deploy_lock(connection, timeout="2h")\n'
    ) in both[0].output
    assert rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'alembic%'") == []


def test_whose_doings_are_hidden_is_said_with_the_time_waited(
    database: Database, make_role: MakeRole
) -> None:
    engine = create_engine(database.url_for(make_role()), poolclass=NullPool)
    with database.connect() as holder, engine.connect() as connection:
        pid = holder.info.backend_pid
        holder.execute(HOLD)

        with pytest.raises(LockTimeoutError) as busy, deploy_lock(connection, timeout="1s"):
            pass

    assert re.search(
        f"held by pid {pid}" + r" \(postgres, no application name, waited for"
        r" [1-9][\d.]* s so far; its state and query are hidden from this role\)\.\n",
        str(busy.value),
    )


def test_the_one_that_waits_says_so_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.connect() as holder, database.engine.connect() as connection:
        pid = holder.info.backend_pid
        holder.execute(HOLD)

        with (
            caplog.at_level(logging.INFO, "alembic_index_ops"),
            pytest.raises(LockTimeoutError),
            deploy_lock(connection, timeout="1s"),
        ):
            pass

    assert caplog.messages == [
        f"{WAITS}0 s; held by pid {pid} (postgres, no application name, idle: {HOLD})"
    ]


@pytest.mark.parametrize("begun", [False, True])
def test_nothing_is_open_while_it_waits(database: Database, begun: bool) -> None:
    engine = create_engine(database.url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    with database.connect() as holder, engine.connect() as connection, ThreadPoolExecutor() as pool:
        holder.execute(HOLD)
        [pid] = connection.scalars(text("SELECT pg_backend_pid()"))
        if not begun:
            connection.rollback()

        def wait() -> bool:
            with deploy_lock(connection, timeout="20s"):
                return connection.in_transaction()

        future = pool.submit(wait)
        state = "SELECT state, backend_xmin, query FROM pg_stat_activity WHERE pid = %s"
        wait_for_polls(database, pid)
        # Every ten seconds it says that it waits, and commits after that too.
        eventually(lambda: rows(database, state, pid) == [("idle", None, "COMMIT")], 5.0)
        assert not future.done()
        holder.execute("SELECT pg_advisory_unlock_all()")
        assert future.result() is begun


@forms
def test_a_holder_that_is_killed_while_it_builds(
    database: Database, shared: Project, both: list[Deployer], form: str
) -> None:
    edit(shared, form)
    write_revisions(shared)
    create_jobs(database)
    killed, waiter = both
    with in_transaction(database, "INSERT INTO jobs VALUES (0)"):
        killed.start("upgrade", "head")
        pid = backend_running(database, "CREATE INDEX CONCURRENTLY%")
        waiter.start("upgrade", "head")
        eventually(lambda: waits_for(waiter, pid))
        killed.kill()
        assert is_running(database, pid)

    assert waiter.join() == 0, waiter.output
    assert indexes(database) == BUILT
    assert revisions(database) == {"a"}
    assert rows(database, "SELECT revision FROM ran") == [("1",)]
    assert is_free(database)


CONSTRAINT = """
op.execute("CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
op.execute("INSERT INTO d VALUES (1), (1)")
"""


@forms
@pytest.mark.parametrize(
    ("migration", "own"),
    [
        ("pass", None),
        ('raise RuntimeError("mine")', "^mine$"),
        ('op.execute("SELECT 1 / 0")', "division by zero"),
        (CONSTRAINT, 'violates unique constraint "d_a_key"'),
        ('op.execute("SELECT pg_terminate_backend(pg_backend_pid())")', "terminating connection"),
        (f'{CREATE}\nraise RuntimeError("mine")', "^mine$"),
    ],
    ids=["nothing", "Python", "SQL", "at the commit", "connection lost", "after a build"],
)
def test_it_is_given_back_on_a_pooled_connection(
    database: Database, project: Project, form: str, migration: str, own: str | None
) -> None:
    """And the error is the migration's own."""
    edit(project, form)
    project.edit_env(("connectable.connect()", "config.attributes['engine'].connect()"))
    project.revision("m", migration)
    create_jobs(database)
    with pooled(database) as engine:
        if own is None:
            project.upgrade(engine=engine)
        else:
            with pytest.raises(Exception, match=own):
                project.upgrade(engine=engine)

        assert is_free(database)
        assert revisions(database) == (set() if own else {"m"})


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_is_not_hidden_by_a_connection_that_is_gone(
    database: Database, begun: bool
) -> None:
    with database.engine.connect() as connection:
        [pid] = connection.scalars(text("SELECT pg_backend_pid()"))
        if not begun:
            connection.rollback()

        def fail() -> None:
            with deploy_lock(connection):
                connection.execute(text("SELECT 1"))
                execute(database, f"SELECT pg_terminate_backend({pid}, 5000)")
                raise RuntimeError("mine")

        with pytest.raises(RuntimeError, match=r"^mine$"):
            fail()


def test_outside_of_a_transaction_none_is_left_open(database: Database) -> None:
    with database.engine.connect() as connection:
        with deploy_lock(connection):
            assert not connection.in_transaction()
            with connection.begin():
                connection.execute(text("CREATE TABLE t ()"))
        assert not connection.in_transaction()
        with connection.begin():
            connection.execute(text("DROP TABLE t"))


def test_inside_of_a_transaction_it_stays_the_same_one(database: Database) -> None:
    with database.engine.connect() as connection:
        with connection.begin() as transaction:
            with deploy_lock(connection):
                assert connection.get_transaction() is transaction
                connection.execute(text("CREATE TABLE t ()"))
            assert connection.get_transaction() is transaction
            assert transaction.is_active
            assert rows(database, "SELECT to_regclass('t')::text") == [("t",)]
        assert not connection.in_transaction()


def test_what_failed_is_undone_before_it_is_given_back(database: Database) -> None:
    with database.engine.connect() as connection, connection.begin():

        def fail() -> None:
            with deploy_lock(connection):
                connection.execute(text("CREATE TABLE t ()"))
                raise RuntimeError("mine")

        with pytest.raises(RuntimeError, match=r"^mine$"):
            fail()

        assert connection.scalar(text("SELECT to_regclass('t')")) is None


@pytest.fixture
def sqlite() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


def test_on_sqlite_it_does_nothing(sqlite: Engine) -> None:
    with sqlite.connect() as connection, deploy_lock(connection):
        assert not connection.in_transaction()


def test_a_timeout_in_milliseconds_by_mistake(sqlite: Engine) -> None:
    with (
        sqlite.connect() as connection,
        pytest.raises(ArgumentError, match=r"^deploy_lock: timeout is 3600000: a bare number is"),
        deploy_lock(connection, timeout=3_600_000),
    ):
        pass
