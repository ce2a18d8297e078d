"""What is a leftover of ours, and what only looks like one."""

from __future__ import annotations

import pytest

from alembic_index_ops import define_index
from alembic_index_ops.build.naming import aside_names
from tests.observe import execute, indexes
from tests.projects import Project
from tests.servers import Database

CREATE = 'op.create_concurrent_index("ix", "jobs", ["org"])'


@pytest.fixture(autouse=True)
def jobs(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE jobs (org int, created int)",
        "INSERT INTO jobs SELECT i, i FROM generate_series(1, 5000) i",
    )


def invalid(database: Database, name: str, columns: str) -> None:
    execute(
        database,
        f"CREATE INDEX {name} ON jobs ({columns})",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
    )


def aside(index: str, *columns: str) -> str:
    return next(aside_names(define_index(index, "jobs", list(columns))))


def test_a_valid_index_that_looks_like_ours_is_left_alone(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE UNIQUE INDEX ix_building_20240101 ON jobs (created)")
    project.revision("a", CREATE)

    project.upgrade()

    assert set(indexes(database)) == {"ix", "ix_building_20240101"}


def test_an_invalid_index_of_another_stem_that_looks_like_ours_is_left_alone(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    invalid(database, "other_building_20240101", "created")
    project.revision("a", CREATE)

    project.upgrade()

    assert set(indexes(database)) == {"ix", "other_building_20240101"}
    assert caplog.messages[-1] == (
        'index "other_building_20240101" on "public"."jobs" (INVALID, ready: writes maintain it,'
        " no query uses it) looks like a leftover of an earlier build, but nothing proves it, so it"
        " is left alone. If nobody needs it, run DROP"
        ' INDEX CONCURRENTLY on "other_building_20240101".'
    )


def test_a_finished_build_of_an_edited_revision_is_dropped(
    database: Database, project: Project
) -> None:
    execute(database, f"CREATE INDEX {aside('ix', 'created')} ON jobs (created)")
    project.revision("a", CREATE)

    project.upgrade()

    assert set(indexes(database)) == {"ix"}


def test_an_abandoned_build_of_another_index_is_dropped(
    database: Database, project: Project
) -> None:
    invalid(database, aside("other", "created"), "created")
    project.revision("a", CREATE)

    project.upgrade()

    assert set(indexes(database)) == {"ix"}
