"""Where an index is built: inside the transaction, at once, or concurrently."""

from __future__ import annotations

import logging

import pytest

from alembic_index_ops import DrainTimeoutError, LockTimeoutError
from tests.observe import Seen, built_by, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

BUILT = {"ix": Seen("CREATE INDEX ix ON public.t USING btree (a)", "valid", built_by("a"))}
CREATE = 'op.create_concurrent_index("ix", "t", ["a"])'
SMALL = ("CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 1000)")
BIG = ("CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 2500)")
HOW = {
    "inside": 'index "ix" on "public"."t": built at once, in the transaction that made the table',
    "asked": 'index "ix" on "public"."t": built at once, as concurrently=False asks',
    "at once": 'index "ix" on "public"."t": built at once, the table has at most 64 kB',
    "concurrently": 'index "ix" on "public"."t": building concurrently as "ix_building_',
}


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alembic_index_ops")


def how(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The ways in which the indexes were built."""
    return [
        name
        for message in caplog.messages
        for name, start in HOW.items()
        if message.startswith(start)
    ]


NEW = [
    'op.create_table("t", sa.Column("a", sa.Integer))',
    'op.execute("CREATE TABLE t AS SELECT generate_series(1, 9000) AS a")',
    'op.execute("SELECT 1 AS a INTO t")',
    'op.execute("CREATE TABLE t (a int); ALTER TABLE t ADD b int")',
    'op.execute("CREATE TABLE t (b int); ALTER TABLE t RENAME b TO a")',
    'op.execute("CREATE TABLE u (a int); ALTER TABLE u RENAME TO t")',
    'op.execute("SAVEPOINT s; CREATE TABLE t (a int); RELEASE SAVEPOINT s")',
    'with op.get_bind().begin_nested():\n    op.execute("CREATE TABLE t (a int)")',
]


@pytest.mark.parametrize("make", NEW)
def test_a_table_of_this_transaction_is_indexed_inside_it(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture, make: str
) -> None:
    project.revision("a", f"{make}\n{CREATE}", 'op.drop_table("t")')

    project.upgrade()

    assert how(caplog) == ["inside"]
    assert indexes(database) == BUILT


def test_an_operation_inside_a_savepoint_of_the_user(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.revision(
        "a",
        f"""
        with op.get_bind().begin_nested():
            op.execute("CREATE TABLE t (a int)")
            {CREATE}
        """,
    )

    project.upgrade()

    assert how(caplog) == ["inside"]
    assert indexes(database) == BUILT


def test_a_new_table_and_its_index_go_together(database: Database, project: Project) -> None:
    project.revision("a", f"{NEW[0]}\n{CREATE}\nraise ValueError('later')")

    with pytest.raises(ValueError, match="later"):
        project.upgrade()

    assert rows(database, "SELECT to_regclass('t'), to_regclass('alembic_version')") == [
        (None, None)
    ]


def test_a_new_materialised_view(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.revision("a", f'op.execute("CREATE MATERIALIZED VIEW t AS SELECT 1 AS a")\n{CREATE}')

    project.upgrade()

    assert how(caplog) == ["inside"]


OLD = [
    'op.execute("ALTER TABLE t ADD b int")',
    'op.execute("ALTER TABLE t ALTER a SET NOT NULL")',
    'op.execute("TRUNCATE t; INSERT INTO t SELECT generate_series(1, 2500)")',
    'op.execute("ALTER TABLE t ALTER a TYPE bigint")',
    'op.execute("LOCK TABLE t")',
    'op.execute("ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t")',
]


@pytest.mark.parametrize("alter", OLD)
def test_a_table_that_this_transaction_altered_is_not_new(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture, alter: str
) -> None:
    execute(database, *BIG)
    project.revision("a", f"{alter}\n{CREATE}")

    project.upgrade()

    assert how(caplog) == ["concurrently"]
    assert indexes(database) == BUILT


def test_a_table_of_the_transaction_before_is_not_new(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.revision(
        "a",
        f"""
        op.execute("CREATE TABLE t AS SELECT generate_series(1, 2500) AS a")
        op.execute("CREATE TABLE other (a int)")
        with op.get_context().autocommit_block():
            pass
        {CREATE}
        op.create_concurrent_index("ix_other", "other", ["a"])
        """,
    )

    project.upgrade()

    assert how(caplog) == ["concurrently"]
    assert caplog.messages[-1].endswith("built at once, the table has at most 64 kB")


@pytest.mark.parametrize(
    ("statements", "way"),
    [
        (("CREATE TABLE t (a int)",), "at once"),
        (SMALL, "at once"),
        (BIG, "concurrently"),
        ((*SMALL, "ALTER TABLE t SET (autovacuum_enabled = off)", "DELETE FROM t"), "at once"),
        (("CREATE MATERIALIZED VIEW t AS SELECT 1 AS a",), "concurrently"),
        (("CREATE UNLOGGED TABLE t (a int)",), "at once"),
        (
            (
                *SMALL,
                "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE t FORCE ROW LEVEL SECURITY",
            ),
            "at once",
        ),
    ],
    ids=["empty", "small", "big", "dead rows", "materialised view", "unlogged", "row security"],
)
def test_by_size(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    statements: tuple[str, ...],
    way: str,
) -> None:
    execute(database, *statements)
    project.revision("a", CREATE, 'op.drop_concurrent_index("ix", "t")')

    project.upgrade()

    assert how(caplog) == [way]
    assert indexes(database) == BUILT
    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("statements", "concurrently", "way"),
    [(SMALL, True, "concurrently"), (SMALL, False, "asked"), (BIG, False, "asked")],
)
def test_as_asked(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    statements: tuple[str, ...],
    concurrently: bool,
    way: str,
) -> None:
    execute(database, *statements)
    project.revision("a", CREATE.replace(")", f", concurrently={concurrently})"))

    project.upgrade()

    assert how(caplog) == [way]
    assert indexes(database) == BUILT


def test_at_once_as_asked_ends_with_its_transaction(database: Database, project: Project) -> None:
    execute(database, *BIG)
    create = CREATE.replace(")", ", concurrently=False)")
    project.revision("a", f"{create}\nraise ValueError('later')")

    with pytest.raises(ValueError, match="later"):
        project.upgrade()

    assert indexes(database) == {}


def test_a_drop_as_asked_ends_with_its_transaction(database: Database, project: Project) -> None:
    execute(database, *BIG, "CREATE INDEX ix ON t (a)")
    project.revision(
        "a", 'op.drop_concurrent_index("ix", "t", concurrently=False)\nraise ValueError("later")'
    )

    with pytest.raises(ValueError, match="later"):
        project.upgrade()

    assert set(indexes(database)) == {"ix"}


def test_a_small_table_that_is_being_written_is_never_waited_for(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """SHARE NOWAIT is refused, and the concurrent build gives up within its drain_timeout."""
    execute(database, *SMALL)
    project.revision("a", CREATE)

    with in_transaction(database, "UPDATE t SET a = a WHERE a = 1"):
        with pytest.raises(DrainTimeoutError) as gave_up:
            project.upgrade("heads", "index_ops.drain_timeout=1s")
        execute(database, "INSERT INTO t VALUES (5)")

    assert how(caplog) == ["concurrently"]
    assert str(gave_up.value).startswith(
        'index "ix" on "public"."t" was not built: older transactions did not end within'
        ' drain_timeout (1 s). Left behind is an INVALID index "public"."ix_building_'
    )
    assert revisions(database) == set()
    project.upgrade()
    assert indexes(database) == BUILT


def test_a_reader_does_not_keep_a_small_table_from_being_indexed_at_once(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, *SMALL)
    project.revision("a", CREATE)

    with in_transaction(database, "SELECT * FROM t", isolation="REPEATABLE READ"):
        project.upgrade()

    assert how(caplog) == ["at once"]


def test_at_once_as_asked_gives_up_too(database: Database, project: Project) -> None:
    execute(database, *BIG)
    project.revision("a", CREATE.replace(")", ', concurrently=False, lock_timeout="50ms")'))

    with (
        in_transaction(database, "UPDATE t SET a = a WHERE a = 1"),
        pytest.raises(LockTimeoutError) as gave_up,
    ):
        project.upgrade()

    assert str(gave_up.value).startswith(
        '"public"."t": its SHARE lock was not to be had in tries of 0.1 s (stall_timeout; readers'
        " or writers queue behind each) within lock_timeout (0.05 s); in use by pid "
    )
    assert indexes(database) == {}
