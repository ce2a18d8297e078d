"""Two deployers at once, without a deploy lock: each index once, no hang, and it ends right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forks import Forks
from tests.observe import Seen, built_by, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database

BUILT = {
    "ix": Seen("CREATE INDEX ix ON public.t USING btree (a DESC)", "valid", built_by("a")),
    "iy": Seen("CREATE UNIQUE INDEX iy ON public.t USING btree (b)", "valid", built_by("b")),
}


@pytest.fixture
def deployers(project: Project) -> Iterator[list[Forks]]:
    """Two, on the same project."""
    directory = project.directory
    both = [Forks(directory, directory / f"log{number}") for number in range(2)]
    yield both
    for each in both:
        each.close()


def at_once(deployers: list[Forks], *arguments: str) -> list[str]:
    """Both run the same command, and end; what those wrote that failed."""
    runs = [each.start(*arguments) for each in deployers]
    assert all(run.join(60) for run in runs), "they hang"
    return [
        each.log.read_text() for each, run in zip(deployers, runs, strict=True) if run.status != 0
    ]


@pytest.mark.parametrize(("rows_in_table", "fresh"), [(1000, False), (100_000, True)])
def test_two_at_once(
    database: Database, project: Project, deployers: list[Forks], rows_in_table: int, fresh: bool
) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        f"INSERT INTO t SELECT i, i FROM generate_series(1, {rows_in_table}) i",
    )
    project.revision("0", "pass")
    project.revision(
        "a", 'op.create_desc_index("ix", "t", ["a DESC"])', 'op.drop_concurrent_index("ix", "t")'
    )
    project.revision(
        "b",
        'op.create_concurrent_index("iy", "t", ["b"], unique=True)',
        'op.drop_concurrent_index("iy", "t")',
    )
    if not fresh:
        project.upgrade("0")

    failed = at_once(deployers, "upgrade", "head")
    assert len(failed) <= 1, failed
    assert indexes(database) == BUILT
    assert revisions(database) == {"b"}
    assert rows(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    project.upgrade()

    failed = at_once(deployers, "downgrade", "base")
    assert len(failed) <= 1, failed
    assert indexes(database) == {}
    assert revisions(database) == set()
