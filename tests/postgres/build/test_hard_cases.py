"""States of a database and doings of others that are easily overlooked."""

from __future__ import annotations

import threading

import pytest

from alembic_index_ops import DropError, LockTimeoutError
from tests.observe import adopted_by, built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction

CREATE, DROP = 'op.create_concurrent_index("ix", "t", ["a"])', 'op.drop_concurrent_index("ix", "t")'


@pytest.fixture(autouse=True)
def table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b text)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 4000) i",
    )
    project.revision("a", CREATE, DROP)


def states(database: Database) -> dict[str, str]:
    return {name: seen.state for name, seen in indexes(database).items()}


def test_a_leftover_that_analyze_has_hidden(database: Database, project: Project) -> None:
    """ANALYZE clears relhasindex of a table whose only index is not ready."""
    execute(
        database,
        "CREATE INDEX ix ON t (a)",
        "UPDATE pg_index SET indisvalid = false, indisready = false"
        " WHERE indexrelid = 'ix'::regclass",
        "ANALYZE t",
    )
    assert rows(database, "SELECT relhasindex FROM pg_class WHERE relname = 't'") == [(False,)]

    project.upgrade()

    assert states(database) == {"ix": "valid"}


def test_an_adopted_index_of_a_constraint_stays(database: Database, project: Project) -> None:
    execute(database, "ALTER TABLE t ADD CONSTRAINT ix UNIQUE (a)")
    project.revision("a", CREATE.replace(")", ", unique=True)"), DROP, down=None)

    project.upgrade()
    assert indexes(database)["ix"].comment == adopted_by("a")

    project.downgrade()
    assert states(database) == {"ix": "valid"}
    assert revisions(database) == set()


def test_values_out_of_line_count_to_the_size_of_a_table(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(
        database,
        "DELETE FROM t WHERE a > 5",
        "VACUUM FULL t",
        "ALTER TABLE t ALTER b SET STORAGE EXTERNAL",
        "UPDATE t SET b = repeat('x', 100000)",
    )
    caplog.set_level("INFO", "alembic_index_ops")

    project.upgrade()

    assert not any("built at once" in message for message in caplog.messages)
    assert states(database) == {"ix": "valid"}


@pytest.mark.parametrize("size", [5, 4000])
@pytest.mark.parametrize(
    ("column", "options"),
    [('sa.text("(b::text)")', ""), ('sa.text("t.a")', ""), ('"a"', ', where="true"')],
)
def test_what_the_server_folds_is_the_same_definition(
    database: Database, project: Project, column: str, options: str, size: int
) -> None:
    execute(database, f"DELETE FROM t WHERE a > {size}", "VACUUM FULL t")
    create = f'import sqlalchemy as sa\nop.create_concurrent_index("ix", "t", [{column}]{options})'
    project.revision("a", create, DROP, down=None)

    project.upgrade()
    assert states(database) == {"ix": "valid"}
    execute(database, "DELETE FROM alembic_version")
    project.upgrade()

    assert indexes(database)["ix"].comment == built_by("a")
    assert revisions(database) == {"a"}


def test_who_has_an_index_that_is_to_be_adopted_is_named(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX ix ON t (a)")

    with in_transaction(database, "COMMENT ON INDEX ix IS 'busy'") as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as locked:
            project.upgrade("heads", "index_ops.lock_timeout=500ms")

    assert str(locked.value).startswith(
        'index "ix" on "public"."t": its own lock was not to be had within lock_timeout (0.5 s);'
        f" held by pid {pid} (postgres, no application name, idle in transaction, its transaction"
    )


def test_a_drop_does_not_begin_while_somebody_has_the_index(
    database: Database, project: Project
) -> None:
    project.upgrade()

    with in_transaction(database, "COMMENT ON INDEX ix IS 'busy'") as other:
        pid = other.info.backend_pid
        with pytest.raises(LockTimeoutError) as locked:
            project.downgrade("base", "index_ops.lock_timeout=500ms")

    assert f"held by pid {pid} (" in str(locked.value)
    assert states(database) == {"ix": "valid"}
    project.downgrade()
    assert indexes(database) == {}


def test_who_waits_for_a_row_is_no_build(database: Database, project: Project) -> None:
    execute(database, "CREATE TABLE other AS SELECT 1 AS id")

    with (
        in_transaction(database, "UPDATE other SET id = id") as first,
        in_transaction(database, "ALTER TABLE t ALTER b SET STATISTICS 50") as second,
    ):
        pid = second.info.backend_pid
        thread = threading.Thread(target=second.execute, args=("UPDATE other SET id = 2",))
        thread.start()
        waits = f"SELECT 1 FROM pg_locks WHERE pid = {pid} AND NOT granted"
        eventually(lambda: rows(database, waits))
        with pytest.raises(LockTimeoutError) as locked:
            project.upgrade("heads", "index_ops.lock_timeout=1s")
        first.execute("ROLLBACK")
        thread.join()

    assert (
        '"public"."t": its lock (SHARE UPDATE EXCLUSIVE) was not to be had within lock_timeout'
        f" (1 s); held by pid {pid} ("
    ) in str(locked.value)


def test_a_drop_of_a_table_that_is_renamed_meanwhile(database: Database, project: Project) -> None:
    project.upgrade()

    with (
        in_transaction(database, "ALTER TABLE t RENAME TO t2") as other,
        waiting(database, project.downgrade) as downgrade,
    ):
        other.execute("COMMIT")

    assert isinstance(downgrade.exception(), DropError)
    assert states(database) == {"ix": "valid"}


def test_the_words_of_a_failed_expression_are_private_too(
    database: Database, project: Project
) -> None:
    execute(database, "INSERT INTO t VALUES (0, 'Jane Roe')")
    project.revision(
        "a",
        "import sqlalchemy as sa\n"
        'op.create_concurrent_index("ix", "t", [sa.text("(b::bigint)")], show_duplicates=False)',
        down=None,
    )

    with pytest.raises(Exception, match="22P02") as failed:
        project.upgrade()

    assert "Jane" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert indexes(database) == {}


def test_a_leftover_in_use_is_left_by_a_build_inside_a_transaction(
    database: Database, project: Project
) -> None:
    execute(
        database,
        "CREATE INDEX ix ON t (a)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass",
    )
    project.revision("a", CREATE.replace(")", ", concurrently=False)"), DROP, down=None)

    with in_transaction(database, "SELECT * FROM t LIMIT 1"):
        project.upgrade("heads", "index_ops.lock_timeout=5s")

    found = states(database)
    assert found.pop("ix") == "valid"
    assert list(found.values()) == ["INVALID"]
    execute(database, "DELETE FROM alembic_version")
    project.upgrade()
    assert states(database) == {"ix": "valid"}
