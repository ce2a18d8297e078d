"""Which index serves which query: each answer beside a plan that was run on a filled table."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from pytest_index_assert.check import check
from pytest_index_assert.connection import open_engine, reading
from pytest_index_assert.relation import find_table, read_relation
from pytest_index_assert.requirement import parse_requirement
from pytest_index_assert.serving import ask, essence

# c grows with the rows, everything else is scattered. Few rows are new, and none has b NULL.
TABLE = """
CREATE TABLE t (
  id int PRIMARY KEY, a int, b int, c timestamp, s varchar(20), e text, tags int[], r int4range);
INSERT INTO t SELECT n, (n * 7919) % 1009, (n * 104729) % 997,
  timestamp '2024-01-01' + n * interval '1 minute', CASE WHEN n % 100 = 1 THEN 'new' ELSE 'old' END,
  'word ' || (n * 31) % 1013, ARRAY[n % 1019, n % 7], int4range(n, n + 3)
FROM generate_series(1, 20000) n;
"""

# Of each query: the arguments, the columns that the index is searched for, and the query itself.
FROM = "FROM t WHERE"
QUERIES = {
    "=a": ({"eq": ["a"]}, "a", f"SELECT ctid {FROM} a = 7"),
    "=b": ({"eq": ["b"]}, "b", f"SELECT ctid {FROM} b = 7"),
    "=a=b": ({"eq": ["a", "b"]}, "a b", f"SELECT ctid {FROM} a = 856 AND b = 44"),
    "<c": (
        {"range": ["c"]}, "c",
        f"SELECT ctid {FROM} c >= '2024-01-03' AND c < '2024-01-03 00:20'",
    ),
    "=a<c": (
        {"eq": ["a"], "range": ["c"]}, "a c",
        f"SELECT ctid {FROM} a = 856 AND c >= '2024-01-03' AND c < '2024-01-03 00:20'",
    ),
    "=a^c": (
        {"eq": ["a"], "order_by": ["c"]}, "a", f"SELECT ctid {FROM} a = 7 ORDER BY c",
    ),
    "=a^c DESC": (
        {"eq": ["a"], "order_by": ["c DESC"]}, "a",
        f"SELECT ctid {FROM} a = 7 ORDER BY c DESC",
    ),
    "=a^c DESC NULLS LAST": (
        {"eq": ["a"], "order_by": ["c DESC NULLS LAST"]}, "a",
        f"SELECT ctid {FROM} a = 7 ORDER BY c DESC NULLS LAST",
    ),
    "^c DESC": ({"order_by": ["c DESC"]}, "", "SELECT ctid FROM t ORDER BY c DESC"),
    "=a, new": (
        {"eq": ["a"], "query_where": "s = 'new'"}, "a",
        f"SELECT ctid {FROM} a = 856 AND s = 'new'",
    ),
    "=a, b alone": (
        {"eq": ["a"], "index_only": ["b"]}, "a", f"SELECT b {FROM} a = 7",
    ),
    "=lower(e)": (
        {"eq": [sa.func.lower(sa.column("e"))]}, "e", f"SELECT ctid {FROM} lower(e) = 'word 7'",
    ),
    "=e": ({"eq": ["e"]}, "e", f"SELECT ctid {FROM} e = 'word 7'"),
    "=tags": ({"eq": ["tags"]}, "tags", f"SELECT ctid {FROM} tags = ARRAY[700, 0]"),
}  # fmt: skip

# Of each index: the queries that it serves; it serves none of the others.
SERVES: dict[str, set[str]] = {
    "(a)": {"=a", "=a, new"},
    "(a, b)": {"=a", "=a, b alone", "=a, new", "=a=b"},
    "(b, a)": {"=a=b", "=b"},
    "(a) INCLUDE (b)": {"=a", "=a, b alone", "=a, new"},
    "(b) INCLUDE (a)": {"=b"},
    "(c)": {"<c", "^c DESC"},
    "(c DESC)": {"<c", "^c DESC"},
    "(c DESC NULLS LAST)": {"<c"},
    "(a, c)": {"=a", "=a, new", "=a<c", "=a^c", "=a^c DESC"},
    "(a, c DESC)": {"=a", "=a, new", "=a<c", "=a^c", "=a^c DESC"},
    "(a DESC, c)": {"=a", "=a, new", "=a<c", "=a^c", "=a^c DESC"},
    "(a, c DESC NULLS LAST)": {"=a", "=a, new", "=a<c", "=a^c DESC NULLS LAST"},
    "(c, a)": {"<c", "=a<c", "^c DESC"},
    "(a, b, c)": {"=a", "=a, b alone", "=a, new", "=a<c", "=a=b"},
    "(a, c) INCLUDE (b)": {"=a", "=a, b alone", "=a, new", "=a<c", "=a^c", "=a^c DESC"},
    "(b, c)": {"=b"},
    "(a) WHERE s = 'new'": {"=a, new"},
    "(a) WHERE s = 'old'": set(),
    "(a) WHERE s IN ('new', 'old')": {"=a, new"},
    "(a) WHERE a IS NOT NULL": {"=a", "=a, new"},
    "(a) WHERE b IS NOT NULL": set(),
    "USING hash (a)": {"=a", "=a, new"},
    "USING brin (a)": set(),
    "USING brin (c) WITH (pages_per_range = 2)": {"<c"},
    "USING gin (tags)": {"=tags"},
    "USING gist (r)": set(),
    "(lower(e))": {"=lower(e)"},
    "(e)": {"=e"},
    "(e text_pattern_ops)": {"=e"},
    '(e COLLATE "C")': set(),
    "(upper(e))": set(),
    "(tags)": {"=tags"},
}


def serves_by_plan(connection, shape, columns, query):
    """Whether the filled table's only index answers the query, by what it read to do so."""
    ordered = bool(shape.order_by or shape.index_only)
    settings = {"seqscan": "off", "bitmapscan": "off" if ordered else "on"}
    settings |= {"sort": "off" if ordered else "on", "incremental_sort": "off"}
    for name, value in settings.items():
        connection.execute(f"SET enable_{name} = {value}")
    analyze = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON)"
    plan = connection.execute(f"{analyze} {query}").fetchone()[0][0]["Plan"]
    nodes, text = [plan], ""
    for node in nodes:
        nodes += node.get("Plans", [])
        text += " " + node.get("Index Cond", "")
    types = [node["Node Type"] for node in nodes]
    if not any("Index" in each for each in types) or any("Sort" in each for each in types):
        return False
    if shape.index_only and "Index Only Scan" not in types:
        return False
    if not all(re.search(rf"\b{column}\b", text) for column in columns.split()):
        return False
    if not columns:
        return True
    # What was found by the conditions was not searched for in all of the index, or of the table.
    removed = sum(node.get("Rows Removed by Filter", 0) for node in nodes)
    read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    pages = connection.execute("SELECT relpages FROM pg_class WHERE relname = 'ix'").fetchone()[0]
    return read <= 15 + 1.2 * (plan["Actual Rows"] + removed) + pages / 4


