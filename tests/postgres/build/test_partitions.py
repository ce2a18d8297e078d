"""Partitioned tables that are small enough to be indexed at once."""

from __future__ import annotations

import pytest

from alembic_index_ops import LockTimeoutError, VerificationError
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


def test_an_ascending_index_of_a_partition_is_not_attached(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX leaf ON events_2 (made)")

    with pytest.raises(VerificationError, match="key column 1: wanted made DESC, found made"):
        project.upgrade()

    assert set(indexes(database)) == {"leaf"}
    assert revisions(database) == {"a"}


def test_an_invalid_index_of_a_partition_is_not_attached(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE INDEX leaf ON events_2 (made DESC)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'leaf'::regclass",
    )

    with pytest.raises(VerificationError, match="it is INVALID, ready"):
        project.upgrade()

    assert set(indexes(database)) == {"leaf"}
    assert revisions(database) == {"a"}


def test_a_locked_partition_is_waited_for_within_lock_timeout(
    database: Database, project: Project
) -> None:
    with database.connect() as other:
        other.autocommit = False
        other.execute("LOCK TABLE events_2 IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(LockTimeoutError):
            project.upgrade("heads", "index_ops.lock_timeout=1.5s")

    assert indexes(database) == {}
