"""ANALYZE after a build: without it the planner knows nothing of what an expression gives."""

from __future__ import annotations

import logging

import pytest

from alembic_index_ops.events import Analyzed, Event, Named
from tests.observe import built_by, execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate
from tests.projects import Project
from tests.servers import Database

FILL = "INSERT INTO t SELECT i % 7 FROM generate_series(1, 4000) i"
STATISTICS = "SELECT n_distinct FROM pg_stats WHERE tablename = 'ix'"
CREATE = 'op.create_concurrent_index("ix", "t", [sa.text("half(a)")], analyze=True'
# Fails when ANALYZE asks it, and builds an index nevertheless.
HALF = """
CREATE FUNCTION half(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF current_query() LIKE 'ANALYZE%' AND current_setting('test.fails', true) = 'yes'
  THEN RAISE 'no half of %', $1; END IF;
  RETURN $1 / 2;
END $$
"""


@pytest.fixture(autouse=True)
def half(database: Database) -> None:
    execute(database, HALF)


@pytest.mark.parametrize(
    ("before", "upgrade"),
    [
        (("CREATE TABLE t (a int)", FILL), f"{CREATE})"),
        (("CREATE TABLE t (a int)", FILL), f"{CREATE}, concurrently=False)"),
        (("CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 7)"), f"{CREATE})"),
        ((), f'op.execute("CREATE TABLE t (a int)")\nop.execute("{FILL}")\n{CREATE})'),
    ],
    ids=["concurrently", "at once", "a small table", "a new table"],
)
def test_the_expression_has_statistics(
    database: Database, project: Project, before: tuple[str, ...], upgrade: str
) -> None:
    execute(database, *before)
    project.revision("a", upgrade)
    listener = Listener()

    migrate(project, database.engine, listener=listener)

    assert len(rows(database, STATISTICS)) == 1
    assert indexes(database)["ix"].state == "valid"
    assert revisions(database) == {"a"}
    assert listener.heard[-1] == Analyzed("ix", '"public"."t"')


def test_nobody_asked_for_it(database: Database, project: Project) -> None:
    execute(database, "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)", FILL)
    project.revision("a", f"{CREATE.replace(', analyze=True', '')})")
    listener = Listener()

    migrate(project, database.engine, listener=listener)

    assert rows(database, STATISTICS) == []
    assert listener.of(Analyzed) == []


@pytest.mark.parametrize("concurrently", ["True", "False", '"auto"'])
def test_a_failure_is_a_warning_and_the_migration_goes_on(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    concurrently: str,
) -> None:
    execute(
        database,
        "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)",
        "INSERT INTO t VALUES (4)",
        f"ALTER DATABASE {database.name} SET test.fails = 'yes'",
    )
    project.revision("a", f"{CREATE}, concurrently={concurrently})")
    project.revision("b", 'op.execute("CREATE TABLE after ()")')

    project.upgrade()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        (
            "WARNING",
            'index "ix" on "public"."t": built, but ANALYZE failed (no half of 4); run ANALYZE'
            ' "public"."t"',
        )
    ]
    assert (indexes(database)["ix"].state, indexes(database)["ix"].comment) == (
        "valid",
        built_by("a"),
    )
    assert revisions(database) == {"b"}
    assert rows(database, "SELECT to_regclass('after')") != [(None,)]


def test_a_table_that_somebody_else_locks_meanwhile(database: Database, project: Project) -> None:
    """ANALYZE waits for its lock as long as a try for a lock lasts, not for ever."""
    execute(database, "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)", FILL)
    project.revision("a", f"{CREATE})")

    with database.connect() as other:

        def lock(event: Event) -> None:
            if isinstance(event, Named):
                other.execute("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")

        listener = Listener(lock)
        migrate(project, database.engine, listener=listener)

    [analyzed] = listener.of(Analyzed)
    assert analyzed.problem == "canceling statement due to lock timeout"
    assert analyzed.level == logging.WARNING
    assert indexes(database)["ix"].state == "valid"


def test_a_run_that_was_cut_off_before_it_is_made_good(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)", FILL)
    project.revision("a", f"{CREATE})")

    def stop(event: Event) -> None:
        if isinstance(event, Named):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(project, database.engine, listener=Listener(stop))
    assert rows(database, STATISTICS) == []

    migrate(project, database.engine)

    assert len(rows(database, STATISTICS)) == 1