@pytest.fixture(scope="module")
def filled(server):
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute("ALTER TABLE t DROP CONSTRAINT t_pkey")
    yield database
    server.drop_database(database.name)


@pytest.fixture(scope="module")
def connection(filled):
    with filled.connect() as connection:
        yield connection


def serves(database, queries):
    """Which of the queries the only index of `t` serves."""
    served = set()
    with reading(open_engine(database.url)) as connection:
        for query in queries:
            requirement = parse_requirement(("t",), QUERIES[query][0])
            relation = read_relation(connection, find_table(connection, requirement))
            spec = relation.indexes[0].spec
            answer = ask(connection, relation.table, requirement.shape, [spec])[essence(spec)]
            if answer.serves:
                served.add(query)
    return served


@pytest.mark.parametrize("index", SERVES)
def test_an_index_serves_what_a_filled_table_shows(filled, connection, index):
    connection.execute("DROP INDEX IF EXISTS ix")
    connection.execute(f"CREATE INDEX ix ON t {index}")
    connection.execute("VACUUM ANALYZE t")
    shown = {
        query
        for query, (keywords, columns, sql) in QUERIES.items()
        if serves_by_plan(connection, parse_requirement(("t",), keywords).shape, columns, sql)
    }
    assert shown == SERVES[index]
    assert serves(filled, QUERIES) == SERVES[index]


def test_hundreds_of_pairs_are_compared():
    assert len(SERVES) * len(QUERIES) >= 400


def only(filled, connection, index):
    connection.execute("DROP INDEX IF EXISTS ix")
    connection.execute(f"CREATE INDEX ix ON t {index}")
    return serves(filled, QUERIES)


def test_a_predicate_that_only_a_value_can_meet_is_not_implied(filled, connection):
    """A generic plan of `a = $1` cannot use the index of the rows with a > 5."""
    assert only(filled, connection, "(a, c) WHERE a > 5") == set()


