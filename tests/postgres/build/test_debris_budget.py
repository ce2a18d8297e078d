"""The time that the drops of leftovers may take: so much for all of them together."""

from __future__ import annotations

import logging

import pytest

from alembic_index_ops import define_index
from alembic_index_ops.build import debris
from alembic_index_ops.build.naming import aside_names
from tests.observe import eventually, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

BUDGET = 1.0
LEFTOVERS = [next(aside_names(define_index(name, "t", ["a"]))) for name in ("p", "q", "r")]


@pytest.fixture(autouse=True)
def table(database: Database, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(
        database,
        "CREATE TABLE t (a int)",
        "INSERT INTO t SELECT generate_series(1, 4000)",
    )
    project.revision("a", 'op.create_concurrent_index("ix", "t", ["a"])')
    monkeypatch.setattr(debris.drop_debris, "__defaults__", (BUDGET,))


def leave(database: Database, *names: str) -> None:
    """INVALID indexes of `t`, as builds that were cut off leave them."""
    for name in names:
        execute(
            database,
            f"CREATE INDEX {name} ON t (a)",
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
        )


def left(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What tells of a leftover that is still there."""
    return [record for record in caplog.records if "could not be dropped" in record.message]


def test_it_is_for_all_leftovers_and_not_for_each(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    leave(database, *LEFTOVERS)

    with in_transaction(database, "SELECT * FROM t LIMIT 1"):
        project.upgrade()

    assert sorted(record.message for record in left(caplog)) == sorted(
        f'index "{name}" on "public"."t", an INVALID leftover, could not be dropped (the users of'
        " the table did not end within 1 s). The next operation on that table drops it; or run"
        f' DROP INDEX CONCURRENTLY on "{name}".'
        for name in LEFTOVERS
    )
    # The first has spent it.
    first, *_, last = (record.created for record in left(caplog))
    assert last - first < BUDGET
    assert revisions(database) == {"a"}
    assert set(indexes(database)) == {"ix", *LEFTOVERS}


def test_a_reader_that_ends_in_time_costs_no_leftover(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    leave(database, *LEFTOVERS)

    with (
        in_transaction(database, "SELECT * FROM t LIMIT 1") as reader,
        waiting(database, project.upgrade) as upgrade,
    ):
        reader.execute("ROLLBACK")

    assert upgrade.exception() is None
    assert left(caplog) == []
    assert set(indexes(database)) == {"ix"}


def test_it_is_for_all_waits_of_one_drop(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """A drop waits for one reader after the other."""
    caplog.set_level(logging.INFO, "alembic_index_ops")
    leave(database, LEFTOVERS[0])

    with (
        in_transaction(database, "SELECT * FROM t LIMIT 1") as one,
        in_transaction(database, "SELECT * FROM t LIMIT 1") as two,
        waiting(database, project.upgrade) as upgrade,
    ):
        [waited_for] = eventually(lambda: awaited(database))
        # Half of the budget later it waits for the other one.
        execute(database, f"SELECT pg_sleep({BUDGET / 2})")
        first = one if one.info.backend_pid == waited_for else two
        first.execute("ROLLBACK")
        [second] = eventually(lambda: awaited(database))
        assert second != waited_for
        upgrade.result()

    [given_up] = left(caplog)
    [named] = [record for record in caplog.records if ": valid, built in" in record.message]
    assert given_up.created - named.created < 1.5 * BUDGET


def awaited(database: Database) -> list[int]:
    """The pids of the readers that a drop waits for at this moment."""
    found = rows(
        database,
        "SELECT unnest(pg_blocking_pids(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'DROP INDEX CONCURRENTLY%'",
    )
    return [row[0] for row in found]
