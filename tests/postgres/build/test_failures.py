"""Builds that fail or leave something behind, and what the next run makes of it."""

from __future__ import annotations

import threading

import pytest

from alembic_index_ops import (
    ArgumentError,
    BuildError,
    DrainTimeoutError,
    DropError,
    DuplicateKeysError,
    TableNotFoundError,
    define_index,
)
from alembic_index_ops.build import debris
from alembic_index_ops.build.naming import aside_names
from tests.observe import Seen, adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, fail_building, in_transaction, is_running

DEFINITION = "CREATE UNIQUE INDEX ix ON public.t USING btree (a)"
BUILT = {"ix": Seen(DEFINITION, "valid", built_by("a"))}


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )
    project.revision(
        "a",
        'op.create_concurrent_index("ix", "t", ["a"], unique=True)',
        'op.drop_concurrent_index("ix", "t")',
    )


def ends_of(project: Project, method: str = "upgrade") -> tuple[threading.Thread, list[object]]:
    """The project's command in a thread; the list gets its error, or None."""
    ends: list[object] = []

    def run() -> None:
        try:
            getattr(project, method)()
        except Exception as error:
            ends.append(error)
        else:
            ends.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ends


@pytest.mark.parametrize("concurrently", ["True", "False", '"auto"'])
@pytest.mark.parametrize("size", [4001, 3])
def test_duplicates(database: Database, project: Project, concurrently: str, size: int) -> None:
    execute(database, f"DELETE FROM t WHERE a > {size}", "INSERT INTO t VALUES (3, 0)")
    execute(database, "VACUUM FULL t")
    project.revision(
        "a",
        f'op.create_concurrent_index("ix", "t", ["a"], unique=True, concurrently={concurrently})',
        down=None,
    )

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert str(duplicates.value).startswith(
        'index "ix" on "public"."t" was not built: the rows hold duplicates of its key:'
    )
    assert "(Key (a)=(3) is duplicated.)" in str(duplicates.value)
    assert str(duplicates.value).endswith("\nRemove the duplicates, then run the migration again.")
    assert indexes(database) == {}
    assert revisions(database) == set()
    execute(database, "DELETE FROM t WHERE b = 0")
    project.upgrade()
    assert indexes(database) == BUILT
    assert revisions(database) == {"a"}


def test_duplicates_while_a_reader_keeps_the_leftover(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "INSERT INTO t VALUES (3, 0)")

    with (
        in_transaction(database, "SELECT * FROM t LIMIT 1"),
        pytest.raises(DuplicateKeysError) as duplicates,
    ):
        project.upgrade("heads", "index_ops.drain_timeout=1.5s")

    [(aside, seen)] = indexes(database).items()
    assert seen.state == "INVALID"
    assert f'Left behind is an INVALID index "public"."{aside}", which the next run of this' in str(
        duplicates.value
    )
    assert caplog.messages == [
        f'index "{aside}" on "public"."t", an INVALID leftover, could not be dropped (the users of'
        " the table did not end within 1.5 s). The next operation on that table drops it; or run"
        f' DROP INDEX CONCURRENTLY on "{aside}".'
    ]
    execute(database, "DELETE FROM t WHERE b = 0")
    project.upgrade()
    assert indexes(database) == BUILT


