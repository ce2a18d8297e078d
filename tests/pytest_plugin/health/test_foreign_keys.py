"""Which index serves a foreign key: what the planner takes for its look-up, and nothing else."""

from __future__ import annotations

import pytest

from tests.observe import execute, rows
from tests.pytest_plugin.health.conftest import identities

TABLES = (
    "CREATE TABLE orgs (id int PRIMARY KEY, kind int NOT NULL, name text UNIQUE,"
    " UNIQUE (id, kind))",
    "CREATE TABLE jobs (id int PRIMARY KEY, org_id int, kind int, name text, other int,"
    " must int NOT NULL)",
)
ONE = "ALTER TABLE jobs ADD CONSTRAINT to_org FOREIGN KEY (org_id) REFERENCES orgs"
TWO = "ALTER TABLE jobs ADD CONSTRAINT to_org FOREIGN KEY (org_id, kind) REFERENCES orgs (id, kind)"
TEXT = "ALTER TABLE jobs ADD CONSTRAINT to_org FOREIGN KEY (name) REFERENCES orgs (name)"

SERVING = {
    ONE: [
        "(org_id)",
        "(org_id DESC NULLS LAST, other)",
        "USING hash (org_id)",
        "(org_id) INCLUDE (other)",
        "(org_id) WHERE org_id IS NOT NULL",
        "(org_id) WHERE org_id IS NOT NULL OR other > 0",
    ],
    TWO: ["(org_id, kind)", "(kind, org_id)", "(kind DESC, org_id, other)"],
    TEXT: ["(name)", "(name text_pattern_ops)", "USING hash (name)", "USING spgist (name)"],
}
NOT_SERVING = {
    ONE: [
        "(other, org_id)",
        "(other) INCLUDE (org_id)",
        "(org_id) WHERE other > 0",
        "(org_id) WHERE org_id > 0",
        "(org_id) WHERE other IS NOT NULL",
        "(org_id) WHERE must IS NOT NULL",
        "((org_id + 0))",
        "((org_id::bigint))",
        "USING brin (org_id)",
        "USING hash (other)",
    ],
    TWO: ["(org_id)", "(org_id, other, kind)", "(org_id) INCLUDE (kind)", "USING hash (kind)"],
    TEXT: ['(name COLLATE "POSIX")', "(lower(name))", "USING brin (name)"],
}


def cases(table):
    return [(key, index) for key, indexes in table.items() for index in indexes]


@pytest.mark.parametrize(("key", "index"), cases(SERVING))
def test_serving(find, database, key, index):
    assert find("foreign_keys", *TABLES, key, f"CREATE INDEX ix ON jobs {index}") == []
    assert is_used(database, key)


@pytest.mark.parametrize(("key", "index"), cases(NOT_SERVING))
def test_not_serving(find, database, key, index):
    found = find("foreign_keys", *TABLES, key, f"CREATE INDEX ix ON jobs {index}")

    assert identities(found) == ["foreign_keys public.jobs to_org"]


def is_used(database, key):
    """Whether the planner takes the index for the look-up, by a condition."""
    columns = key.partition("FOREIGN KEY (")[2].partition(")")[0].split(", ")
    where = " AND ".join(f"{column} = {value(column)}" for column in columns)
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN SELECT 1 FROM jobs WHERE {where}").fetchall()
    text = "\n".join(row[0] for row in plan)
    return "ix" in text and "Index Cond" in text


def value(column):
    return "'a'" if column == "name" else "1"


def test_what_is_said(find):
    [finding] = find("foreign_keys", *TABLES, TWO)

    assert str(finding) == (
        'foreign key "to_org" of "public"."jobs" to "public"."orgs": no index of "public"."jobs"'
        " serves its look-ups by (org_id, kind), so that each DELETE there, and each UPDATE of its"
        " key, reads the whole table\n  to put it right:\n"
        '    op.create_concurrent_index("ix_jobs_org_id_kind", "jobs", ["org_id", "kind"])'
    )


def test_a_unique_index_on_some_of_the_columns_finds_one_row(find):
    found = find("foreign_keys", *TABLES, TWO, "CREATE UNIQUE INDEX ix ON jobs (kind)")

    assert found == []


