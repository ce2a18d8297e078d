"""Several indexes in one operation, several at a time."""

from __future__ import annotations

import threading
import time

import pytest

from alembic_index_ops import ArgumentError, BuildError, DuplicateKeysError
from tests.observe import adopted_by, eventually, execute, indexes, revisions, rows
from tests.postgres.migration.jobs import CONFIGURE
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

SPECS = """from alembic_index_ops import define_index
SPECS = [
    define_index(f"ix_{table}_{column}", table, [column], unique=column == "a")
    for table in ("t", "u", "v") for column in ("a", "b")
]
"""
NAMES = {f"ix_{table}_{column}" for table in "tuv" for column in "ab"}


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    for table in "tuv":
        execute(
            database,
            f"CREATE TABLE {table} (a int, b int)",
            f"INSERT INTO {table} SELECT i, i FROM generate_series(1, 4000) i",
        )


def revise(project: Project, workers: int | None = 2) -> None:
    project.revision(
        "a",
        f"{SPECS}op.create_indexes(SPECS, workers={workers})",
        f"{SPECS}op.drop_indexes(SPECS, workers={workers})",
    )


RUNNING = """
SELECT count(*), count(DISTINCT relation) FROM pg_locks
WHERE mode = 'ShareUpdateExclusiveLock' AND relation::regclass::text IN ('t', 'u', 'v')
"""


BUILDING = """
SELECT relation::regclass::text FROM pg_locks
WHERE mode = 'ShareUpdateExclusiveLock' AND relation::regclass::text IN ('t', 'u', 'x', 'y')
ORDER BY 1
"""


def upgrade_among_writers(database: Database, project: Project, *x: str) -> tuple[int, int]:
    """Upgrade while somebody has written to each table: how many builds wait for their end, and on
    how many tables, before a third second has gone by without another one."""
    with in_transaction(database, *(f"INSERT INTO {table} VALUES (0, 0)" for table in "tuv")):
        thread = threading.Thread(target=project.upgrade, args=("heads", *x))
        thread.start()
        eventually(lambda: rows(database, RUNNING) != [(0, 0)])
        time.sleep(1)
        [(builds, on_tables)] = rows(database, RUNNING)
    thread.join()
    return builds, on_tables


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_there_and_back(database: Database, project: Project, workers: int) -> None:
    revise(project, workers)

    project.upgrade()
    assert {name: seen.state for name, seen in indexes(database).items()} == dict.fromkeys(
        NAMES, "valid"
    )

    project.downgrade()
    assert indexes(database) == {}


def test_two_build_at_once_and_never_two_on_one_table(database: Database, project: Project) -> None:
    revise(project, 3)

    assert upgrade_among_writers(database, project) == (3, 3)

    assert set(indexes(database)) == NAMES


def test_the_command_line_says_how_many(database: Database, project: Project) -> None:
    revise(project, 1)

    assert upgrade_among_writers(database, project, "index_ops.workers=2") == (2, 2)


def test_env_py_says_how_many(database: Database, project: Project) -> None:
    project.edit_env((CONFIGURE, f'{CONFIGURE}, index_ops={{"workers": 2}}'))
    revise(project, None)

    assert upgrade_among_writers(database, project) == (2, 2)


def test_the_operation_beats_env_py(database: Database, project: Project) -> None:
    project.edit_env((CONFIGURE, f'{CONFIGURE}, index_ops={{"workers": 2}}'))
    revise(project, 3)

    assert upgrade_among_writers(database, project) == (3, 3)


PARTITIONED = """from alembic_index_ops import define_index
SPECS = [define_index(f"ix_{table}", table, ["a"]) for table in ("p", "w")]
op.create_indexes(SPECS, workers=2)
"""