def test_an_idle_reader_delays_only_the_debris(
    database: Database,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix ON t ((a / 2))")
    monkeypatch.setattr(debris.drop_debris, "__defaults__", (2.0,))

    with in_transaction(database, "SELECT * FROM t LIMIT 1"):
        thread, ends = ends_of(project)
        eventually(lambda: indexes(database)["ix"] == BUILT["ix"])
        assert thread.is_alive()
        thread.join()

    assert ends == [None]
    assert revisions(database) == {"a"}
    [leftover] = set(indexes(database)) - {"ix"}
    assert leftover.startswith("ix_replaced_")
    assert caplog.messages[-1] == (
        f'index "{leftover}" on "public"."t", an INVALID leftover, could not be dropped (the users'
        " of the table did not end within 2 s). The next operation on that table drops it; or run"
        f' DROP INDEX CONCURRENTLY on "{leftover}".'
    )
    project.revision("b", 'op.create_concurrent_index("ix_b", "t", ["b"])')
    project.upgrade()
    assert set(indexes(database)) == {"ix", "ix_b"}


@pytest.mark.parametrize("operation", ["upgrade", "downgrade"])
def test_a_leftover_goes_with_the_next_operation_whatever_it_is(
    database: Database, project: Project, operation: str
) -> None:
    project.upgrade()
    leftover = next(aside_names(define_index("x", "t", ["b"], unique=True)))
    execute(database, "UPDATE t SET b = 0")
    fail_building(database, f"CREATE UNIQUE INDEX CONCURRENTLY {leftover} ON t (b)")
    if operation == "upgrade":
        execute(database, "DELETE FROM alembic_version")

    getattr(project, operation)()

    assert indexes(database) == (BUILT if operation == "upgrade" else {})


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_build_that_waits_too_long(database: Database, project: Project, isolation: str) -> None:
    statement = "INSERT INTO t VALUES (0)" if isolation == "READ COMMITTED" else "SELECT 1 FROM t"

    with (
        in_transaction(database, statement, isolation=isolation),
        pytest.raises(DrainTimeoutError) as gave_up,
    ):
        project.upgrade("heads", "index_ops.drain_timeout=1s")

    assert str(gave_up.value).endswith(
        "\nRun the migration again when they have ended, or give it longer: alembic"
        " -x index_ops.drain_timeout=1h ..."
    )
    assert revisions(database) == set()
    project.upgrade()
    assert indexes(database) == BUILT


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("pg_cancel_backend", "was not built: it was cancelled."),
        ("pg_terminate_backend", "was not built: terminating connection due to administrator"),
    ],
)
def test_a_build_that_somebody_ends(
    database: Database, project: Project, function: str, message: str
) -> None:
    with in_transaction(database, "INSERT INTO t VALUES (0)"):
        thread, ends = ends_of(project)
        pid = backend_running(database, "CREATE UNIQUE INDEX CONCURRENTLY%")
        eventually(lambda: indexes(database))
        execute(database, f"SELECT {function}({pid})")
        eventually(lambda: not is_running(database, pid) or not thread.is_alive() or rows(
            database, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%'"))  # fmt: skip
    thread.join()

    [error] = ends
    assert isinstance(error, BuildError)
    assert str(error).startswith(f'index "ix" on "public"."t" {message}')
    assert revisions(database) == set()
    project.upgrade()
    assert indexes(database) == BUILT


def test_a_connection_that_ends_while_it_waits_for_the_table(
    database: Database, project: Project
) -> None:
    with in_transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"):
        thread, ends = ends_of(project)
        pid = backend_running(database, "LOCK TABLE ONLY%MODE")
        execute(database, f"SELECT pg_terminate_backend({pid})")
        thread.join()

    [error] = ends
    assert isinstance(error, BuildError)
    assert str(error) == (
        'index "ix" on "public"."t" was not built: terminating connection due to administrator'
        " command. Nothing was changed.\nRun the migration again to finish it."
    )
    project.upgrade()
    assert indexes(database) == BUILT


def test_a_build_that_goes_on_without_its_client(database: Database, project: Project) -> None:
    with in_transaction(database, "INSERT INTO t VALUES (0)") as writer:
        process = project.start("upgrade", "head")
        pid = backend_running(database, "CREATE UNIQUE INDEX CONCURRENTLY%")
        process.kill()
        process.communicate()

        with pytest.raises(DrainTimeoutError) as busy:
            project.upgrade("heads", "index_ops.drain_timeout=1.5s")

        [(aside, _)] = indexes(database).items()
        assert str(busy.value).startswith(
            f'"public"."t": a build or drop of index "{aside}" by another session (pid {pid}) runs'
            " on this table, and waited longer than drain_timeout (1.5 s) for pid"
            f" {writer.info.backend_pid} (postgres, no application name, idle in transaction, its"
            " transaction open for "
        )
        assert is_running(database, pid)
    project.upgrade()
    assert indexes(database) == BUILT
    assert revisions(database) == {"a"}


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_drop_that_somebody_ends(
    database: Database, project: Project, function: str, restored: bool
) -> None:
    project.revision(
        "b",
        'op.create_concurrent_index("kept", "t", ["b"])',
        'op.drop_concurrent_index("kept", "t")\nop.drop_concurrent_index("built", "t")',
        down=None,
    )
    execute(database, "CREATE INDEX kept ON t (b)", "CREATE INDEX built ON t (a)")
    project.upgrade("b")
    with in_transaction(database, "SELECT 1 FROM t LIMIT 1"):
        thread, ends = ends_of(project, "downgrade")
        pid = backend_running(database, "DROP INDEX CONCURRENTLY%")
        eventually(lambda: indexes(database)["built"].state == "INVALID")
        execute(database, f"SELECT {function}({pid})")
        thread.join()

    [error] = ends
    assert isinstance(error, DropError)
    assert str(error).startswith('index "built" on "public"."t": its drop was cut off: ')
    assert str(error).splitlines()[1:] == [
        'To finish, run the same migration again, or DROP INDEX CONCURRENTLY "public"."built";',
        'to restore it, run REINDEX INDEX CONCURRENTLY "public"."built";',
    ]
    assert revisions(database) == {"b"}
    assert indexes(database)["kept"].comment == adopted_by("b")
    if restored:
        execute(database, 'REINDEX INDEX CONCURRENTLY "public"."built"')
        assert indexes(database)["built"].state == "valid"
    project.downgrade()
    assert indexes(database) == {
        "kept": Seen("CREATE INDEX kept ON public.t USING btree (b)", "valid", None)
    }


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ('"t", ["c"]', ArgumentError, 'column "c" does not exist'),
        ('"t", [sa.text("a +")]', ArgumentError, "syntax error"),
        ('"t", ["a"], where="nope(a)"', ArgumentError, "function nope(integer) does not exist"),
        ('"t", [sa.text("now()")]', ArgumentError, "must be marked IMMUTABLE"),
        ('"t", ["a"], using="nope"', ArgumentError, 'access method "nope" does not exist'),
        ('"t", ["a"], tablespace="nope"', ArgumentError, 'tablespace "nope" does not exist'),
        ('"t", [key("a", operator_class="text_ops")]', ArgumentError, "does not accept data type"),
        ('"t", ["a"], storage_parameters={"x": 1}', ArgumentError, "unrecognized parameter"),
        ('"t2", ["a"]', TableNotFoundError, 'table "t2" does not exist in the search path'),
        ('"t", ["a"], schema="far"', TableNotFoundError, 'does not exist in schema "far"; there'),
    ],
)
@pytest.mark.parametrize("rows_left", [4000, 0])
def test_what_the_server_refuses(
    database: Database,
    project: Project,
    arguments: str,
    error: type[Exception],
    message: str,
    rows_left: int,
) -> None:
    if not rows_left:
        execute(database, "TRUNCATE t")
    project.revision("a", f'op.create_concurrent_index("ix", {arguments})', down=None)

    with pytest.raises(error) as refused:
        project.upgrade()

    assert message in str(refused.value)
    assert indexes(database) == {}
