"""A partitioned table's index is replaced while others work, is cut off, and leaves something."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.observe import built_by, eventually, execute, indexes, revisions, rows
from tests.postgres.build.trees import (
    CREATE,
    NEW,
    OLD,
    REPLACE,
    aside,
    definition,
    make_table,
    whole_tree,
)
from tests.projects import Project
from tests.servers import Database
from tests.sessions import backend_running, in_transaction, is_running

pytestmark = pytest.mark.slow

ROOT_ASIDE = aside("ix", "e", "b", "a DESC")
OIDS = """
SELECT indrelid::regclass::text, indexrelid FROM pg_index
WHERE indrelid::regclass::text ~ '^e' AND indexrelid::regclass::text ~ %s
"""


@pytest.fixture(autouse=True)
def tree(database: Database, project: Project) -> None:
    make_table(database)
    project.revision("a", *CREATE)
    project.revision("b", *REPLACE, down="a")
    project.upgrade("a")


def kill(database: Database, process: subprocess.Popen[str], query: str) -> None:
    """Kill the client while its session runs a statement like this, and the session."""
    pid = backend_running(database, query)
    process.kill()
    process.communicate()
    execute(database, f"SELECT pg_terminate_backend({pid})")
    eventually(lambda: not is_running(database, pid))


def cut_at_leaf(database: Database, project: Project, leaf: str = "e_a_2") -> None:
    """Kill an upgrade while it builds the new part of this leaf: the last one, of the others all
    are there."""
    with in_transaction(database, f"LOCK TABLE {leaf} IN ROW EXCLUSIVE MODE"):
        kill(
            database,
            project.start("upgrade", "head"),
            f"CREATE INDEX CONCURRENTLY%ix_{leaf}_building%",
        )


@contextmanager
def leaf_in_use(database: Database) -> Iterator[None]:
    with in_transaction(database, "SELECT * FROM e_b LIMIT 1"):
        yield


def drop_is_left(database: Database, project: Project, method: str = "upgrade") -> None:
    """Run while a reader is on a leaf: the old tree cannot be dropped."""
    with leaf_in_use(database):
        getattr(project, method)(
            "head" if method == "upgrade" else "a", "index_ops.lock_timeout=1s"
        )


def replaced(database: Database) -> str:
    """The name of the one tree that was moved out of its name."""
    [name] = [name for name in indexes(database) if name.startswith("ix_replaced_")]
    return name


def reader(caplog: pytest.LogCaptureFixture) -> str:
    """The reader, as the warning names it: how long it has been there depends on the clock."""
    [message] = [each for each in caplog.messages if "which nobody needs" in each]
    named = message.partition("in use by ")[2].partition("). The next")[0]
    assert "idle in transaction" in named
    return named


def test_no_reader_is_ever_without_an_index(database: Database, project: Project) -> None:
    stop, without, plans = threading.Event(), [], 0

    def read() -> None:
        nonlocal plans
        with database.connect() as connection:
            connection.execute("SET enable_seqscan = off")
            while not stop.is_set():
                plan = "\n".join(
                    row[0] for row in connection.execute("EXPLAIN SELECT FROM e WHERE b = 17")
                )
                plans += 1
                if "Seq Scan" in plan:
                    without.append(plan)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        project.upgrade()
        project.downgrade("a")
    finally:
        stop.set()
        thread.join()

    assert without == []
    assert plans > 10


def test_the_old_tree_serves_until_every_part_of_the_new_one_is_built(
    database: Database, project: Project
) -> None:
    with in_transaction(database, "INSERT INTO e_c VALUES (21, 1)"):
        process = project.start("upgrade", "head")
        backend_running(database, "CREATE INDEX CONCURRENTLY%ix_e_c_building%")
        meanwhile = indexes(database)
    process.communicate()

    assert {name: meanwhile[name] for name in OLD} == OLD
    assert meanwhile[ROOT_ASIDE].state == "INVALID"
    assert process.returncode == 0
    assert indexes(database) == NEW


def test_killed_while_a_leaf_is_built(database: Database, project: Project) -> None:
    cut_at_leaf(database, project)
    built = dict(rows(database, OIDS, "_building_"))
    assert {name: indexes(database)[name] for name in OLD} == OLD
    assert revisions(database) == {"a"}

    project.upgrade()

    assert indexes(database) == NEW
    now = dict(rows(database, OIDS, "^ix"))
    # Nothing that was done is done again.
    again = {table for table in now if now[table] != built[table]}
    assert again == {"e_a_2"}


def test_killed_before_the_old_tree_is_dropped(database: Database, project: Project) -> None:
    with leaf_in_use(database):
        process = project.start("upgrade", "head")
        eventually(lambda: any("ix_replaced" in name for name in indexes(database)))
        kill(database, process, "LOCK TABLE%ACCESS EXCLUSIVE%")
    assert {name: indexes(database)[name] for name in NEW} == NEW
    assert revisions(database) == {"a"}

    project.upgrade()

    assert indexes(database) == NEW
    assert revisions(database) == {"b"}


def test_killed_on_the_way_back_before_the_replaced_one_is_dropped(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b, a DESC)", "COMMENT ON INDEX mine IS 'kept'")
    before = indexes(database)
    project.upgrade()
    with leaf_in_use(database):
        process = project.start("downgrade", "a")
        eventually(lambda: any("ix_replaced" in name for name in indexes(database)))
        kill(database, process, "LOCK TABLE%ACCESS EXCLUSIVE%")
    assert revisions(database) == {"b"}

    project.downgrade("a")

    assert indexes(database) == before
    assert revisions(database) == {"a"}


def test_an_old_tree_that_is_in_use_is_left_and_named(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    drop_is_left(database, project)

    label = f'index "{replaced(database)}" on "public"."e"'
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"{label}, which nobody needs any more, could not be dropped with its parts"
        ' ("public"."e": its ACCESS EXCLUSIVE lock was not to be had in tries of 0.1 s'
        " (stall_timeout; readers or writers queue behind each) within lock_timeout (1 s); in use"
        f" by {reader(caplog)}). The next operation on that table drops it."
    ]
    assert {name: indexes(database)[name] for name in NEW} == NEW
    assert revisions(database) == {"b"}


@pytest.mark.parametrize(
    "operation",
    [
        'op.create_concurrent_index("other", "e", ["a"])',
        'op.drop_concurrent_index("other", "e")',
        'op.replace_index("ix", "e", ["a", "b"])',
        'op.create_concurrent_index("other", "e", ["a"], concurrently=False)',
    ],
)
def test_the_next_operation_on_the_table_drops_it(
    database: Database, project: Project, operation: str
) -> None:
    drop_is_left(database, project)
    left = replaced(database)
    project.revision("c", operation, down="b")

    project.upgrade()

    assert left not in indexes(database)
    assert not any("_replaced_" in name for name in indexes(database))


def test_a_part_that_a_left_tree_had_adopted_is_given_back_when_it_goes(
    database: Database, project: Project
) -> None:
    project.downgrade("base")
    execute(database, "CREATE INDEX mine ON e_c (b DESC)", "COMMENT ON INDEX mine IS 'kept'")
    by_hand = indexes(database)
    project.upgrade("a")
    mine = indexes(database)["mine"]
    drop_is_left(database, project)
    assert indexes(database)["mine"] == mine

    project.revision("c", 'op.drop_concurrent_index("absent", "e")', down="b")
    project.upgrade()
    assert indexes(database)["mine"] == mine
    assert not any("_replaced_" in name for name in indexes(database))

    project.downgrade("base")
    assert indexes(database) == by_hand


def test_another_operation_on_the_table_leaves_a_tree_in_the_making_alone(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    cut_at_leaf(database, project)
    making = indexes(database).keys() - OLD.keys()
    project.revision("c", 'op.create_concurrent_index("other", "e", ["a"])', down="a")
    caplog.clear()

    project.upgrade("c")

    # But for the part whose build was cut off, which is worth nothing.
    assert making - indexes(database).keys() == {aside("ix_e_a_2", "e_a_2", "b", "a DESC")}
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_an_edited_migration_drops_the_tree_that_was_in_the_making(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX mine ON e_b (b, a DESC)", "COMMENT ON INDEX mine IS 'kept'")
    mine = indexes(database)["mine"]
    cut_at_leaf(database, project)
    project.revision("b", 'op.replace_index("ix", "e", ["a", "b"])', REPLACE[1], down="a")

    project.upgrade()

    root = NEW["ix"].comment or ""
    assert indexes(database) == whole_tree("a, b", root) | {"mine": mine}


def test_a_drop_takes_the_tree_that_was_in_the_making_with_it(
    database: Database, project: Project
) -> None:
    cut_at_leaf(database, project)
    project.revision("c", CREATE[1], down="a")

    project.upgrade("c")

    assert indexes(database) == {}


def test_the_name_of_a_part_that_is_taken(database: Database, project: Project) -> None:
    execute(database, "ALTER INDEX ix_e_b RENAME TO mine", "CREATE INDEX ix_e_b ON e_b (a)")
    execute(database, "COMMENT ON INDEX mine IS 'alembic_index_ops: adopted by a'")
    beside = indexes(database)["ix_e_b"]

    project.upgrade()

    found = indexes(database)
    assert found["ix_e_b"] == beside
    assert found["ix_e_b_1"].definition == definition("ix_e_b_1", "e_b", "b, a DESC")
    assert found["ix_e_b_1"].comment == built_by("b")


def test_in_the_transaction_that_made_the_table(database: Database, project: Project) -> None:
    execute(database, "DROP TABLE e, alembic_version")
    project.revision(
        "a",
        'op.execute("CREATE TABLE e (a int, b int NOT NULL) PARTITION BY RANGE (a)")\n'
        'op.execute("CREATE TABLE e_b PARTITION OF e FOR VALUES FROM (10) TO (20)")\n' + CREATE[0],
        down=None,
    )

    project.upgrade()

    found = indexes(database)
    assert found == {
        "ix": NEW["ix"],
        "e_b_b_idx": NEW["ix_e_b"]._replace(
            definition=definition("e_b_b_idx", "e_b", "b, a DESC"), comment=None
        ),
    }


def test_long_names(database: Database, project: Project) -> None:
    name = "ix_" + "é" * 25
    execute(database, f'ALTER TABLE e_c RENAME TO "{"ü" * 30}"')
    project.revision(
        "c",
        f'op.create_concurrent_index("{name}", "e", ["b"])',
        f'op.drop_concurrent_index("{name}", "e")',
        down="a",
    )
    project.revision(
        "d",
        f'op.replace_index("{name}", "e", ["a"])',
        f'op.restore_index("{name}", "e")',
        down="c",
    )
    project.upgrade("c")
    before = indexes(database)

    project.upgrade("d")
    assert indexes(database).keys() == before.keys()

    project.downgrade("c")
    assert indexes(database) == before