def test_the_partitions_of_one_are_built_several_at_a_time(
    database: Database, project: Project
) -> None:
    """And the tables one after another: never more connections than workers."""
    for parent, (one, other, third) in {"p": "tuv", "w": "xyz"}.items():
        execute(
            database,
            f"DROP TABLE IF EXISTS {one}, {other}, {third}",
            f"CREATE TABLE {parent} (a int, b int) PARTITION BY RANGE (a)",
            f"CREATE TABLE {one} PARTITION OF {parent} FOR VALUES FROM (0) TO (2000)",
            f"CREATE TABLE {other} PARTITION OF {parent} FOR VALUES FROM (2000) TO (4000)",
            f"CREATE TABLE {third} PARTITION OF {parent} FOR VALUES FROM (4000) TO (9000)",
            f"INSERT INTO {parent} SELECT i, i FROM generate_series(1, 8000) i",
        )
    project.revision("a", PARTITIONED)
    with in_transaction(
        database,
        *(f"INSERT INTO {table} VALUES (0, 0)" for table in "tx"),
        *(f"INSERT INTO {table} VALUES (2000, 0)" for table in "uy"),
    ):
        thread = threading.Thread(target=project.upgrade)
        thread.start()
        eventually(lambda: rows(database, BUILDING) == [("t",), ("u",)])
        time.sleep(0.5)
        assert rows(database, BUILDING) == [("t",), ("u",)]
    thread.join()

    assert {"ix_p", "ix_p_t", "ix_p_u", "ix_p_v", "ix_w", "ix_w_x"} <= set(indexes(database))


def test_a_failure_lets_the_others_finish_and_is_told(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "INSERT INTO u VALUES (7, 7)")
    revise(project)

    with pytest.raises(DuplicateKeysError) as failed:
        project.upgrade()

    assert str(failed.value).startswith(
        'index "ix_u_a" on "public"."u" was not built: the rows hold duplicates of its key'
    )
    assert (
        'index "ix_u_a" on "public"."u": failed (DuplicateKeysError); no further one begins, and'
        " those that run are let end"
    ) in caplog.messages
    assert revisions(database) == set()
    execute(database, "DELETE FROM u WHERE ctid = (SELECT max(ctid) FROM u WHERE a = 7)")
    project.upgrade()
    assert set(indexes(database)) == NAMES


def test_several_failures_are_told_in_one_error(database: Database, project: Project) -> None:
    execute(database, "INSERT INTO t VALUES (7, 7)", "INSERT INTO u VALUES (7, 7)")
    revise(project)

    with (
        in_transaction(database, "SELECT 1", isolation="REPEATABLE READ"),
        pytest.raises(BuildError) as failed,
    ):
        project.upgrade()

    message = str(failed.value)
    assert message.startswith("2 of 6 indexes were not built:\n\nindex ")
    assert 'index "ix_t_a" on "public"."t" was not built' in message
    assert 'index "ix_u_a" on "public"."u" was not built' in message
    assert message.endswith("What is done stays; run the migration again for the rest.")


def test_what_was_there_is_kept(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix_v_b ON v (b)")
    before = indexes(database)
    revise(project)

    project.upgrade()
    assert indexes(database)["ix_v_b"].comment == adopted_by("a")

    project.downgrade()
    assert indexes(database) == before


def test_new_tables_are_indexed_with_their_transaction(
    database: Database, project: Project
) -> None:
    project.revision(
        "a",
        f"{SPECS}op.execute('CREATE TABLE w (a int)')\n"
        "op.create_indexes([*SPECS, define_index('ix_w', 'w', ['a'])], workers=2)",
        f"{SPECS}op.drop_indexes([*SPECS, define_index('ix_w', 'w', ['a'])])\n"
        "op.execute('DROP TABLE w')",
    )

    project.upgrade()
    assert set(indexes(database)) == NAMES | {"ix_w"}

    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('op.create_indexes(["ix"])', "create_indexes: 'ix' is no IndexSpec; write"),
        ("op.create_indexes(SPECS + SPECS)", 'create_indexes: index "ix_t_a" is named twice'),
        (
            "op.drop_indexes(SPECS, workers=0)",
            "drop_indexes: workers is 0; at least one has to work",
        ),
    ],
)
def test_arguments(project: Project, call: str, message: str) -> None:
    project.revision("a", SPECS + call)

    with pytest.raises(ArgumentError) as wrong:
        project.upgrade()

    assert str(wrong.value).startswith(message)


def test_as_another_role(database: Database, project: Project) -> None:
    role = f"owner_{database.name}"
    execute(
        database,
        f"CREATE ROLE {role}",
        f"GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        *(f"ALTER TABLE {table} OWNER TO {role}" for table in "tuv"),
    )
    try:
        project.revision(
            "a",
            f"{SPECS}op.execute('SET ROLE {role}')\nop.create_indexes(SPECS, workers=2)\n"
            "op.execute('RESET ROLE')",
        )
        project.upgrade()
        owners = rows(
            database,
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname LIKE 'ix%'",
        )
        assert owners == [(role,)]
    finally:
        execute(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