def test_few_values_of_a_leading_column_are_not_relied_on(filled, connection):
    """18 skips from one to the next; how many there are, an empty table does not tell."""
    assert only(filled, connection, "(s, a)") == {"=a, new"}


def served_on(database, *arguments, **keywords):
    with reading(open_engine(database.url)) as connection:
        return check(connection, parse_requirement(arguments, keywords)).outcome


@pytest.mark.parametrize(
    ("where", "keywords"),
    [
        ("a IN (SELECT id FROM other)", {"eq": ["a"], "index_only": ["e"]}),
        ("EXISTS (SELECT FROM other o WHERE o.id = a)", {"eq": ["a"], "index_only": ["e"]}),
        ("NOT EXISTS (SELECT FROM other o WHERE o.id = a)", {"eq": ["a"], "index_only": ["e"]}),
        ("a IN (SELECT id FROM other)", {"eq": ["b"]}),
        ("a IS NOT NULL", {"eq": ["b"]}),
        ("a IS NOT NULL", {"range": ["b"]}),
    ],
)
def test_indexes_of_other_tables_and_rows_that_are_not_null_are_no_search(
    database, where, keywords
):
    with database.connect() as connection:
        connection.execute("CREATE TABLE other (id int PRIMARY KEY)")
        connection.execute("CREATE TABLE t (a int, b int, e text); CREATE INDEX ix ON t (a, b)")
    assert served_on(database, "t", query_where=where, **keywords) == "unmet"


def test_a_search_beside_rows_that_are_not_null(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int, b int); CREATE INDEX ix ON t (a, b)")
    asked = {"eq": ["a", "b"], "query_where": "a IS NOT NULL"}
    assert served_on(database, "t", **asked) == "met"


def test_an_invalid_index_serves_nothing(jobs):
    asked = {"eq": ["org_id"], "order_by": ["created_at"]}
    assert served_on(jobs, "jobs", **asked) == "met"
    with jobs.connect() as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass"
        )
    assert served_on(jobs, "jobs", **asked) == "unmet"


def test_every_leaf_has_to_serve(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE parts (a int, b int) PARTITION BY RANGE (a);"
            "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);"
            "CREATE INDEX ix_low ON low (a, b); CREATE INDEX ix ON parts (a, b DESC)"
        )
    assert served_on(database, "parts", eq=["a"], order_by=["b DESC"]) == "met"
    assert served_on(database, "parts", eq=["a"]) == "met"
    with database.connect() as connection:
        connection.execute("DROP INDEX ix; CREATE INDEX ix_low ON low (b, a)")
        connection.execute("CREATE INDEX ix ON ONLY parts (a, b DESC)")
    assert served_on(database, "parts", eq=["a"]) == "unmet"


def test_the_name_and_the_query_have_to_hold_both(jobs):
    named = {"name": "ix_jobs_org_id_created_at"}
    assert served_on(jobs, "jobs", eq=["org_id"], **named) == "met"
    assert served_on(jobs, "jobs", eq=["id"], **named) == "unmet"
    assert served_on(jobs, "jobs", eq=["org_id"], name="jobs_pkey") == "unmet"


def test_types_that_a_domain_or_a_schema_hides(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('good', 'bad');"
            "CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%') NOT NULL;"
            'CREATE TABLE "Order" ("From" email, mood s.mood, no "char");'
            'CREATE INDEX ON "Order" ("From"); CREATE INDEX ON "Order" (mood, no)'
        )
    assert served_on(database, "Order", eq=["From"]) == "met"
    assert served_on(database, "Order", eq=["mood"], range=["no"]) == "met"
    assert served_on(database, "Order", eq=["no"]) == "unmet"


def test_a_type_that_has_no_equality(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (doc json, a int); CREATE INDEX ON t (a)")
    assert served_on(database, "t", eq=["doc"]) == "unmet"


def test_an_order_by_distance(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (p point, a int); CREATE INDEX ON t USING gist (p)")
    near = sa.text("p <-> point '(0,0)'")
    assert served_on(database, "t", order_by=[near]) == "met"
    assert served_on(database, "t", order_by=["a"]) == "unmet"


def test_what_looks_like_a_parameter_is_none(database):
    """`$0` and `(InitPlan 1).col1` in a string are no sign that a column is searched for."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a text, b int); CREATE INDEX ON t (a)")
    for text in ("$0", "(InitPlan 1).col1"):
        assert served_on(database, "t", eq=["b"], query_where=f"a = '{text}'") == "unmet"
