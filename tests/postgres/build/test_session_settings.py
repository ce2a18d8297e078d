"""What holds for the session while an index is built: memory, processes, and no clock."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import event

from alembic_index_ops import ArgumentError, BuildError, DrainTimeoutError, DuplicateKeysError
from alembic_index_ops.events import Event, Progress
from tests.observe import execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

# A function of an index may only read; what it calls may write.
NOTING = """
CREATE FUNCTION note() RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.seen SELECT current_setting('maintenance_work_mem'),
    current_setting('max_parallel_maintenance_workers'), current_setting('statement_timeout'),
    current_setting('transaction_timeout', true), current_setting('idle_session_timeout'),
    current_setting('idle_in_transaction_session_timeout')
  WHERE NOT EXISTS (SELECT FROM public.seen) $$;
CREATE FUNCTION noting(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM public.note(); RETURN $1; END $$
"""
ASKED = 'maintenance_work_mem="77MB", max_parallel_maintenance_workers=1'
NOTING_INDEX = f'op.create_concurrent_index("ix", "t", [sa.text("noting(a)")], {ASKED}'
FILL = "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i"
MAKE = "CREATE TABLE t (a int, b int)"
CONFIGURE = "connection=connection, target_metadata=target_metadata"


@pytest.fixture(autouse=True)
def noting(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE seen (memory text, workers text, statement text, tx text,"
        " idle text, in_tx text)",
    )
    execute(database, *NOTING.split(";\n"))


def timeout_of_transactions(pg_version: int) -> str | None:
    return "0" if pg_version >= 17 else None


@pytest.mark.parametrize(
    ("before", "upgrade"),
    [
        ((MAKE, FILL), f"{NOTING_INDEX})"),
        ((MAKE, FILL), f"{NOTING_INDEX}, concurrently=False)"),
        ((MAKE, "INSERT INTO t VALUES (1, 1)"), f"{NOTING_INDEX})"),
        ((), f"op.execute('{MAKE}')\nop.execute('{FILL}')\n{NOTING_INDEX})"),
    ],
    ids=["concurrently", "at once", "a small table", "a new table"],
)
def test_they_are_in_force_during_the_build(
    database: Database, project: Project, pg_version: int, before: tuple[str, ...], upgrade: str
) -> None:
    execute(database, *before)
    project.revision("a", upgrade)
    # With a longer time than a test has: neither is to be seen.
    clocks = [
        "statement_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
        *(["transaction_timeout"] if pg_version >= 17 else []),
    ]

    migrate(project, database.engine, before="; ".join(f"SET {clock} = '55s'" for clock in clocks))

    assert rows(database, "SELECT * FROM seen") == [
        ("77MB", "1", "0", timeout_of_transactions(pg_version), "0", "0")
    ]
    assert indexes(database)["ix"].state == "valid"


def test_parallel_workers_build(database: Database, project: Project) -> None:
    """As many as asked for, on a table that is big enough for the server to use them."""
    execute(
        database,
        "CREATE TABLE t (a int, filler text)",
        "INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 20000) i",
        f"ALTER DATABASE {database.name} SET max_parallel_maintenance_workers = 0",
        f"ALTER DATABASE {database.name} SET min_parallel_table_scan_size = '1MB'",
        f"ALTER DATABASE {database.name} SET client_min_messages = 'debug1'",
    )
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["filler"], max_parallel_maintenance_workers=2,'
        ' maintenance_work_mem="128MB")',
    )
    told: list[str] = []
    engine = database.engine

    @event.listens_for(engine, "connect")
    def listen(connection: psycopg.Connection, record: object) -> None:
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))

    migrate(project, engine)

    [line] = [line for line in told if line.startswith('building index "ix_building_')]
    assert line.endswith(' on table "t" with request for 2 parallel workers')


@pytest.mark.parametrize("concurrently", ["True", "False"])
def test_they_are_put_back_after_a_failure(
    database: Database, project: Project, concurrently: str
) -> None:
    execute(database, MAKE, FILL, "INSERT INTO t VALUES (1, 1)")
    project.revision(
        "a",
        f'op.create_concurrent_index("ix", "t", ["a"], unique=True, concurrently={concurrently},'
        f" {ASKED})",
    )

    with pytest.raises(DuplicateKeysError):
        migrate(project, database.engine)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("SELECT pg_cancel_backend({pid})", BuildError),
        ("SELECT pg_terminate_backend({pid})", BuildError),
        ("SELECT 'the budget is spent'", DrainTimeoutError),
    ],
)
def test_they_are_put_back_after_a_build_that_is_ended(
    database: Database, project: Project, end: str, error: type[Exception]
) -> None:
    execute(database, MAKE, FILL)
    project.revision("a", f'op.create_concurrent_index("ix", "t", ["a"], {ASKED})')

    def react(told: Event) -> None:
        if isinstance(told, Progress):
            execute(database, end.format(pid=told.pid))

    with in_transaction(database, "INSERT INTO t VALUES (0, 0)"), pytest.raises(error):
        migrate(project, database.engine, "index_ops.drain_timeout=500ms", listener=Listener(react))

    assert "ix" not in indexes(database)


SHAPES = {
    "concurrently": ((MAKE, FILL), "True"),
    "at once": ((MAKE, FILL), "False"),
    "a small table": ((MAKE,), '"auto"'),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_server_refuses_is_an_error_before_anything_is_changed(
    database: Database, project: Project, shape: str
) -> None:
    before, concurrently = SHAPES[shape]
    execute(database, *before)
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"], maintenance_work_mem="1kB",'
        f" concurrently={concurrently})",
    )

    with pytest.raises(ArgumentError) as refused:
        migrate(project, database.engine)

    assert str(refused.value).startswith(
        'index "ix" on "public"."t": the server refuses a setting: 1 kB is outside the valid range'
        ' for parameter "maintenance_work_mem" ('
    )
    assert str(refused.value).endswith("). Nothing was changed.")
    assert indexes(database) == {}
    assert revisions(database) == set()


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("maintenance_work_mem", "lots", 'write the amount with its unit, like "512MB"'),
        ("maintenance_work_mem", "512", 'write the amount with its unit, like "512MB"'),
        ("maintenance_work_mem", "1GB; DROP TABLE t", 'write the amount with its unit, like "5'),
        ("max_parallel_maintenance_workers", "-1", "give a number of processes from 0 to 1024"),
        ("max_parallel_maintenance_workers", "1025", "give a number of processes from 0 to 1024"),
        ("max_parallel_maintenance_workers", "many", "give a number of processes from 0 to 1024"),
        ("analyze", "perhaps", "it is True or False (on or off)"),
        ("show_duplicates", "2", "it is True or False (on or off)"),
        ("duplicates_timeout", "0", "it has to be more than zero"),
        ("stall_timeout", "soon", 'write a number with its unit, like "500ms", "3s", "15min"'),
    ],
)
def test_a_malformed_value_is_an_error_before_anything_is_changed(
    database: Database, project: Project, setting: str, value: str, why: str
) -> None:
    execute(database, MAKE)
    project.revision(
        "a", "op.execute('CREATE TABLE made ()')\nop.create_concurrent_index('ix', 't', ['a'])"
    )

    with pytest.raises(ArgumentError) as malformed:
        project.upgrade("heads", f"index_ops.{setting}={value}")

    assert str(malformed.value).startswith(f"alembic -x: {setting} is {value!r}; {why}")
    assert rows(database, "SELECT to_regclass('made')") == [(None,)]
    assert indexes(database) == {}


SLOW = """
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(1.5); RETURN $1; END'
"""


@pytest.mark.parametrize("concurrently", ["True", "False", '"auto"'])
def test_a_transaction_timeout_cuts_no_build_and_is_in_force_afterwards(
    database: Database, project: Project, pg_version: int, concurrently: str
) -> None:
    if pg_version < 17:
        pytest.skip("transaction_timeout came with PostgreSQL 17")
    execute(
        database,
        SLOW,
        "CREATE TABLE t AS SELECT 1 AS a",
        "CREATE TABLE noted (setting text)",
        f"ALTER DATABASE {database.name} SET transaction_timeout = '1s'",
    )
    create = 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")], concurrently='
    note = "op.execute(\"INSERT INTO noted SELECT current_setting('transaction_timeout')\")"
    project.revision("a", f"{create}{concurrently})")
    project.revision("b", note)

    project.upgrade()

    assert indexes(database)["ix"].state == "valid"
    assert revisions(database) == {"b"}
    assert rows(database, "SELECT * FROM noted") == [("1s",)]


ALL = {
    "maintenance_work_mem": "77MB",
    "max_parallel_maintenance_workers": "1",
    "analyze": "on",
    "duplicates_timeout": "1ms",
}
LAYERS = ["alembic -x", "arguments", "context.configure"]


def upgrade_with(project: Project, layer: str, operation: str, values: dict[str, str]) -> None:
    """Run one operation with settings from this layer."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in values.items())
    project.revision(
        "a", f"{operation}, {arguments})" if layer == "arguments" else f"{operation})", down=None
    )
    if layer == "context.configure":
        project.edit_env((CONFIGURE, f"{CONFIGURE}, index_ops={values!r}"))
    x = [f"index_ops.{name}={value}" for name, value in values.items()]
    project.upgrade("a", *(x if layer == "alembic -x" else ()))


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_layer_says_of_the_build(database: Database, project: Project, layer: str) -> None:
    execute(database, MAKE, FILL)

    upgrade_with(
        project, layer, 'op.create_concurrent_index("ix", "t", [sa.text("noting(a)")]', ALL
    )

    assert rows(database, "SELECT memory, workers FROM seen") == [("77MB", "1")]
    assert rows(database, "SELECT tablename FROM pg_stats WHERE tablename = 'ix'") == [("ix",)]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"show_duplicates": "no"}, ["Remove the duplicates, then run the migration again."]),
        (
            {"duplicates_timeout": "200ms"},
            [
                "(The duplicates could not be listed: that took longer than duplicates_timeout"
                " (0.2 s).)",
                "Remove the duplicates, then run the migration again.",
            ],
        ),
    ],
)
def test_what_a_layer_says_of_duplicates(
    database: Database, project: Project, layer: str, values: dict[str, str], told: list[str]
) -> None:
    execute(
        database,
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN"
        " IF current_query() LIKE 'SELECT%' THEN PERFORM pg_sleep(10); END IF;"
        " RETURN $1; END$$",
        MAKE,
        "INSERT INTO t VALUES (1, 1), (1, 1)",
    )
    operation = 'op.create_concurrent_index("ix", "t", [sa.text("slow(a)")], unique=True'

    with pytest.raises(DuplicateKeysError) as duplicates:
        upgrade_with(project, layer, operation, values)

    assert str(duplicates.value).splitlines()[1:] == told
