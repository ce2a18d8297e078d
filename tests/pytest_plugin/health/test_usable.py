"""Indexes that are INVALID, and what unfinished work left behind."""

from __future__ import annotations

import psycopg
import pytest

from tests.observe import execute
from tests.pytest_plugin.health.conftest import identities

JOBS = "CREATE TABLE jobs (id int PRIMARY KEY, org_id int)"
TWICE = "INSERT INTO jobs VALUES (1, 1), (2, 1)"
EVENTS = "CREATE TABLE events (org_id int, at date) PARTITION BY RANGE (at)"
YEAR = "CREATE TABLE events_{0} PARTITION OF events FOR VALUES FROM ('{0}-1-1') TO ('{1}-1-1')"
HEX = "0123abcd"


def cut_off(database, name):
    """An index whose concurrent build has failed."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(database, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON jobs (org_id)")


def test_valid_indexes(find):
    assert find("invalid", JOBS, "CREATE INDEX ON jobs (org_id)") == []


def test_an_index_whose_build_has_failed(find, database):
    execute(database, JOBS, TWICE)
    cut_off(database, "ix_jobs_org")

    [finding] = find("invalid")

    assert finding.identity == "invalid public.jobs ix_jobs_org"
    assert str(finding) == (
        'index "ix_jobs_org" on "public"."jobs" is INVALID, not ready: neither maintained nor'
        ' enforcing\n  to put it right:\n    op.reindex_concurrently("ix_jobs_org")'
    )


def test_an_index_of_another_schema(find, database):
    execute(database, JOBS, TWICE)
    cut_off(database, "ix_jobs_org")
    execute(database, "CREATE SCHEMA app", "ALTER TABLE jobs SET SCHEMA app")

    [finding] = find("invalid")

    assert finding.identity == "invalid app.jobs ix_jobs_org"
    assert finding.fix == 'op.reindex_concurrently("ix_jobs_org", schema="app")'


def test_a_partitioned_index_that_lacks_a_partition(find):
    [finding] = find(
        "invalid",
        EVENTS,
        YEAR.format(2025, 2026),
        YEAR.format(2026, 2027),
        "CREATE INDEX ix_events_org ON ONLY events (org_id)",
        "CREATE INDEX ix_2025 ON events_2025 (org_id)",
        "ALTER INDEX ix_events_org ATTACH PARTITION ix_2025",
    )

    assert finding.identity == "invalid public.events ix_events_org"
    assert finding.message == (
        'index "ix_events_org" on "public"."events" is INVALID: "public"."events_2026" has no'
        " valid index attached to it"
    )
    assert finding.fix == 'op.create_concurrent_index("ix_events_org", "events", ["org_id"])'


def test_a_partitioned_index_that_is_whole(find):
    assert find("invalid", EVENTS, YEAR.format(2025, 2026), "CREATE INDEX ON events (org_id)") == []


@pytest.mark.parametrize(
    "name", ["ix_ccnew", "ix_ccold2", f"ix_building_{HEX}", f"ix_replaced_{HEX}"]
)
def test_debris_is_debris_and_not_invalid(find, database, name):
    execute(database, JOBS, TWICE)
    cut_off(database, name)

    assert identities(find("debris")) == [f"debris public.jobs {name}"]
    assert find("invalid") == []


def test_what_is_left_of_our_builds_is_debris_when_it_is_valid_too(find):
    [finding] = find("debris", JOBS, f"CREATE INDEX ix_building_{HEX} ON jobs (org_id)")

    assert str(finding) == (
        f'index "ix_building_{HEX}" on "public"."jobs" is left of a build that was cut off (valid);'
        " writes go on paying it\n  to put it right:\n"
        f'    op.drop_concurrent_index("ix_building_{HEX}", "jobs")'
    )


@pytest.mark.parametrize("name", ["ix_ccnew", "ix_building_site", "building_0123abc"])
def test_a_valid_index_whose_name_only_looks_like_it(find, name):
    assert find("debris", JOBS, f"CREATE INDEX {name} ON jobs (org_id)") == []
