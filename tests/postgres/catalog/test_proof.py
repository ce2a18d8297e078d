"""`prove_implications`: what the planner proves, on a table whose rows show that it is true."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from alembic_index_ops.catalog import Implication, prove_equal, prove_implications, read_table
from tests.postgres.catalog.cloning import run
from tests.servers import Server

COLUMNS = """
id int NOT NULL, a int, b int, status text, code varchar(9), flag boolean, tags text[],
deleted_at timestamptz, amount numeric, "Name x" text, doc jsonb, day date
"""
ROWS = """
INSERT INTO t SELECT n, nullif(n % 10, 9), nullif(n % 4, 3),
  CASE n % 4 WHEN 0 THEN 'a' WHEN 1 THEN 'b' WHEN 2 THEN 'c' END,
  CASE n % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'y' END,
  CASE n % 3 WHEN 0 THEN true WHEN 1 THEN false END,
  CASE n % 4 WHEN 0 THEN ARRAY['p'] WHEN 1 THEN ARRAY['p', 'q'] WHEN 2 THEN ARRAY['q'] END,
  CASE WHEN n % 3 = 0 THEN timestamptz '2020-01-01' + n * interval '1 day' END,
  n / 3.0, CASE n % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'y' END,
  CASE WHEN n % 2 = 0 THEN jsonb_build_object('k', n % 3) END, date '2020-01-01' + n % 5
