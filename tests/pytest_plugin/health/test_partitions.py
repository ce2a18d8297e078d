"""Partitions whose index is not that of the partitioned table."""

from __future__ import annotations

from tests.pytest_plugin.health.conftest import identities

EVENTS = (
    "CREATE TABLE events (org_id int, at date) PARTITION BY RANGE (at)",
    "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-1-1') TO ('2026-1-1')",
    "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-1-1') TO ('2027-1-1')"
    " PARTITION BY LIST (org_id)",
    "CREATE TABLE events_2026_1 PARTITION OF events_2026 FOR VALUES IN (1)",
)


def test_a_whole_tree(find):
    found = find("partition_leaves", *EVENTS, "CREATE INDEX ix ON events (org_id, at DESC)")

    assert found == []


def test_a_leaf_that_is_not_covered(find):
    [finding] = find(
        "partition_leaves",
        *EVENTS,
        "CREATE INDEX ix ON ONLY events (org_id, at DESC)",
        "CREATE INDEX ix_2026 ON events_2026 (org_id, at DESC)",
        "ALTER INDEX ix ATTACH PARTITION ix_2026",
    )

    assert str(finding) == (
        'partition "public"."events_2025" has no part of the index "ix" of "public"."events", so'
        " that queries read it whole\n  to put it right:\n"
        '    op.create_desc_index("ix", "events", ["org_id", "at DESC"])'
    )
    assert finding.identity == "partition_leaves public.events_2025 ix"


def test_a_leaf_deep_down(find):
    found = find(
        "partition_leaves",
        *EVENTS,
        "CREATE INDEX ix ON ONLY events (org_id)",
        "CREATE INDEX ix_2025 ON events_2025 (org_id)",
        "CREATE INDEX ix_2026 ON ONLY events_2026 (org_id)",
        "ALTER INDEX ix ATTACH PARTITION ix_2025",
        "ALTER INDEX ix ATTACH PARTITION ix_2026",
    )

    assert identities(found) == ["partition_leaves public.events_2026_1 ix"]


def test_a_leaf_in_another_order(find):
    [finding] = find(
        "partition_leaves",
        *EVENTS,
        "CREATE INDEX ix_2025 ON events_2025 (org_id, at)",
        "CREATE INDEX ix ON events (org_id, at DESC)",
    )

    assert finding.identity == "partition_leaves public.events_2025 ix_2025"
    assert str(finding) == (
        'index "ix_2025" of partition "public"."events_2025" has the order (org_id, at), and "ix"'
        ' of "public"."events", which it belongs to, has (org_id, at DESC), so that ORDER BY has to'
        " sort there\n  to put it right:\n"
        '    op.drop_concurrent_index("ix", "events")\n'
        '    op.create_desc_index("ix", "events", ["org_id", "at DESC"])'
    )


def test_a_leaf_in_the_order_reversed(find):
    [finding] = find(
        "partition_leaves",
        *EVENTS,
        "CREATE INDEX ix_2025 ON events_2025 (at)",
        "CREATE INDEX ix ON events (at DESC)",
    )

    assert "has (at DESC); that is the same order read backwards" in finding.message


def test_a_foreign_table_has_no_index(find):
    found = find(
        "partition_leaves",
        *EVENTS,
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER far FOREIGN DATA WRAPPER nothing",
        "CREATE FOREIGN TABLE events_2024 PARTITION OF events"
        " FOR VALUES FROM ('2024-1-1') TO ('2025-1-1') SERVER far",
        "CREATE INDEX ix ON events (org_id)",
    )

    assert found == []
