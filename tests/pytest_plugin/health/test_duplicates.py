"""Which indexes are the same, and which one can go."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.health.conftest import identities

TABLE = "CREATE TABLE t (a int, b int, c text, d int[], n numeric)"
SAME = [
    ("(a)", "(a)"),
    ("(a, b DESC)", "(a, b DESC)"),
    ("(a, b DESC)", "(a DESC, b)"),
    ("(a)", "(a DESC)"),
    ("(a NULLS FIRST)", "(a DESC NULLS LAST)"),
    ("(a) INCLUDE (b, n)", "(a) INCLUDE (n, b)"),
    ("(a) WHERE b > 0", "(a) WHERE (b > 0)"),
    ("(lower(c))", "(lower(c))"),
    ("(a)", "(a) WITH (fillfactor = 70)"),
    ("USING gin (d)", "USING gin (d)"),
    ("USING hash (a)", "USING hash (a)"),
]
DIFFERENT = [
    ("(a, b)", "(a, b DESC)"),
    ("(a, b)", "(b, a)"),
    ("(a)", "(a NULLS FIRST)"),
    ("(a)", "(a DESC NULLS LAST)"),
    ("(a)", "(a) WHERE b > 0"),
    ("(a) WHERE b > 0", "(a) WHERE b > 1"),
    ("(a)", "(a) INCLUDE (b)"),
    ("(c)", "(c text_pattern_ops)"),
    ("(c)", '(c COLLATE "POSIX")'),
    ("(a)", "USING hash (a)"),
    ("(a)", "USING brin (a)"),
    ("USING brin (a) WITH (pages_per_range = 8)", "USING brin (a)"),
    ("(lower(c))", "(upper(c))"),
    ("(a)", "(n)"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same(find, first, second):
    found = find(
        "duplicates", TABLE, f"CREATE INDEX x ON t {first}", f"CREATE INDEX y ON t {second}"
    )

    assert identities(found) == ["duplicates public.t y"]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_not_the_same(find, first, second):
    found = find(
        "duplicates", TABLE, f"CREATE INDEX x ON t {first}", f"CREATE INDEX y ON t {second}"
    )

    assert found == []


def test_what_is_said(find):
    [finding] = find("duplicates", TABLE, "CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a)")

    assert str(finding) == (
        'index "y" on "public"."t" is the same as "x" to every query and constraint, and each write'
        ' pays for both\n  to put it right:\n    op.drop_concurrent_index("y", "t")'
    )


def test_of_three_two_can_go(find):
    found = find("duplicates", TABLE, *(f"CREATE INDEX {name} ON t (a)" for name in "xyz"))

    assert identities(found) == ["duplicates public.t y", "duplicates public.t z"]


def test_a_unique_index_beside_a_constraint_goes_though_it_is_older(find):
    [finding] = find(
        "duplicates",
        TABLE,
        "CREATE UNIQUE INDEX x ON t (a)",
        "ALTER TABLE t ADD CONSTRAINT y UNIQUE (a)",
    )

    assert finding.identity == "duplicates public.t x"
    assert 'the same as a unique constraint\'s "y" to' in finding.message


def test_a_unique_constraint_beside_the_primary_key(find):
    [finding] = find(
        "duplicates", TABLE, "ALTER TABLE t ADD UNIQUE (a)", "ALTER TABLE t ADD PRIMARY KEY (a)"
    )

    assert finding.identity == "duplicates public.t t_a_key"
    assert finding.fix == 'op.drop_unique_constraint_concurrently("t_a_key", "t")'


def test_constraints_that_both_are_needed(find):
    found = find(
        "duplicates",
        TABLE,
        "ALTER TABLE t ADD UNIQUE (a)",
        "CREATE TABLE u (a int REFERENCES t (a))",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "CREATE TABLE v (a int REFERENCES t (a))",
        "ALTER TABLE v DROP CONSTRAINT v_a_fkey, ADD FOREIGN KEY (a) REFERENCES t",
    )

    assert found == []


def test_unique_and_not_are_different(find):
    found = find("duplicates", TABLE, "CREATE INDEX x ON t (a)", "CREATE UNIQUE INDEX y ON t (a)")

    assert found == []


def test_a_deferrable_constraint_is_no_arbiter_of_upserts(find):
    found = find(
        "duplicates",
        TABLE,
        "CREATE UNIQUE INDEX x ON t (a)",
        "ALTER TABLE t ADD CONSTRAINT y UNIQUE (a) DEFERRABLE",
    )

    assert found == []


def test_nulls_not_distinct(find, pg_version):
    if pg_version < 15:
        pytest.skip("NULLS NOT DISTINCT is of PostgreSQL 15")
    found = find(
        "duplicates",
        TABLE,
        "CREATE UNIQUE INDEX x ON t (a)",
        "CREATE UNIQUE INDEX y ON t (a) NULLS NOT DISTINCT",
    )

    assert found == []


@pytest.mark.parametrize(
    "need",
    [
        "ALTER TABLE t ALTER a SET NOT NULL, REPLICA IDENTITY USING INDEX y",
        "ALTER TABLE t CLUSTER ON y",
    ],
)
def test_the_one_that_is_needed_stays(find, need):
    found = find(
        "duplicates",
        TABLE,
        "CREATE UNIQUE INDEX x ON t (a)",
        "CREATE UNIQUE INDEX y ON t (a)",
        need,
    )

    assert identities(found) == ["duplicates public.t x"]


EVENTS = (
    "CREATE TABLE t (a int, at int) PARTITION BY RANGE (at)",
    "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10)",
)


def test_partitioned_duplicates_are_told_once(find):
    found = find("duplicates", *EVENTS, "CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a)")

    assert identities(found) == ["duplicates public.t y"]


def test_a_partitions_own_beside_its_part_of_the_parents(find):
    found = find("duplicates", *EVENTS, "CREATE INDEX x ON t (a)", "CREATE INDEX y ON t_1 (a)")

    assert identities(found) == ["duplicates public.t_1 y"]