def test_the_primary_key_serves(find):
    key = "ALTER TABLE jobs ADD CONSTRAINT to_org FOREIGN KEY (id) REFERENCES orgs"

    assert find("foreign_keys", *TABLES, key) == []


def test_an_invalid_index_does_not(find, database):
    execute(database, *TABLES, ONE, "CREATE INDEX ix ON jobs (org_id)")
    execute(database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass")

    assert identities(find("foreign_keys")) == ["foreign_keys public.jobs to_org"]


def test_types_that_differ_within_one_family_of_operators(find):
    assert (
        find(
            "foreign_keys",
            "CREATE TABLE orgs (id bigint PRIMARY KEY)",
            "CREATE TABLE jobs (org_id int REFERENCES orgs)",
            "CREATE INDEX ix ON jobs (org_id)",
        )
        == []
    )


def test_a_column_that_is_cast_in_each_comparison_has_no_index_that_serves(find, database):
    [finding] = find(
        "foreign_keys",
        "CREATE TABLE orgs (id numeric PRIMARY KEY)",
        "CREATE TABLE jobs (org_id int REFERENCES orgs)",
        "CREATE INDEX ix ON jobs (org_id)",
    )

    assert finding.fix == "# give org_id the type of the referenced column, and an index"


@pytest.mark.parametrize("kind", ["varchar(20)", "bpchar", "uuid", "an_enum", "a_domain", "int[]"])
def test_types_whose_operators_are_of_another_type(find, kind):
    assert (
        find(
            "foreign_keys",
            "CREATE TYPE an_enum AS ENUM ('a')",
            "CREATE DOMAIN a_domain AS varchar",
            f"CREATE TABLE orgs (id {kind} PRIMARY KEY)",
            f"CREATE TABLE jobs (org_id {kind} REFERENCES orgs)",
            "CREATE INDEX ix ON jobs (org_id)",
        )
        == []
    )


PARTITIONED = (
    "CREATE TABLE orgs (id int PRIMARY KEY)",
    "CREATE TABLE events (org_id int CONSTRAINT to_org REFERENCES orgs, at date)"
    " PARTITION BY RANGE (at)",
    "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-1-1') TO ('2026-1-1')",
    "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-1-1') TO ('2027-1-1')",
)


def test_each_partition_needs_an_index(find):
    [finding] = find("foreign_keys", *PARTITIONED, "CREATE INDEX ix_2025 ON events_2025 (org_id)")

    assert finding.identity == "foreign_keys public.events to_org"
    assert 'serves its look-ups by (org_id) on "public"."events_2026", so' in finding.message


def test_a_partitioned_index_serves(find):
    assert find("foreign_keys", *PARTITIONED, "CREATE INDEX ix ON events (org_id)") == []


def test_a_partitioned_table_that_is_referred_to_is_one_foreign_key(find):
    found = find(
        "foreign_keys",
        "CREATE TABLE orgs (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE orgs_1 PARTITION OF orgs FOR VALUES FROM (1) TO (10)",
        "CREATE TABLE jobs (org_id int CONSTRAINT to_org REFERENCES orgs)",
    )

    assert identities(found) == ["foreign_keys public.jobs to_org"]


def test_a_temporal_key(find, database, pg_version):
    if pg_version < 18:
        pytest.skip("PERIOD is of PostgreSQL 18")
    execute(database, "CREATE EXTENSION IF NOT EXISTS btree_gist") if has_gist(database) else None
    if not has_gist(database):
        pytest.skip("the server has no btree_gist")
    tables = (
        "CREATE TABLE orgs (id int, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS))",
        "CREATE TABLE jobs (org_id int, at daterange, CONSTRAINT to_org"
        " FOREIGN KEY (org_id, PERIOD at) REFERENCES orgs (id, PERIOD at))",
    )

    assert identities(find("foreign_keys", *tables)) == ["foreign_keys public.jobs to_org"]
    assert find("foreign_keys", "CREATE INDEX ix ON jobs USING gist (org_id, at)") == []


def has_gist(database):
    return bool(rows(database, "SELECT 1 FROM pg_available_extensions WHERE name = 'btree_gist'"))
