"""A concurrent drop: who uses the table is said, and a valid index is never left half-dropped."""

from __future__ import annotations

import logging

import psycopg
import pytest

from alembic_index_ops import DrainTimeoutError
from alembic_index_ops.events import (
    DrainExceeded,
    Dropped,
    DropStarted,
    Event,
    Progress,
    TableUsers,
)
from tests.observe import execute, indexes, revisions
from tests.postgres.build.listening import Listener, migrate, untimed
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

READ = "SELECT count(*) FROM t"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
BUDGET = "index_ops.drain_timeout=500ms"
WAITING = "waiting for transactions that use the table"


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
    project.upgrade()


def idle(session: psycopg.Connection, query: str) -> str:
    return (
        f"pid {session.info.backend_pid} (postgres, no application name, idle in transaction, its"
        f" transaction open for <time>: {query})"
    )


def ended_by(session: psycopg.Connection, kind: type[Event]) -> Listener:
    """A listener that ends the session's transaction when it hears such an event."""

    def end(event: Event) -> None:
        if isinstance(event, kind):
            session.execute("ROLLBACK")

    return Listener(end)


def test_who_uses_the_table_is_said_before_it_starts(database: Database, project: Project) -> None:
    with (
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ"),
        in_transaction(database, READ) as reader,
    ):
        listener = ended_by(reader, Progress)
        migrate(project, database.engine, method="downgrade", listener=listener)

        kinds = [type(event) for event in listener.heard if not isinstance(event, Progress)]
        assert kinds == [DropStarted, TableUsers, Dropped]
        assert untimed(listener.of(TableUsers)[0]) == (
            'index "ix" on "public"."t": the drop waits for those that use the table now: '
            + idle(reader, READ)
        )
        stages = {(each.stage, *(user.pid for user in each.waiting_for)) for each in
                  listener.of(Progress)}  # fmt: skip
        assert stages == {(WAITING, reader.info.backend_pid)}
    assert indexes(database) == {}


def test_a_table_that_nobody_uses(database: Database, project: Project) -> None:
    listener = Listener()

    migrate(project, database.engine, method="downgrade", listener=listener)

    assert [type(event) for event in listener.heard] == [DropStarted, Dropped]


def test_the_drop_of_a_valid_index_outlasts_the_budget(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with in_transaction(database, READ) as reader:
        listener = ended_by(reader, DrainExceeded)
        migrate(project, database.engine, BUDGET, method="downgrade", listener=listener)
        named = idle(reader, READ)

    [exceeded] = listener.of(DrainExceeded)
    assert 0.5 < exceeded.seconds < 1.5
    [warning] = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert untimed(warning).replace(f"for {exceeded.seconds:.1f} s", "for <time>") == (
        'index "ix" on "public"."t": its drop has waited for <time>, longer than drain_timeout. It'
        f" goes on: cut now, the index would be left INVALID. It waits for {named}"
    )
    assert listener.of(Dropped) == [Dropped("ix", '"public"."t"')]
    assert indexes(database) == {}
    assert revisions(database) == set()


def test_the_drop_of_an_invalid_index_ends_with_the_budget(
    database: Database, project: Project
) -> None:
    execute(database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass")
    with in_transaction(database, READ) as reader:
        with pytest.raises(DrainTimeoutError) as spent:
            migrate(project, database.engine, BUDGET, method="downgrade")
        named = idle(reader, READ)

    assert untimed(spent.value).splitlines() == [
        'index "ix" on "public"."t" was not dropped: it is INVALID, no query uses it, and'
        " transactions that use the table did not end within drain_timeout (0.5 s).",
        f"It waited for {named}.",
        "Run the migration again when they have ended, or give it longer: alembic"
        " -x index_ops.drain_timeout=1h ...",
    ]
    assert indexes(database)["ix"].state == "INVALID"
    assert revisions(database) == {"a"}
    migrate(project, database.engine, method="downgrade")
    assert indexes(database) == {}
    assert revisions(database) == set()
