"""Whatever the proof says of any two predicates, no row contradicts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from alembic_index_ops.catalog import Implication, prove_implications, read_table
from tests.postgres.catalog.cloning import run
from tests.servers import Server

PAIRS = 8  # asked at once, of each example


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """A connection to a database with a table that has each combination of a few values."""
    database = server.create_database()
    with database.engine.connect() as connection:
        run(
            connection,
            "CREATE TABLE t (a int, b int, s varchar(9), f boolean)",
            "INSERT INTO t SELECT a, b, s, f FROM"
            " unnest(ARRAY[-1, 0, 1, 2, 3, NULL]) a, unnest(ARRAY[0, 1, 2, NULL]) b,"
            " unnest(ARRAY['x', 'y', '', NULL]) s, unnest(ARRAY[true, false, NULL]) f",
        )
        yield connection
    server.drop_database(database.name)


NUMBERS = st.sampled_from(["a", "b", "a + b", "abs(a)"])
LITERALS = st.sampled_from(["-1", "0", "1", "2", "NULL"])
OPERATORS = st.sampled_from(["<", "<=", "=", "<>", ">=", ">"])
TESTS = st.sampled_from(
    ["IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "= true"]
)
WORDS = st.lists(st.sampled_from(["'x'", "'y'", "''", "NULL"]), min_size=1, max_size=3)

ATOMS = st.one_of(
    st.tuples(NUMBERS, OPERATORS, LITERALS | NUMBERS).map(" ".join),
    st.tuples(NUMBERS, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.tuples(st.sampled_from(["s IN", "s NOT IN"]), WORDS).map(
        lambda each: f"{each[0]} ({', '.join(each[1])})"
    ),
    st.sampled_from(["s = 'x'", "s <> 'x'", "s IS NULL", "f", "true", "false", "f IS NULL"]),
    st.tuples(st.just("f"), TESTS).map(" ".join),
)
PREDICATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map("NOT ({})".format),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda each: f"({each[0]}) {each[1]} ({each[2]})"
        ),
        st.tuples(inner, TESTS).map(lambda each: f"({each[0]}) {each[1]}"),
    ),
    max_leaves=4,
)
# Of two that have nothing to do with each other there is seldom a proof.
RELATED = st.tuples(PREDICATES, PREDICATES).flatmap(
    lambda each: st.sampled_from(
        [
            each,
            (each[0], each[0]),
            (f"({each[0]}) AND ({each[1]})", each[0]),
            (each[0], f"({each[1]}) OR ({each[0]})"),
            (each[0], f"NOT (NOT ({each[0]}))"),
        ]
    )
)


@settings(max_examples=60)
@given(pairs=st.lists(RELATED, min_size=PAIRS, max_size=PAIRS))
def test_no_row_contradicts_a_proof(connection, pairs):
    table = read_table(connection, "t", None)
    answers = prove_implications(connection, [Implication(table, *pair) for pair in pairs])
    assert all(isinstance(answer, bool) for answer in answers)
    for (stronger, weaker), answer in zip(pairs, answers, strict=True):
        query = f"SELECT count(*) FROM t WHERE ({stronger}) AND ({weaker}) IS NOT TRUE"
        assert not answer or connection.scalar(text(query)) == 0
    connection.rollback()