FROM generate_series(1, 120) n
"""


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """A connection to a database with the table `t`, whose rows hold what the pairs ask for."""
    database = server.create_database()
    with database.engine.connect() as connection:
        run(connection, f"CREATE TABLE t ({COLUMNS})", ROWS)
        yield connection
    server.drop_database(database.name)


PROVEN = [
    ("a > 7", "a > 5"),
    ("a >= 6", "a > 5"),
    ("a = 6", "a > 5"),
    ("a > 5", "a > 5"),
    ("a > 5", "5 < a"),
    ("a > 5", "NOT (a <= 5)"),
    ("NOT (a > 5)", "a <= 5"),
    ("a <= 5", "NOT (a > 5)"),
    ("a BETWEEN 3 AND 4", "a >= 3"),
    ("a = 1", "a IS NOT NULL"),
    ("a > b", "a IS NOT NULL"),
    ("abs(a) = 1", "a IS NOT NULL"),
    ("a = 1", "a = 1 OR b = 2"),
    ("a = 1 AND b = 2", "a = 1"),
    ("a = 1 AND b = 2", "b = 2 AND a = 1"),
    ("a = 6 OR a = 7", "a > 5"),
    ("a IN (6, 7)", "a > 5"),
    ("a = 1", "a <> 2"),
    ("status = 'a'", "status IN ('a', 'b')"),
    ("status IN ('b', 'a')", "status IN ('a', 'b')"),
    ("status IN ('a', 'b')", "status = 'a' OR status = 'b'"),
    ("status = 'a' OR status = 'b'", "status IN ('a', 'b')"),
    ("status IN ('a', 'b')", "status IS NOT NULL"),
    ("code = 'x'", "code::text = 'x'::text"),
    ("code = 'x'", "code IN ('x', 'y')"),
    ("code = 'x'", "code IS NOT NULL"),
    ("deleted_at IS NULL", "NOT (deleted_at IS NOT NULL)"),
    ("NOT (deleted_at IS NOT NULL)", "deleted_at IS NULL"),
    ("deleted_at > now()", "deleted_at IS NOT NULL"),
    ("flag", "flag = true"),
    ("flag = true", "flag"),
    ("NOT flag", "flag = false"),
    ("flag", "flag IS NOT NULL"),
    ("tags = ARRAY['p']", "tags IS NOT NULL"),
    ("tags @> ARRAY['p']", "tags IS NOT NULL"),
    ("tags @> ARRAY['p']", "tags @> '{p}'"),
    ("amount > 7.5", "amount > 5"),
    ("\"Name x\" = 'x'", '"Name x" IS NOT NULL'),
    ("t.a > 7", "a > 5"),
    ("day = '2020-01-02'", "day > '2020-01-01'"),
    ("a > 7 AND random() < 2", "a > 5"),
    ("a > 7 AND EXISTS (SELECT FROM t)", "a > 5"),
    ("a > 7 -- five", "a > 5"),
    ("a > 7 AND false", "b = 1"),
    ("a = NULL", "b = 1"),
    ("NULL", "b = 1"),
    ("true", None),
    (None, None),
    ("a = 1", None),
]

NOT_TRUE = [
    ("a > 5", "a > 7"),
    ("a > 5", "a >= 7"),
    ("a >= 5", "a > 5"),
    ("a IS NOT NULL", "a = 1"),
    ("a = 1 OR b = 2", "a = 1"),
    ("a = 1", "a = 1 AND b = 2"),
    ("a <> 2", "a = 1"),
    ("status IN ('a', 'b')", "status = 'a'"),
    ("status IN ('a', 'c')", "status IN ('a', 'b')"),
    ("code IN ('x', 'y')", "code = 'x'"),
    ("deleted_at IS NOT NULL", "deleted_at IS NULL"),
    ("flag IS NOT TRUE", "NOT flag"),
    ("flag IS NOT NULL", "flag"),
    ("tags @> ARRAY['p']", "tags = ARRAY['p']"),
    ("a IS NULL", "a <= 5"),
    ("a IS NOT DISTINCT FROM NULL", "a IS NOT NULL"),
    ("true", "a = 1"),
    (None, "a = 1"),
    (None, "a IS NOT NULL"),
    ("EXISTS (SELECT FROM t WHERE a > 7)", "a > 5"),
    ("a IN (SELECT a FROM t WHERE b = 2)", "b = 2"),
]

TRUE_BUT_NOT_PROVEN = [
    ("flag", "flag IS TRUE"),
    ("flag IS TRUE", "flag"),
    ("flag IS FALSE", "NOT flag"),
    ("a + 0 = 1", "a = 1"),
    ("a > 5 AND a < 3", "b = 1"),
    ("a IN (6, 7)", "a BETWEEN 6 AND 7 AND a <> 8 AND abs(a) < 9"),
    ("lower(status) = 'a'", "status <> 'b'"),
    ("true", "id IS NOT NULL"),
    ("a = 1", "true"),
    ("a::bigint > 7", "a > 5"),
    ("doc ->> 'k' = '1'", "doc ? 'k'"),
]


def proven(connection: Connection, stronger: str | None, weaker: str | None) -> object:
    table = read_table(connection, "t", None)
    (answer,) = prove_implications(connection, [Implication(table, stronger, weaker)])
    return answer


def counterexamples(connection: Connection, stronger: str | None, weaker: str | None) -> int:
    """How many rows meet the first and not the second."""
    met = f"({stronger or 'true'}\n) AND ({weaker or 'true'}) IS NOT TRUE"
    query = f"SELECT count(*) FROM t WHERE {met}"
    return int(connection.execute(text(query)).scalar_one())


@pytest.mark.parametrize(("stronger", "weaker"), PROVEN)
def test_proven(connection, stronger, weaker):
    assert proven(connection, stronger, weaker) is True
    assert counterexamples(connection, stronger, weaker) == 0


@pytest.mark.parametrize(("stronger", "weaker"), NOT_TRUE)
def test_not_true(connection, stronger, weaker):
    assert proven(connection, stronger, weaker) is False
    assert counterexamples(connection, stronger, weaker) > 0


@pytest.mark.parametrize(("stronger", "weaker"), TRUE_BUT_NOT_PROVEN)
def test_true_and_not_proven(connection, stronger, weaker):
    assert proven(connection, stronger, weaker) is False
    assert counterexamples(connection, stronger, weaker) == 0


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("a = 1 AND b = 2", "b = 2 AND a = 1", True),
        ("status = 'a' OR status = 'b'", "status IN ('b', 'a')", True),
        ("deleted_at IS NULL", "NOT (deleted_at IS NOT NULL)", True),
        ("flag", "flag = true", True),
        ("flag", "flag IS TRUE", False),
        ("a > 7", "a > 5", False),
        ("a > 5", "a > 7", False),
        ("flag IS NOT TRUE", "NOT flag", False),
        ("a = 1", None, False),
        (None, "a = 1", False),
        (None, None, True),
    ],
)
def test_equal(connection, first, second, equal):
    assert prove_equal(connection, [(read_table(connection, "t", None), first, second)]) == (equal,)
