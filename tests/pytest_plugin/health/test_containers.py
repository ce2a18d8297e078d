"""B-trees on arrays, jsonb and the like."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.health.conftest import identities

TABLE = (
    "CREATE DOMAIN tags AS text[]",
    "CREATE TABLE t (a int, tags text[], data jsonb, words tsvector, domain_tags tags,"
    " span int4range, name text)",
)


@pytest.mark.parametrize(
    "columns", ["tags", "data", "words", "domain_tags", "a, data", "tags) WHERE (a > 0"]
)
def test_a_btree_on_a_container(find, columns):
    found = find("container_btree", *TABLE, f"CREATE INDEX x ON t ({columns})")

    assert identities(found) == ["container_btree public.t x"]


@pytest.mark.parametrize(
    "index",
    [
        "INDEX x ON t USING gin (tags)",
        "INDEX x ON t USING hash (data)",
        "INDEX x ON t ((data ->> 'a'))",
        "INDEX x ON t (cardinality(tags))",
        "INDEX x ON t (a) INCLUDE (data)",
        "INDEX x ON t (span, name)",
        "UNIQUE INDEX x ON t (tags)",
    ],
)
def test_what_has_its_use(find, index):
    assert find("container_btree", *TABLE, f"CREATE {index}") == []


def test_what_is_said(find):
    [finding] = find("container_btree", *TABLE, "CREATE INDEX x ON t (tags)")

    assert str(finding) == (
        'index "x" on "public"."t" is a btree on the column tags, which is an array: it finds whole'
        " values only. What serves @>, <@ and && is GIN\n  to put it right:\n"
        '    op.create_concurrent_index("ix_t_tags", "t", ["tags"], using="gin")\n'
        '    op.drop_concurrent_index("x", "t")'
    )


def test_a_primary_key(find):
    assert find("container_btree", "CREATE TABLE t (tags text[] PRIMARY KEY)") == []


def test_partitions_are_not_told_again(find):
    found = find(
        "container_btree",
        "CREATE TABLE t (at int, tags text[]) PARTITION BY RANGE (at)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10)",
        "CREATE INDEX x ON t (tags)",
    )

    assert identities(found) == ["container_btree public.t x"]
