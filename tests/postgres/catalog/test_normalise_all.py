"""`normalise_all`: definitions of many tables at once, each with an answer of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from alembic_index_ops.catalog import normalise, normalise_all, read_table
from alembic_index_ops.catalog.session import sqlstate
from alembic_index_ops.definition import IndexSpec, KeyColumn, define_index
from alembic_index_ops.errors import ArgumentError, CannotJudgeError, LockTimeoutError
from tests.observe import eventually, rows
from tests.postgres.catalog.cloning import run
from tests.servers import Database

MODES = pytest.mark.parametrize("mode", ["transaction", "autocommit"])


def ask(connection: Connection, *specs: IndexSpec) -> tuple:
    tables = [read_table(connection, spec.table, spec.schema) for spec in specs]
    return normalise_all(connection, list(zip(tables, specs, strict=True)))


def partial(table: str, where: str, name: str = "ix", schema: str | None = None) -> IndexSpec:
    return define_index(name, table, ["n"], schema=schema, where=where)


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_others):
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield seen
    event.remove(connection, "before_cursor_execute", note)


def relations(connection: Connection) -> list[str]:
    query = "SELECT relname::text FROM pg_class WHERE relnamespace > 16383 OR relnamespace = 2200"
    return sorted(connection.scalars(text(query)))


@contextmanager
def locked(database: Database, *tables: str) -> Iterator[psycopg.Connection]:
    with database.connect() as holder:
        holder.execute("BEGIN")
        for table in tables:
            holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield holder


@MODES
def test_each_has_its_answer_in_order(connection):
    run(
        connection,
        "CREATE TABLE t (n int, a varchar(9))",
        "CREATE TABLE u (n int)",
        "CREATE FUNCTION of_row(u) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.n'",
    )
    answers = ask(
        connection,
        partial("t", "n>1", "first"),
        partial("t", "missing > 1", "refused"),
        define_index("plain", "u", ["n DESC"]),
        define_index("of_row", "u", [KeyColumn(expression="of_row(u)")]),
        partial("u", "n IN (1, 2)", "last"),
        partial("t", "a = 'x'", "of_t"),
    )
    assert [answers[0], answers[2], answers[4], answers[5]] == [
        partial("t", "n > 1", "first", "public"),
        define_index("plain", "u", ["n DESC"], schema="public"),
        partial("u", "n = ANY (ARRAY[1, 2])", "last", "public"),
        partial("t", "(a)::text = 'x'::text", "of_t", "public"),
    ]
    assert isinstance(answers[1], ArgumentError)
    assert str(answers[1]) == (
        'index "refused" on "public"."t": the server refuses this definition: column "missing"'
        " does not exist. Nothing was changed; correct the columns, the expression or the"
        " predicate."
    )
    assert isinstance(answers[3], CannotJudgeError)
    assert str(answers[3]).startswith(
        'index "of_row" on "public"."u" cannot be judged: the server does not normalise its'
        " expression or predicate on a temporary clone: function of_row("
    )


def test_a_refused_clone_is_the_answer_of_all_its_definitions(connection):
    run(
        connection,
        "CREATE TABLE t (n int)",
        "CREATE TABLE u (n int)",
        "CREATE TEMP TABLE t (z int)",
    )
    answers = ask(
        connection,
        partial("t", "n > 1", "one", "public"),
        partial("u", "n>1", "other"),
        partial("t", "n > 2", "two", "public"),
    )
    assert answers[1] == partial("u", "n > 1", "other", "public")
    for answer, name in ((answers[0], "one"), (answers[2], "two")):
        assert isinstance(answer, CannotJudgeError)
        assert str(answer).startswith(f'index "{name}" on "public"."t" cannot be judged: ')


def test_tables_of_one_name(connection):
    run(
        connection,
        *(f"CREATE SCHEMA s{number}" for number in range(3)),
        "CREATE TABLE s0.t (n int)",
        "CREATE TABLE s1.t (n text)",
        "CREATE TABLE s2.t (n varchar)",
        "CREATE TABLE u (n int)",
    )
    asked = [partial("t", "n = '1'", schema=f"s{number}") for number in range(3)]
    assert [answer.predicate for answer in ask(connection, *asked, partial("u", "n=1"))] == [
        "n = 1",
        "n = '1'::text",
        "(n)::text = '1'::text",
        "n = 1",
    ]


def test_a_clone_does_not_hide_a_type_from_another_table(connection):
    run(
        connection,
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE SCHEMA app",
        "CREATE TABLE app.mood (n int)",
        "CREATE TABLE t (n int)",
    )
    asked = [partial("mood", "n>1", schema="app"), partial("t", "'sad' < 'happy'::mood")]
    assert [answer.predicate for answer in ask(connection, *asked)] == [
        "n > 1",
        "'sad'::mood < 'happy'::mood",
    ]


@pytest.mark.parametrize("where", ["a = '(1,2)'::pair", "a = '{}'::pair[]"])
def test_nor_the_row_type_of_a_table_where_a_column_has_it(connection, where):
    type_ = where.partition("::")[2]
    run(connection, "CREATE TABLE pair (n int, m int)", f"CREATE TABLE t (n int, a {type_})")
    answers = ask(connection, partial("pair", "n>1"), partial("t", where))
    assert [answer.predicate for answer in answers] == ["n > 1", where]


@pytest.mark.parametrize(
    "value", ["$ops$ $ops1$ $$", "it''s", "back\\slash", ":x %s %% {0}", "🐘", '"', "a\nb", "$ops"]
)
def test_any_text(connection, value):
    run(connection, "CREATE TABLE t (n int, a text)", "CREATE TABLE u (n int, a text)")
    answers = ask(connection, partial("t", f"a <> '{value}'"), partial("u", f"a <> '{value}'"))
    assert [connection.scalar(text("SELECT 1")), len(answers)] == [1, 2]
    for answer in answers:
        assert answer.predicate == f"a <> '{value}'::text"


def two_for_each_of_a_hundred_tables(connection: Connection) -> list:
    names = [f"t{number}" for number in range(100)]
    run(connection, *(f"CREATE TABLE {name} (n int, a text)" for name in names))
    return [
        (read_table(connection, name, None), partial(name, f"n>{number}", f"ix{number}"))
        for name in names
        for number in range(2)
    ]


@MODES
def test_many_tables_leave_nothing_behind(connection):
    asked = two_for_each_of_a_hundred_tables(connection)
    before = relations(connection)
    assert normalise_all(connection, asked) == tuple(
        partial(f"t{table}", f"n > {number}", f"ix{number}", "public")
        for table in range(100)
        for number in range(2)
    )
    assert relations(connection) == before


def test_many_tables_take_few_statements(connection):
    asked = two_for_each_of_a_hundred_tables(connection)
    with statements(connection) as seen:
        normalise_all(connection, asked)
    # Each portion has 20 tables of three subtransactions, and takes nine statements.
    assert len(seen) == 5 * 9


def test_one_table_takes_one_portion(connection):
    run(connection, "CREATE TABLE t (n int)")
    table = read_table(connection, "t", None)
    with statements(connection) as seen:
        normalise(connection, table, [partial("t", f"n>{number}") for number in range(50)])
    assert len(seen) == 7


def test_nothing_to_ask_takes_no_statement(connection):
    run(connection, "CREATE TABLE t (n int)", "CREATE TABLE u (n int)")
    tables = [read_table(connection, name, None) for name in "tu"]
    with statements(connection) as seen:
        normalise_all(connection, [(table, define_index("i", "t", ["n"])) for table in tables])
        assert normalise_all(connection, []) == ()
    assert seen == []


@MODES
def test_locked_tables_are_waited_for_two_seconds_together(database, connection):
    run(connection, *(f"CREATE TABLE t{number} (n int)" for number in range(4)))
    asked = [
        (read_table(connection, f"t{number}", None), partial(f"t{number}", "n>1"))
        for number in range(4)
    ]
    connection.commit()
    with locked(database, "t1", "t2"):
        started = time.monotonic()
        answers = normalise_all(connection, asked)
    assert 1.9 < time.monotonic() - started < 3
    assert [answers[0].predicate, answers[3].predicate] == ["n > 1", "n > 1"]
    assert [type(answer) for answer in answers[1:3]] == [LockTimeoutError, LockTimeoutError]
    assert str(answers[2]) == (
        'index "ix" on "public"."t2" cannot be judged: the table was locked for more than 2s.'
        " Try again when that lock is gone."
    )


def test_a_lock_that_goes_is_waited_for_and_no_other_is_held(database, connection):
    run(connection, "CREATE TABLE t (n int)", "CREATE TABLE u (n int)")
    asked = [(read_table(connection, name, None), partial(name, "n>1")) for name in "tu"]
    connection.commit()
    answers: list[object] = []
    with locked(database, "u") as holder:
        asking = threading.Thread(target=lambda: answers.extend(normalise_all(connection, asked)))
        asking.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'u'::regclass"
        held = "SELECT 1 FROM pg_locks WHERE granted AND relation = 't'::regclass"
        # The short wait among others holds t for a moment; the long one holds nothing.
        eventually(lambda: rows(database, waiting) and not rows(database, held), seconds=1)
        time.sleep(0.1)
        assert (rows(database, waiting), rows(database, held)) == ([(1,)], [])
        holder.execute("COMMIT")
        asking.join()
    assert [answer.predicate for answer in answers] == ["n > 1", "n > 1"]


@MODES
def test_a_cancelled_statement_is_raised(connection):
    run(
        connection,
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql IMMUTABLE"
        " AS 'SELECT pg_sleep(20) IS NOT NULL'",
        "CREATE TABLE t (n int)",
        "CREATE TABLE u (n int)",
    )
    before = relations(connection)
    asked = [
        (read_table(connection, "t", None), partial("t", "slow()")),
        (read_table(connection, "u", None), partial("u", "n>1")),
    ]
    connection.execute(text("SET statement_timeout = '300ms'"))
    with pytest.raises(DBAPIError) as caught:
        normalise_all(connection, asked)
    assert sqlstate(caught.value) == "57014"
    assert relations(connection) == before


def test_a_look_at_the_table_that_is_cancelled_is_raised(connection):
    run(
        connection,
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql IMMUTABLE"
        " AS 'SELECT pg_sleep(20) IS NOT NULL'",
        "CREATE TABLE t (n int)",
        "CREATE FUNCTION of_row(t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.n'",
    )
    # On the clone there is no of_row, and nothing is planned; on the table slow() is run.
    asked = define_index("ix", "t", [KeyColumn(expression="of_row(t)")], where="slow()")
    table = read_table(connection, "t", None)
    connection.execute(text("SET statement_timeout = '300ms'"))
    with pytest.raises(DBAPIError) as caught:
        normalise_all(connection, [(table, asked)])
    assert sqlstate(caught.value) == "57014"


def test_a_lost_connection_is_raised(database, connection):
    run(connection, "CREATE TABLE t (n int)")
    table = read_table(connection, "t", None)
    pid = connection.scalar(text("SELECT pg_backend_pid()"))
    rows(database, "SELECT pg_terminate_backend(%s, 5000)", pid)
    with pytest.raises(DBAPIError) as caught:
        normalise_all(connection, [(table, partial("t", "n>1"))])
    assert caught.value.connection_invalidated
