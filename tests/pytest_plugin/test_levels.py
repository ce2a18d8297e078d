"""The level that an index reaches: cases that pass, beside their nearest neighbours that fail."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from alembic_index_ops import key
from pytest_index_assert.check import check
from pytest_index_assert.connection import open_engine, reading
from pytest_index_assert.requirement import parse_requirement

TABLE = """
CREATE TABLE jobs (
  a int, b int, c int, s varchar(20), t text, tags int[], d date, doc jsonb,
  CONSTRAINT uq UNIQUE (c) INCLUDE (t))
"""

AT_LEAST = {"match": "at_least"}
TITLE = key("t", operator_class="text_pattern_ops")
LOWER = sa.func.lower(sa.column("t"))

# The index; the columns and keywords of the requirement; the level reached, or another outcome.
CASES = {
    "itself": ("(a, b)", ("a", "b"), AT_LEAST, "exact"),
    "all reversed": ("(a DESC, b)", ("a", "b DESC"), AT_LEAST, "equivalent"),
    "longer": ("(a, b)", ("a",), AT_LEAST, "at_least"),
    "longer, by default": ("(a, b)", ("a",), {}, "unmet"),
    "shorter": ("(a)", ("a", "b"), AT_LEAST, "unmet"),
    "a column in the way": ("(b, a)", ("a",), AT_LEAST, "unmet"),
    "longer and reversed": ("(a DESC, b, c)", ("a", "b DESC"), AT_LEAST, "at_least"),
    "reversed in part": ("(a DESC, b DESC, c)", ("a", "b DESC"), AT_LEAST, "unmet"),
    "more included": ("(a) INCLUDE (b, c)", ("a",), {"include": ["b"], **AT_LEAST}, "at_least"),
    "less included": ("(a) INCLUDE (c)", ("a",), {"include": ["b"], **AT_LEAST}, "unmet"),
    "included as a key": ("(a, b)", ("a",), {"include": ["b"], **AT_LEAST}, "at_least"),
    "a key as included": ("(a) INCLUDE (b)", ("a", "b"), AT_LEAST, "unmet"),
    "unique is more": ("UNIQUE (a)", ("a",), {"unique": True, **AT_LEAST}, "exact"),
    "unique on more keys": ("UNIQUE (a, b)", ("a",), {"unique": True, **AT_LEAST}, "unmet"),
    "unique on less keys": ("UNIQUE (a)", ("a", "b"), {"unique": True, **AT_LEAST}, "unmet"),
    "unique, more included": (
        "UNIQUE (a) INCLUDE (b)", ("a",), {"unique": True, **AT_LEAST}, "at_least",
    ),
    "unique on more rows": (
        "UNIQUE (a)", ("a",), {"unique": True, "where": "b > 0", **AT_LEAST}, "at_least",
    ),
    "unique on less rows": (
        "UNIQUE (a) WHERE b > 0", ("a",), {"unique": True, **AT_LEAST}, "unmet",
    ),
    "not unique": ("(a, b)", ("a",), {"unique": True, **AT_LEAST}, "unmet"),
    "either": ("UNIQUE (a, b)", ("a",), AT_LEAST, "at_least"),
    "unique refused": ("UNIQUE (a, b)", ("a",), {"unique": False, **AT_LEAST}, "unmet"),
    "a constraint with more": ("(a)", ("c",), {"unique": True, **AT_LEAST}, "at_least"),
    "a constraint, by default": ("(a)", ("c",), {"unique": True}, "unmet"),
    "all rows for some": ("(a)", ("a",), {"where": "b > 0", **AT_LEAST}, "at_least"),
    "some rows for all": ("(a) WHERE b > 0", ("a",), AT_LEAST, "unmet"),
    "more rows": ("(a) WHERE b > 0", ("a",), {"where": "b > 5", **AT_LEAST}, "at_least"),
    "more rows, by default": ("(a) WHERE b > 0", ("a",), {"where": "b > 5"}, "not provable"),
    "less rows": ("(a) WHERE b > 5", ("a",), {"where": "b > 0", **AT_LEAST}, "not provable"),
    "other rows": ("(a) WHERE b = 1", ("a",), {"where": "b = 2", **AT_LEAST}, "unmet"),
    "other rows, by default": ("(a) WHERE b = 1", ("a",), {"where": "b = 2"}, "unmet"),
    "conditions in another order": (
        "(a) WHERE b > 0 AND c > 0", ("a",), {"where": "c > 0 AND b > 0"}, "equivalent",
    ),
    "conditions in another order, exact": (
        "(a) WHERE b > 0 AND c > 0",
        ("a",), {"where": "c > 0 AND b > 0", "match": "exact"}, "unmet",
    ),
    "conditions in other words": (
        "(a) WHERE s IN ('x', 'y')", ("a",), {"where": "s = 'y' OR s = 'x'"}, "equivalent",
    ),
    "one condition less": (
        "(a) WHERE b > 0 AND c > 0", ("a",), {"where": "b > 0"}, "not provable",
    ),
    "what no planner sees": (
        "(a) WHERE b + 0 > 0", ("a",), {"where": "b > 0"}, "not provable",
    ),
    "not null is implied": (
        "(a) WHERE b IS NOT NULL", ("a",), {"where": "b > 5", **AT_LEAST}, "at_least",
    ),
    "predicate and keys": ("(b) WHERE b > 0", ("a",), {"where": "b > 5", **AT_LEAST}, "unmet"),
    "expression": ("(lower(t), a)", (LOWER,), AT_LEAST, "at_least"),
    "another expression": ("(upper(t), a)", (LOWER,), AT_LEAST, "unmet"),
    "operator class": ("(t text_pattern_ops, a)", (TITLE,), AT_LEAST, "at_least"),
    "operator class of two names": ("(t varchar_pattern_ops)", (TITLE,), {}, "exact"),
    "operator class, not asked": ("(t text_pattern_ops, a)", ("t",), AT_LEAST, "unmet"),
    "operator class, not there": ("(t, a)", (TITLE,), AT_LEAST, "unmet"),
    "collation": ('(t COLLATE "C", a)', (key("t", collation="C"),), AT_LEAST, "at_least"),
    "collation, not asked": ('(t COLLATE "C", a)', ("t",), AT_LEAST, "unmet"),
    "nulls": ("(a NULLS FIRST, b)", ("a DESC NULLS LAST",), AT_LEAST, "at_least"),
    "nulls, not reversed": ("(a NULLS FIRST, b)", ("a",), AT_LEAST, "unmet"),
    "hash": ("USING hash (a)", ("a",), {"using": "hash", **AT_LEAST}, "exact"),
    "hash for btree": ("USING hash (a)", ("a",), AT_LEAST, "unmet"),
    "gin": ("USING gin (tags)", ("tags",), {"using": "gin", **AT_LEAST}, "exact"),
    "gin of another class": (
        "USING gin (doc jsonb_path_ops)", ("doc",), {"using": "gin", **AT_LEAST}, "unmet",
    ),
    "gin of that class": (
        "USING gin (doc jsonb_path_ops)",
        (key("doc", operator_class="jsonb_path_ops"),), {"using": "gin"}, "exact",
    ),
    "gist": (
        "USING gist (daterange(d, d))",
        (sa.text("daterange(d, d)"),), {"using": "gist", **AT_LEAST}, "exact",
    ),
    "spgist for gist": (
        "USING spgist (daterange(d, d))",
        (sa.text("daterange(d, d)"),), {"using": "gist", **AT_LEAST}, "unmet",
    ),
    "brin": ("USING brin (d, a)", ("d",), {"using": "brin", **AT_LEAST}, "at_least"),
    "brin, by default": ("USING brin (d, a)", ("d",), {"using": "brin"}, "unmet"),
}  # fmt: skip


@pytest.fixture(scope="module")
def cases(server):
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(TABLE)
    yield database
    server.drop_database(database.name)


def verdict(database, *columns, **keywords):
    requirement = parse_requirement(("jobs", *columns), keywords)
    with reading(open_engine(database.url)) as connection:
        return check(connection, requirement)


@pytest.mark.parametrize("case", CASES)
def test_level(cases, case):
    index, columns, keywords, expected = CASES[case]
    unique, rest = ("UNIQUE ", index[7:]) if index.startswith("UNIQUE ") else ("", index)
    with cases.connect() as connection:
        connection.execute("DROP INDEX IF EXISTS ix")
        connection.execute(f"CREATE {unique}INDEX ix ON jobs {rest}")
    found = verdict(cases, *columns, **keywords)
    assert (found.level or found.outcome) == expected


def test_nulls_not_distinct_at_every_level(database, pg_version):
    if pg_version < 15:
        pytest.skip("NULLS NOT DISTINCT is PostgreSQL 15's")
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute("CREATE UNIQUE INDEX ix ON jobs (a) INCLUDE (b) NULLS NOT DISTINCT")
    asked = {"unique": True, **AT_LEAST}
    assert verdict(database, "a", nulls_not_distinct=True, **asked).level == "at_least"
    assert verdict(database, "a", **asked).outcome == "unmet"


def test_the_strictest_level_is_reached_by_the_nearest(database):
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute("CREATE INDEX ix_1 ON jobs (a, b)")
        connection.execute("CREATE INDEX ix_2 ON jobs (a DESC)")
    found = verdict(database, "a", **AT_LEAST)
    assert (found.index.name, found.level) == ("ix_2", "equivalent")


def test_a_predicate_of_a_function_of_the_row_cannot_be_judged(database):
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute(
            "CREATE FUNCTION is_open(jobs) RETURNS boolean IMMUTABLE LANGUAGE sql"
            " AS 'SELECT $1.b > 0'; CREATE INDEX ix ON jobs (a) WHERE is_open(jobs)"
        )
    found = verdict(database, "a", where="b > 0")
    assert found.outcome == "cannot be judged"
    assert "functions of the whole row" in found.problem


def test_every_leaf_reaches_the_level(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE jobs (a int, b int) PARTITION BY RANGE (a);"
            "CREATE TABLE low PARTITION OF jobs FOR VALUES FROM (0) TO (10);"
            "CREATE INDEX ix_low ON low (a, b DESC); CREATE INDEX ix ON jobs (a, b)"
        )
    assert verdict(database, "a", **AT_LEAST).level == "at_least"
    assert verdict(database, "a", "b", **AT_LEAST).outcome == "unmet"
