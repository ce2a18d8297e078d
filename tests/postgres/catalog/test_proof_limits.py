"""`prove_implications`: of any table, in any session; what is refused, and what it leaves."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from alembic_index_ops.catalog import Implication, prove_equal, prove_implications, read_table
from alembic_index_ops.errors import ArgumentError, CannotJudgeError, LockTimeoutError
from tests.postgres.catalog.cloning import run


def prove(connection, stronger, weaker, table="t", schema=None):
    asked = Implication(read_table(connection, table, schema), stronger, weaker)
    (answer,) = prove_implications(connection, [asked])
    return answer


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE MATERIALIZED VIEW t AS SELECT 1 AS n WITH NO DATA"],
        ["CREATE TABLE t (n int) PARTITION BY LIST (n)"],
        ["CREATE UNLOGGED TABLE t (n int)"],
        ["CREATE TABLE t (b int, n int GENERATED ALWAYS AS (b * 2) STORED)"],
        ["CREATE TABLE t (x int, n int)", "ALTER TABLE t DROP x"],
        ["CREATE TABLE t (n int)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"],
    ],
    ids=["matview", "partitioned", "unlogged", "generated", "dropped column", "row security"],
)
def test_kinds_of_tables(connection, statements):
    run(connection, *statements)
    assert prove(connection, "n > 2", "n > 1") is True
    assert prove(connection, "n > 1", "n > 2") is False


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_indexscan = off",
        "SET enable_bitmapscan = on",
        "SET enable_seqscan = on",
        "SET constraint_exclusion = on",
        "SET default_transaction_isolation = 'serializable'",
        "SET max_parallel_workers_per_gather = 8",
    ],
)
def test_whatever_the_session_has_set(connection, statement):
    run(connection, "CREATE TABLE t (n int)", statement)
    assert prove(connection, "n > 2", "n > 1") is True
    assert prove(connection, "n > 2 AND n < 1", "n = 7") is False


def test_a_not_null_that_the_rows_need_not_meet_proves_nothing(connection, pg_version):
    if pg_version < 18:
        pytest.skip("NOT NULL NOT VALID is 18+")
    run(
        connection,
        "CREATE TABLE t (n int, m int)",
        "INSERT INTO t VALUES (NULL)",
        "ALTER TABLE t ADD CONSTRAINT there NOT NULL n NOT VALID",
    )
    assert prove(connection, "n IS NULL", "m = 1") is False


def test_no_privilege_on_the_table_is_needed(connection, make_role):
    role = make_role()
    run(connection, "CREATE TABLE t (n int)", f'SET ROLE "{role}"')
    assert prove(connection, "n > 2", "n > 1") is True


def test_every_row_is_in_an_index_of_all_rows_without_asking(connection):
    run(connection, "CREATE TABLE t (n int)", "SET default_transaction_read_only = on")
    assert prove(connection, "n > 1", None) is True


def test_no_index_stands_in_for_another(connection):
    run(connection, "CREATE TABLE t (n int)")
    table = read_table(connection, "t", None)
    asked = [Implication(table, "n > 5", f"n > {number}") for number in (5, 4, 3, 2)]
    assert prove_implications(connection, asked) == (True, True, True, True)


def test_answers_come_in_order_from_many_tables(connection):
    run(
        connection,
        "CREATE SCHEMA app",
        "CREATE TABLE t (n int)",
        "CREATE TABLE app.t (n text)",
        "CREATE TABLE u (n int)",
    )
    tables = [read_table(connection, *each) for each in (("t", None), ("t", "app"), ("u", None))]
    numbers, words, others = tables
    answers = prove_implications(
        connection,
        [
            Implication(numbers, "n > 2", "n > 1"),
            Implication(words, "n = 'a'", "n IN ('a', 'b')"),
            Implication(others, "missing > 2", "n > 1"),
            Implication(numbers, "n > 1", "n > 2"),
            Implication(others, "n > 1", None),
        ],
    )
    assert [answers[0], answers[1], answers[3], answers[4]] == [True, True, False, True]
    assert isinstance(answers[2], ArgumentError)


@pytest.mark.parametrize(
    ("stronger", "weaker", "said"),
    [
        ("missing > 1", "n > 1", 'column "missing" does not exist'),
        ("n > 1", "missing > 1", 'column "missing" does not exist'),
        (
            "n > 1",
            "random() > 1",
            "functions in index predicate must be marked IMMUTABLE",
        ),
        ("n >", "n > 1", 'syntax error at or near ")"'),
        ("n > 1 LIMIT 1", "n > 1", 'syntax error at or near "LIMIT"'),
        ("true) OR (n > 1", "n >", "syntax error at end of input"),
    ],
)
def test_a_predicate_that_the_server_refuses(connection, stronger, weaker, said):
    run(connection, "CREATE TABLE t (n int)")
    answer = prove(connection, stronger, weaker)
    assert isinstance(answer, ArgumentError)
    assert str(answer) == (
        f'whether "{stronger}" implies "{weaker}" on "public"."t": the server refuses one of the'
        f" two: {said}. Nothing was changed; correct the predicate."
    )


CANNOT_JUDGE = (
    'whether "{}" implies "n > 1" on "public"."t" cannot be judged: the server does not take both'
    " on a temporary clone: {}"
)


def test_in_a_read_only_session(connection):
    run(connection, "CREATE TABLE t (n int)", "SET default_transaction_read_only = on")
    answer = prove(connection, "n > 2", "n > 1")
    assert isinstance(answer, CannotJudgeError)
    said = "cannot execute CREATE TABLE AS in a read-only transaction"
    assert str(answer).startswith(CANNOT_JUDGE.format("n > 2", said))


def test_references_qualified_by_schema_and_table(connection):
    run(connection, "CREATE TABLE t (n int)")
    answer = prove(connection, "public.t.n > 2", "n > 1")
    assert isinstance(answer, CannotJudgeError)
    said = 'invalid reference to FROM-clause entry for table "t"'
    assert str(answer).startswith(CANNOT_JUDGE.format("public.t.n > 2", said))


def test_a_locked_table(database, connection):
    run(connection, "CREATE TABLE t (n int)")
    table = read_table(connection, "t", None)
    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        (answer,) = prove_implications(connection, [Implication(table, "n > 2", "n > 1")])
    assert isinstance(answer, LockTimeoutError)
    assert str(answer) == (
        'whether "n > 2" implies "n > 1" on "public"."t" cannot be judged: the table was locked'
        " for more than 2s. Try again when that lock is gone."
    )


@pytest.mark.parametrize(
    ("first", "second"), [("missing > 1", "n > 1"), ("n > 1", "random() < 2 AND n > 1")]
)
def test_what_cannot_be_said_of_one_direction_is_not_equal(connection, first, second):
    run(connection, "CREATE TABLE t (n int)")
    (answer,) = prove_equal(connection, [(read_table(connection, "t", None), first, second)])
    assert isinstance(answer, ArgumentError)


@pytest.mark.parametrize("mode", ["transaction", "autocommit"])
def test_nothing_is_left_behind(connection):
    run(connection, "CREATE TABLE t (n int)")
    everything = text(
        "SELECT relname, NULL FROM pg_class UNION ALL"
        " SELECT name, setting FROM pg_settings WHERE name NOT LIKE '%.%'"
        " ORDER BY 1"
    )
    before = connection.execute(everything).all()
    connection.commit()
    prove(connection, "n > 2", "n > 1")
    prove(connection, "n > 2", "missing > 1")
    assert connection.execute(everything).all() == before
