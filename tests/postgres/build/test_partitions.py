"""Partitioned tables that are small enough to be indexed at once."""

from __future__ import annotations

import pytest

from alembic_index_ops import LockTimeoutError
from tests.observe import execute, indexes, revisions
from tests.projects import Project
from tests.servers import Database

CREATE = 'op.create_desc_index("ix", "events", ["made DESC"])'


@pytest.fixture(autouse=True)
def events(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE events (id int, made int) PARTITION BY RANGE (id)",
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20)",
    )
    project.revision("a", "pass")
    project.upgrade()
    project.revision("b", CREATE)


def test_builds_on_every_partition(database: Database, project: Project) -> None:
    project.upgrade()

    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "ix": "valid",
        "events_1_made_idx": "valid",
        "events_2_made_idx": "valid",
    }


@pytest.mark.parametrize("state", ["valid", "INVALID"])
def test_another_index_of_a_partition_is_left_beside_ours(
    database: Database, project: Project, state: str
) -> None:
    order = "" if state == "valid" else "DESC"
    execute(database, f"CREATE INDEX leaf ON events_2 (made {order})")
    if state == "INVALID":
        execute(
            database,
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'leaf'::regclass",
        )

    project.upgrade()

    assert {name: seen.state for name, seen in indexes(database).items()} == {
        "leaf": state,
        "ix": "valid",
        "ix_events_1": "valid",
        "ix_events_2": "valid",
    }


def test_a_locked_partition_is_waited_for_within_lock_timeout(
    database: Database, project: Project
) -> None:
    with database.connect() as other:
        other.autocommit = False
        other.execute("LOCK TABLE events_2 IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(LockTimeoutError):
            project.upgrade("heads", "index_ops.lock_timeout=1.5s")

    assert indexes(database)["ix"].state == "INVALID"
    assert revisions(database) == {"a"}
    project.upgrade()
    assert {seen.state for seen in indexes(database).values()} == {"valid"}
