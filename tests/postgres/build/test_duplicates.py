"""What a unique index tells of the duplicates that it met, and what it keeps to itself."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from alembic_index_ops import DuplicateKeysError
from alembic_index_ops.events import BuildStarted, DebrisDropped, Event, Progress
from tests.conftest import MakeRole
from tests.observe import execute, indexes, revisions, rows
from tests.postgres.build.listening import Listener, migrate
from tests.projects import Project
from tests.servers import Database

NOT_BUILT = 'index "ix" on "public"."t" was not built: the rows hold duplicates of its key'
REMOVE = "Remove the duplicates, then run the migration again."


def fill(database: Database, columns: str, *values: str, table: str = "t") -> None:
    """A table of these columns, above 64 kB; `values` are rows that repeat what is there."""
    execute(
        database,
        f"CREATE TABLE {table} (filler text, {columns})",
        f"INSERT INTO {table} (filler) SELECT repeat('x', 100) FROM generate_series(1, 1000)",
        *(f"INSERT INTO {table} VALUES ('', {row})" for row in values),
    )


def wish(project: Project, columns: str, arguments: str = "", table: str = "t") -> None:
    """A revision that wants the unique index."""
    project.revision(
        "a",
        f"op.create_concurrent_index('ix', {table!r}, {columns}, unique=True, {arguments})",
        down=None,
    )


def refuse(project: Project, *x: str) -> str:
    """What the error of an upgrade says."""
    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade("heads", *x)
    return str(duplicates.value)


def listed(message: str) -> Sequence[str]:
    """The lines between the first and the last."""
    first, *lines, last = message.splitlines()
    assert first.startswith(f'{NOT_BUILT}: could not create unique index "ix_building_')
    assert first.endswith(". Nothing is left behind.")
    assert last == REMOVE
    return lines


def test_ten_keys_the_most_frequent_first(database: Database, project: Project) -> None:
    fill(database, "a int")
    execute(
        database,
        "INSERT INTO t SELECT '', a FROM generate_series(1, 12) a, generate_series(1, a)",
        "INSERT INTO t SELECT '', 20 FROM generate_series(1, 1234)",
        "INSERT INTO t VALUES ('', 21), ('', 21)",
    )
    wish(project, "['a']")

    assert listed(refuse(project)) == [
        "Duplicates, at least these:",
        "  (20): 1,234 rows",
        *(f"  ({key}): {key} rows" for key in range(12, 3, -1)),
    ]
    assert indexes(database) == {}
    assert revisions(database) == set()


def test_fewer_keys_are_all_of_them(database: Database, project: Project) -> None:
    fill(database, "a int", "2", "2", "1", "1", "3")
    wish(project, "['a']")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1): 2 rows", "  (2): 2 rows"]


def test_a_key_of_two_columns(database: Database, project: Project) -> None:
    fill(database, 'a int, "B b" text', "1, 'x'", "1, 'x'", "1, 'y'", "2, 'x'")
    wish(project, "['a', key('B b', desc=True)]")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1, x): 2 rows"]


def test_an_included_column_is_no_key(database: Database, project: Project) -> None:
    fill(database, "a int, b int", "1, 2", "1, 3")
    project.revision(
        "a", "op.create_covering_index('ix', 't', ['a'], include=['b'], unique=True)", down=None
    )

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1): 2 rows"]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("[sa.func.lower(sa.column('a'))]", "  (ann): 3 rows"),
        ("[sa.text(\"replace(a, '%', ':x')\")]", "  (Ann): 2 rows"),
        ('[sa.text("(a COLLATE \\"C\\") || \'%s\'")]', "  (Ann%s): 2 rows"),
        ("[key('a', collation='C')]", "  (Ann): 2 rows"),
        ("[key('a', operator_class='text_pattern_ops')]", "  (Ann): 2 rows"),
    ],
)
def test_the_key_as_the_index_has_it(
    database: Database, project: Project, columns: str, found: str
) -> None:
    fill(database, "a text", "'Ann'", "'ann'", "'Ann'", "'Bob'")
    wish(project, columns)

    assert listed(refuse(project)) == ["Duplicates, these:", found]


def test_a_collation_that_takes_different_words_for_equal(
    database: Database, project: Project
) -> None:
    blind = "provider = icu, locale = 'und-u-ks-level2', deterministic = false"
    try:
        execute(database, f"CREATE COLLATION blind ({blind})")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server is built without ICU")
    fill(database, "a text", "'Ann'", "'ann'", "'Ann'", "'Bob'")
    wish(project, "[key('a', collation='blind')]")

    [head, line] = listed(refuse(project))

    assert (head, line.lower()) == ("Duplicates, these:", "  (ann): 3 rows")


def test_only_the_rows_of_the_predicate(database: Database, project: Project) -> None:
    fill(database, "a int, gone text", "1, 'no'", "1, 'no'", "2, 'yes'", "2, 'yes'")
    wish(project, "['a']", "where=\"gone = 'no' AND gone NOT LIKE '%:x'\"")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1): 2 rows"]


def test_nulls_are_no_duplicates(database: Database, project: Project) -> None:
    fill(database, "a int, b int", "1, NULL", "1, NULL", "NULL, 1", "NULL, 1", "1, 1", "1, 1")
    wish(project, "['a', 'b']")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1, 1): 2 rows"]


def test_nulls_are_where_the_index_says_so(
    database: Database, project: Project, pg_version: int
) -> None:
    if pg_version < 15:
        pytest.skip("NULLS NOT DISTINCT came with PostgreSQL 15")
    fill(database, "a int, b int", "1, NULL", "1, NULL", "1, 1", "1, 1", "1, 1")
    execute(database, "DELETE FROM t WHERE a IS NULL AND ctid <> (SELECT min(ctid) FROM t)")
    wish(project, "['a', 'b']", "nulls_not_distinct=True, concurrently=True")

    assert listed(refuse(project)) == [
        "Duplicates, these:",
        "  (1, 1): 3 rows",
        "  (1, NULL): 2 rows",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("100%s :x %(a)s {0}", "100%s :x %(a)s {0}"),
        ("two\nlines\tand\x1b[2J", r"two\nlines\tand\x1b[2J"),
        ("ä🐘", "ä🐘"),
        ("", ""),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 80 + "..."),
        ("x" * 2000, "x" * 80 + "..."),
    ],
)
def test_a_value_takes_one_short_line(
    database: Database, project: Project, value: str, shown: str
) -> None:
    fill(database, "a text")
    with database.connect() as connection:
        for _ in range(2):
            connection.execute("INSERT INTO t VALUES ('', %s)", (value,))
    wish(project, "['a']")

    assert refuse(project).splitlines()[-3:] == [
        "Duplicates, these:",
        f"  ({shown}): 2 rows",
        REMOVE,
    ]


def test_a_table_of_an_unusual_name(database: Database, project: Project) -> None:
    name = 'Order "100%":x\'s'
    quoted = '"' + name.replace('"', '""') + '"'
    execute(database, 'CREATE SCHEMA "my %s"')
    fill(database, '"key_1" int, "count" int', "1, 2", "1, 2", table=f'"my %s".{quoted}')
    wish(project, "['count', 'key_1']", "schema='my %s'", table=name)

    assert refuse(project).splitlines()[1:] == [
        "Duplicates, these:",
        "  (2, 1): 2 rows",
        REMOVE,
    ]


def test_rows_of_a_table_that_inherits_are_not_those_of_the_index(
    database: Database, project: Project
) -> None:
    fill(database, "a int", "1", "1", "2")
    execute(database, "CREATE TABLE heir () INHERITS (t)", "INSERT INTO heir VALUES ('', 2)")
    wish(project, "['a']")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1): 2 rows"]


@pytest.mark.parametrize("concurrently", ["'auto'", "False"])
def test_a_small_table_and_one_that_is_built_at_once(
    database: Database, project: Project, concurrently: str
) -> None:
    execute(database, "CREATE TABLE t AS SELECT i / 2 AS a FROM generate_series(2, 6) i")
    wish(project, "['a']", f"concurrently={concurrently}")

    assert refuse(project) == (
        f'{NOT_BUILT}: could not create unique index "ix" (Key (a)=(1) is duplicated.). Nothing was'
        f" changed.\nDuplicates, these:\n  (1): 2 rows\n  (2): 2 rows\n{REMOVE}"
    )
    assert indexes(database) == {}


def test_a_partitioned_table(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int) PARTITION BY LIST (a)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)",
        "INSERT INTO t VALUES (1, 2), (1, 2), (1, 3)",
    )
    wish(project, "['a', 'b']", "concurrently=False")

    assert refuse(project).splitlines()[1:] == [
        "Duplicates, these:",
        "  (1, 2): 2 rows",
        REMOVE,
    ]


def test_a_row_security_that_would_hide_some(
    tmp_path: Path, database: Database, make_role: MakeRole
) -> None:
    """It holds for the owner too; the index is of all rows, so a part of them is not listed."""
    owner = make_role()
    fill(database, "a int", "1", "1", "2", "2")
    execute(
        database,
        f"ALTER TABLE t OWNER TO {owner}",
        f"GRANT CREATE ON SCHEMA public TO {owner}",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY part ON t USING (a = 2)",
    )
    project = Project(tmp_path, database.url_for(owner))
    wish(project, "['a']")

    message = refuse(project)

    assert "(Duplicate keys exist.)" in message
    assert message.splitlines()[1:] == [
        "(The duplicates could not be listed: query would be affected by row-level security policy"
        ' for table "t".)',
        REMOVE,
    ]


def test_a_search_that_takes_too_long(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN"
        " IF current_query() LIKE 'SELECT%' THEN PERFORM pg_sleep(10); END IF;"
        " RETURN $1; END$$",
    )
    fill(database, "a int", "1", "1")
    wish(project, "[sa.func.slow(sa.column('a'))]", "duplicates_timeout='100ms'")

    assert listed(refuse(project)) == [
        "(The duplicates could not be listed: that took longer than duplicates_timeout (0.1 s).)"
    ]


def test_a_search_for_which_the_table_is_locked(database: Database, project: Project) -> None:
    """The leftover of the build is gone by then, and what cannot be listed is said."""
    fill(database, "a int", "1", "1")
    wish(project, "['a']", "duplicates_timeout='30s'")
    locks: list[psycopg.Connection] = []

    def lock(event: Event) -> None:
        if isinstance(event, DebrisDropped):
            locks.append(database.connect())
            locks[0].execute("BEGIN; LOCK TABLE t")

    try:
        with pytest.raises(DuplicateKeysError) as duplicates:
            migrate(project, database.engine, listener=Listener(lock))
    finally:
        for session in locks:
            session.close()

    assert listed(str(duplicates.value)) == [
        "(The duplicates could not be listed: canceling statement due to lock timeout.)"
    ]


def test_the_leftover_is_dropped_before_the_search(database: Database, project: Project) -> None:
    """It could go on enforcing; what the search sees of the catalog is written down by it."""
    execute(
        database,
        "CREATE SEQUENCE leftovers MINVALUE 0",
        "CREATE FUNCTION seen(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN"
        " IF current_query() LIKE 'SELECT%' THEN PERFORM setval('leftovers',"
        " (SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass)); END IF;"
        " RETURN $1; END$$",
        "SELECT setval('leftovers', 7)",
    )
    fill(database, "a int", "1", "1")
    wish(project, "[sa.func.seen(sa.column('a'))]")

    assert listed(refuse(project)) == ["Duplicates, these:", "  (1): 2 rows"]
    assert rows(database, "SELECT last_value FROM leftovers") == [(0,)]


def test_duplicates_are_no_reason_to_try_again(database: Database, project: Project) -> None:
    fill(database, "a int", "1", "1")
    wish(project, "['a']")
    listener = Listener()

    with pytest.raises(DuplicateKeysError):
        migrate(project, database.engine, listener=listener)

    assert [type(event) for event in listener.heard if not isinstance(event, Progress)] == [
        BuildStarted,
        DebrisDropped,
    ]


@pytest.mark.parametrize("size", [1000, 0])
@pytest.mark.parametrize("concurrently", ["'auto'", "False"])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_where_values_are_not_to_be_shown_none_is(
    tmp_path: Path,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    driver: str,
    concurrently: str,
    size: int,
) -> None:
    fill(database, "a text", "'secret'", "'secret'")
    execute(database, f"DELETE FROM t WHERE a IS NULL AND {size} = 0", "VACUUM FULL t")
    template = "async" if driver == "asyncpg" else "generic"
    project = Project(tmp_path, database.url_for(driver=driver), template)
    wish(project, "['a']", f"show_duplicates=False, concurrently={concurrently}")
    caplog.set_level(logging.DEBUG, "alembic_index_ops")

    with pytest.raises(DuplicateKeysError) as duplicates:
        project.upgrade()

    assert str(duplicates.value).splitlines() == [
        f"{NOT_BUILT}. " + ("Nothing was changed." if concurrently == "False" or not size else
        "Nothing is left behind."),
        REMOVE,
    ]  # fmt: skip
    assert "secret" not in "".join(traceback.format_exception(duplicates.value))
    assert "secret" not in caplog.text


@pytest.mark.parametrize("raiseerr", [(), ("--raiseerr",)])
@pytest.mark.parametrize("shown", [True, False])
def test_on_the_command_line(
    database: Database, project: Project, raiseerr: tuple[str, ...], shown: bool
) -> None:
    fill(database, "a text", "'secret'", "'secret'")
    wish(project, "['a']")

    status, output = project.run(
        *raiseerr, "-x", f"index_ops.show_duplicates={shown}", "upgrade", "head"
    )

    assert status == (1 if raiseerr else 255)
    assert NOT_BUILT in output
    assert ("Traceback" in output) == bool(raiseerr)
    assert ("secret" in output) == shown
