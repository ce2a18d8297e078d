"""What is told of a build while it runs: its stages, how far it is, and whom it waits for."""

from __future__ import annotations

import pytest

from alembic_index_ops.events import BuildStarted, Event, Named, Progress
from tests.observe import execute, rows
from tests.postgres.build.listening import Listener, migrate
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

WRITE = "INSERT INTO t VALUES (0)"
READ_ELSEWHERE = "SELECT count(*) FROM elsewhere"
BUILDING = "building index: scanning table"


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.0002); RETURN $1; END'",
        "CREATE TABLE t AS SELECT generate_series(1, 2500) AS a",
        "CREATE TABLE elsewhere (a int)",
    )
    project.revision("a", 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")])')


def test_the_stages_of_a_build_and_whom_each_waits_for(
    database: Database, project: Project
) -> None:
    with (
        in_transaction(database, READ_ELSEWHERE, isolation="REPEATABLE READ") as reader,
        in_transaction(database, WRITE) as writer,
    ):

        def end_who_is_waited_for(event: Event) -> None:
            if isinstance(event, Progress):
                for session in (reader, writer):
                    if [each.pid for each in event.waiting_for] == [session.info.backend_pid]:
                        session.execute("ROLLBACK")

        listener = Listener(end_who_is_waited_for)
        migrate(project, database.engine, listener=listener)
        awaited = {each.pid for event in listener.of(Progress) for each in event.waiting_for}
        assert awaited == {reader.info.backend_pid, writer.info.backend_pid}

    stages = list(dict.fromkeys(event.stage for event in listener.of(Progress)))
    assert stages[0] == "waiting for writers before build"
    assert BUILDING in stages
    assert stages[-1] == "waiting for old snapshots"
    kinds = list(dict.fromkeys(type(event) for event in listener.heard))
    assert kinds == [BuildStarted, Progress, Named]


def test_how_far_a_stage_is(database: Database, project: Project) -> None:
    [(blocks,)] = rows(database, "SELECT pg_relation_size('t') / 8192")
    listener = Listener()

    migrate(project, database.engine, listener=listener)

    scanning = [event for event in listener.of(Progress) if event.stage == BUILDING]
    assert {(event.total, event.unit) for event in scanning} == {(blocks, "blocks")}
    # While it is at the first block, the server says that all are done.
    done = [event.done for event in scanning if event.done < blocks]
    assert done == sorted(done)
    assert done[-1] > 1
    assert [event.seconds for event in scanning] == sorted(event.seconds for event in scanning)
    assert {event.waiting_for for event in scanning} == {()}
