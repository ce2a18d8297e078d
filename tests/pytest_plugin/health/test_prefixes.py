"""Indexes with which another one begins, and those that only look so."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.health.conftest import identities

TABLE = "CREATE TABLE t (a int, b int, c text, n int, id int PRIMARY KEY)"
REDUNDANT = [
    ("(a)", "(a, b)"),
    ("(a DESC)", "(a, b)"),
    ("(a DESC, b)", "(a, b DESC, n)"),
    ("(a) WHERE b > 0", "(a, n) WHERE b > 0"),
    ("(lower(c))", "(lower(c), a)"),
    ("(c text_pattern_ops)", "(c text_pattern_ops, a)"),
    ("(a)", "(a) INCLUDE (b)"),
    ("(a) INCLUDE (b)", "(a, b)"),
    ("(a) INCLUDE (b)", "(a, n) INCLUDE (b)"),
]
NEEDED = [
    ("(b)", "(a, b)"),
    ("(a DESC NULLS LAST)", "(a, b)"),
    ("(a, b DESC)", "(a, b, n)"),
    ("(a)", "(a, b) WHERE n > 0"),
    ("(a) WHERE n > 0", "(a, b)"),
    ("(c)", "(c text_pattern_ops, a)"),
    ('(c COLLATE "POSIX")', "(c, a)"),
    ("(a) INCLUDE (n)", "(a, b)"),
    ("(lower(c))", "(c, a)"),
    ("USING hash (a)", "(a, b)"),
    ("USING brin (a)", "USING brin (a, b)"),
]


@pytest.mark.parametrize(("narrow", "wide"), REDUNDANT)
def test_redundant(find, narrow, wide):
    found = find(
        "prefix_redundant", TABLE, f"CREATE INDEX x ON t {narrow}", f"CREATE INDEX y ON t {wide}"
    )

    assert identities(found) == ["prefix_redundant public.t x"]


@pytest.mark.parametrize(("narrow", "wide"), NEEDED)
def test_needed(find, narrow, wide):
    found = find(
        "prefix_redundant", TABLE, f"CREATE INDEX x ON t {narrow}", f"CREATE INDEX y ON t {wide}"
    )

    assert found == []


def test_what_is_said(find):
    [finding] = find("prefix_redundant", TABLE, "CREATE INDEX x ON t (id)")

    assert str(finding) == (
        'index "x" on "public"."t" is the start of the primary key\'s "t_pkey" (id), which serves'
        ' all its queries\n  to put it right:\n    op.drop_concurrent_index("x", "t")'
    )


def test_a_unique_index_enforces_more_than_a_longer_one(find):
    found = find(
        "prefix_redundant", TABLE, "CREATE UNIQUE INDEX x ON t (a)", "CREATE INDEX y ON t (a, b)"
    )

    assert found == []


def test_a_longer_unique_one_serves_as_well(find):
    found = find(
        "prefix_redundant", TABLE, "CREATE INDEX x ON t (a)", "CREATE UNIQUE INDEX y ON t (a, b)"
    )

    assert identities(found) == ["prefix_redundant public.t x"]


def test_duplicates_are_not_told_twice(find):
    found = find("prefix_redundant", TABLE, "CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a)")

    assert found == []


def test_a_chain_names_the_one_that_stays(find):
    found = find(
        "prefix_redundant",
        TABLE,
        "CREATE INDEX x ON t (a)",
        "CREATE INDEX y ON t (a, b)",
        "CREATE INDEX z ON t (a, b, n)",
    )

    assert ['"z" (a, b, n)' in finding.message for finding in found] == [True, True]


def test_an_invalid_one_serves_nothing(find):
    found = find(
        "prefix_redundant",
        TABLE,
        "CREATE INDEX x ON t (a)",
        "CREATE INDEX y ON t (a, b)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'y'::regclass",
    )

    assert found == []


def test_the_one_that_cluster_goes_by_is_needed(find):
    found = find(
        "prefix_redundant",
        TABLE,
        "CREATE INDEX x ON t (a)",
        "CREATE INDEX y ON t (a, b)",
        "ALTER TABLE t CLUSTER ON x",
    )

    assert found == []
