"""Whom a build waited for when drain_timeout is spent: each of them is named, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alembic_index_ops import DrainTimeoutError
from alembic_index_ops.events import Event, Progress
from tests.conftest import MakeRole
from tests.observe import execute, indexes, revisions
from tests.postgres.build.listening import Listener, migrate, untimed
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

WRITE = "INSERT INTO t VALUES (0)"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
BUDGET = "index_ops.drain_timeout=700ms"
NOT_BUILT = (
    'index "ix" on "public"."t" was not built: older transactions did not end within'
    " drain_timeout (0.7 s)."
)
AGAIN = (
    "Run the migration again when they have ended, or give it longer:"
    " alembic -x index_ops.drain_timeout=1h ..."
)
NOTHING_LEFT = f"{NOT_BUILT} Nothing is left behind."


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t AS SELECT generate_series(1, 4000) AS a",
        "CREATE TABLE elsewhere (a int)",
    )
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["a"])')


def give_up(database: Database, project: Project, react: Callable[[Event], None] | None = None
) -> list[str]:  # fmt: skip
    """The lines of the error in which the upgrade ends."""
    listener = Listener(react) if react is not None else Listener()
    with pytest.raises(DrainTimeoutError) as spent:
        migrate(project, database.engine, BUDGET, listener=listener)
    assert revisions(database) == set()
    return untimed(spent.value).splitlines()


def idle(session: psycopg.Connection, query: str) -> str:
    """How a session is named that has run `query` and leaves its transaction open."""
    return (
        f"pid {session.info.backend_pid} (postgres, no application name, idle in transaction, its"
        f" transaction open for <time>: {query})"
    )


def test_a_writer(database: Database, project: Project) -> None:
    """The leftover cannot be dropped either: that waits for the writer too."""
    with in_transaction(database, WRITE) as writer:
        lines = give_up(database, project)

        [aside] = indexes(database)
        assert lines == [
            f'{NOT_BUILT} Left behind is an INVALID index "public"."{aside}", which the next run of'
            " this migration drops.",
            f"It waited for {idle(writer, WRITE)}.",
            AGAIN,
        ]


def test_a_reader_of_another_table_with_a_snapshot(database: Database, project: Project) -> None:
    with in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader:
        lines = give_up(database, project)

        assert lines == [NOTHING_LEFT, f"It waited for {idle(reader, READ_ELSEWHERE)}.", AGAIN]
    assert indexes(database) == {}


def test_a_prepared_transaction(database: Database, project: Project) -> None:
    execute(database, f"BEGIN; {WRITE}; PREPARE TRANSACTION 'two phases'")
    try:
        lines = give_up(database, project)
    finally:
        execute(database, "ROLLBACK PREPARED 'two phases'")

    assert lines[1:] == [
        'It waited for prepared transaction "two phases" (postgres, its transaction open for'
        " <time>); COMMIT PREPARED or ROLLBACK PREPARED ends it.",
        AGAIN,
    ]


@pytest.mark.parametrize(
    ("query", "isolation"), [(WRITE, "READ COMMITTED"), (READ_ELSEWHERE, "REPEATABLE READ")]
)
def test_two_at_once(database: Database, project: Project, query: str, isolation: str) -> None:
    """The server itself names one at a time."""
    with (
        in_transaction(database, query, isolation=isolation) as one,
        in_transaction(database, query, isolation=isolation) as two,
    ):
        lines = give_up(database, project)

        waited_for = lines[1].removeprefix("It waited for ").removesuffix(".")
        assert sorted(waited_for.split("; ")) == sorted([idle(one, query), idle(two, query)])


def test_a_prepared_transaction_beside_a_session(database: Database, project: Project) -> None:
    execute(database, f"BEGIN; {WRITE}; PREPARE TRANSACTION 'one'")
    try:
        with in_transaction(database, WRITE) as writer:
            named = idle(writer, WRITE)
            lines = give_up(database, project)
    finally:
        execute(database, "ROLLBACK PREPARED 'one'")

    assert named in lines[1]
    assert 'prepared transaction "one" (postgres, ' in lines[1]
    assert lines[1].count("; ") == 2


@pytest.mark.parametrize(
    ("query", "isolation"), [(WRITE, "READ COMMITTED"), (READ_ELSEWHERE, "REPEATABLE READ")]
)
def test_who_came_after_the_wait_began_is_not_named(
    database: Database, project: Project, query: str, isolation: str
) -> None:
    with ExitStack() as late, in_transaction(database, query, isolation=isolation) as early:

        def come_late(event: Event) -> None:
            if isinstance(event, Progress) and event.waiting_for and not come:
                come.append(
                    late.enter_context(in_transaction(database, query, isolation=isolation))
                )

        come: list[psycopg.Connection] = []
        lines = give_up(database, project, come_late)

        assert len(come) == 1
        assert lines[1] == f"It waited for {idle(early, query)}."


def test_a_reader_that_a_build_does_not_wait_for_is_not_named(
    database: Database, project: Project
) -> None:
    reading = "SELECT count(*) FROM t"
    with (
        in_transaction(database, reading),
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
    ):
        lines = give_up(database, project)

        assert lines[1] == f"It waited for {idle(reader, READ_ELSEWHERE)}."


def test_who_has_ended_since_is_not_named(database: Database, project: Project) -> None:
    with in_transaction(database, WRITE) as one, in_transaction(database, WRITE) as two:

        def end_one(event: Event) -> None:
            if isinstance(event, Progress) and len(event.waiting_for) == 2:
                one.execute("ROLLBACK")

        lines = give_up(database, project, end_one)

        assert lines[1] == f"It waited for {idle(two, WRITE)}."


# What an ordinary role hears of the sessions of others.


@pytest.fixture
def owner(database: Database, make_role: MakeRole) -> str:
    owner = make_role()
    execute(
        database, f"ALTER TABLE t OWNER TO {owner}", f"GRANT CREATE ON SCHEMA public TO {owner}"
    )
    return owner


def hidden(session: psycopg.Connection, application: str) -> str:
    return (
        f"It waited for pid {session.info.backend_pid} (postgres, {application}, waited for"
        " <time> so far; its state and query are hidden from this role)."
    )


@pytest.mark.parametrize(
    ("query", "isolation"), [(WRITE, "READ COMMITTED"), (READ_ELSEWHERE, "REPEATABLE READ")]
)
def test_what_an_owner_may_not_see_is_said_to_be_hidden(
    database: Database, project: Project, owner: str, query: str, isolation: str
) -> None:
    engine = create_engine(database.url_for(owner), poolclass=NullPool)

    with in_transaction(
        database, "SET application_name = 'reports'", query, isolation=isolation
    ) as other:
        with pytest.raises(DrainTimeoutError) as spent:
            migrate(project, engine, BUDGET)
        assert untimed(spent.value).splitlines()[1] == hidden(other, "reports")


@pytest.fixture(params=["SET ROLE in env.py", "a connect event in env.py"])
def member(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: Database,
    make_role: MakeRole,
    owner: str,
) -> Project:
    """A project that connects as a member of the owner's role, and takes that role."""
    deployer = make_role()
    execute(database, f"GRANT {owner} TO {deployer}")
    project = Project(tmp_path / "member", database.url_for(deployer))
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["a"])')
    if request.param == "SET ROLE in env.py":
        place = "        context.configure(\n            connection=connection,"
        taking = f'        connection.exec_driver_sql("SET ROLE {owner}")\n'
        project.edit_env((place, f"{taking}        connection.commit()\n{place}"))
    else:
        place = "    with connectable.connect() as connection:"
        taking = (
            "    from sqlalchemy import event\n\n"
            '    @event.listens_for(connectable, "connect")\n'
            "    def take_role(connection, record):\n"
            f'        connection.execute("SET ROLE {owner}")\n'
            "        connection.commit()\n\n"
        )
        project.edit_env((place, taking + place))
    return project


@pytest.mark.parametrize(
    ("query", "isolation"), [(WRITE, "READ COMMITTED"), (READ_ELSEWHERE, "REPEATABLE READ")]
)
def test_after_set_role_too(
    database: Database,
    member: Project,
    query: str,
    isolation: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There pg_cancel_backend is refused, and the watch would be lost of it."""
    with in_transaction(database, query, isolation=isolation) as other:
        with pytest.raises(DrainTimeoutError) as spent:
            member.upgrade("heads", BUDGET)
        assert untimed(spent.value).splitlines()[1] == hidden(other, "no application name")
    assert [each for each in caplog.messages if "no second connection" in each] == []
    member.upgrade()
    assert indexes(database)["ix"].state == "valid"
