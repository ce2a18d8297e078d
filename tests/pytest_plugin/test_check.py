"""Requirements against a real database: which are met."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from alembic_index_ops import key
from pytest_index_assert.check import check
from pytest_index_assert.connection import open_engine, reading
from pytest_index_assert.requirement import parse_requirement

TABLE = """
CREATE TABLE jobs (
  id int PRIMARY KEY, org_id int, status varchar(20), created_at timestamp, tags int[], slug text,
  title text,
  UNIQUE (slug), EXCLUDE USING gist (int4range(id, org_id) WITH &&)
)"""

# name: the index; arguments and keywords; whether it meets them.
CASES = {
    "same": ("(org_id)", ("org_id",), {}, True),
    "another column": ("(org_id)", ("status",), {}, False),
    "prefix of the index": ("(org_id, status)", ("org_id",), {}, False),
    "longer than the index": ("(org_id)", ("org_id", "status"), {}, False),
    "order of columns": ("(org_id, status)", ("status", "org_id"), {}, False),
    "desc": ("(org_id, created_at DESC)", ("org_id", "created_at DESC"), {}, True),
    "asc for desc": ("(org_id, created_at)", ("org_id", "created_at DESC"), {}, False),
    "nulls": ("(created_at DESC NULLS LAST)", ("created_at DESC",), {}, False),
    "all reversed": ("(org_id DESC, created_at)", ("org_id", "created_at DESC"), {}, True),
    "all reversed, exact": (
        "(org_id DESC, created_at)", ("org_id", "created_at DESC"), {"match": "exact"}, False,
    ),
    "nulls reversed": ("(created_at NULLS FIRST)", ("created_at DESC NULLS LAST",), {}, True),
    "nulls not reversed": ("(created_at)", ("created_at DESC NULLS LAST",), {}, False),
    "either is fine": ("UNIQUE (org_id)", ("org_id",), {}, True),
    "unique asked": ("(org_id)", ("org_id",), {"unique": True}, False),
    "unique there": ("UNIQUE (org_id)", ("org_id",), {"unique": True}, True),
    "unique refused": ("UNIQUE (org_id)", ("org_id",), {"unique": False}, False),
    "included": ("(org_id) INCLUDE (status)", ("org_id",), {"include": ["status"]}, True),
    "included, any order": (
        "(org_id) INCLUDE (status, slug)", ("org_id",), {"include": ["slug", "status"]}, True,
    ),
    "included, not asked": ("(org_id) INCLUDE (status)", ("org_id",), {}, False),
    "included is no key": ("(org_id) INCLUDE (status)", ("org_id", "status"), {}, False),
    "partial": (
        "(org_id) WHERE status = 'active'", ("org_id",), {"where": "status='active'"}, True,
    ),
    "partial by expression": (
        "(org_id) WHERE status IN ('a', 'b')",
        ("org_id",), {"where": sa.column("status").in_(["a", "b"])}, True,
    ),
    "partial, another": (
        "(org_id) WHERE status = 'active'", ("org_id",), {"where": "status='done'"}, False,
    ),
    "partial, not asked": ("(org_id) WHERE status = 'active'", ("org_id",), {}, False),
    "partial asked": ("(org_id)", ("org_id",), {"where": "status='active'"}, False),
    "expression": ("(lower(slug))", (sa.func.lower(sa.column("slug")),), {}, True),
    "expression, another": ("(upper(slug))", (sa.func.lower(sa.column("slug")),), {}, False),
    "operator class": (
        "(title text_pattern_ops)", (key("title", operator_class="text_pattern_ops"),), {}, True,
    ),
    "operator class, not asked": ("(title text_pattern_ops)", ("title",), {}, False),
    "default operator class": ("(title)", (key("title", operator_class="text_ops"),), {}, True),
    "collation, not asked": ('(title COLLATE "C")', ("title",), {}, False),
    "collation": ('(title COLLATE "C")', (key("title", collation="C"),), {}, True),
    "hash": ("USING hash (org_id)", ("org_id",), {}, False),
    "hash asked": ("USING hash (org_id)", ("org_id",), {"using": "hash"}, True),
    "gin": ("USING gin (tags)", ("tags",), {"using": "gin"}, True),
    "brin": ("USING brin (created_at)", ("created_at",), {"using": "brin"}, True),
    "brin for btree": ("USING brin (created_at)", ("created_at",), {}, False),
    "storage is not asked": ("(org_id) WITH (fillfactor = 70)", ("org_id",), {}, True),
    "name": ("(org_id)", ("org_id",), {"name": "ix"}, True),
    "another name": ("(org_id)", ("org_id",), {"name": "ix_other"}, False),
    "primary key": ("(org_id)", ("id",), {"unique": True}, True),
    "unique constraint": ("(org_id)", ("slug",), {"unique": True}, True),
    "exclusion constraint": (
        "(org_id)", (sa.text("int4range(id, org_id)"),), {"using": "gist"}, True,
    ),
}  # fmt: skip


def outcome(database, table, *columns, **keywords):
    requirement = parse_requirement((table, *columns), keywords)
    with reading(open_engine(database.url)) as connection:
        return check(connection, requirement).outcome


@pytest.fixture(scope="module")
def cases(server):
    """One database for all the cases, which takes a while to make; the index is a case's own."""
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(TABLE)
    yield database
    server.drop_database(database.name)


@pytest.mark.parametrize("case", CASES)
def test_definition(cases, case):
    index, columns, keywords, met = CASES[case]
    unique, rest = ("UNIQUE ", index[7:]) if index.startswith("UNIQUE ") else ("", index)
    with cases.connect() as connection:
        connection.execute("DROP INDEX IF EXISTS ix")
        connection.execute(f"CREATE {unique}INDEX ix ON jobs {rest}")
    assert outcome(cases, "jobs", *columns, **keywords) == ("met" if met else "unmet")


def test_nulls_not_distinct_is_part_of_unique(database, pg_version):
    if pg_version < 15:
        pytest.skip("NULLS NOT DISTINCT is PostgreSQL 15's")
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE UNIQUE INDEX ix ON t (a) NULLS NOT DISTINCT")
    assert outcome(database, "t", "a") == "met"
    assert outcome(database, "t", "a", unique=True) == "unmet"
    assert outcome(database, "t", "a", unique=True, nulls_not_distinct=True) == "met"


@pytest.mark.parametrize("flag", ["indisvalid", "indisready", "indislive"])
def test_an_index_out_of_use_does_not_count(jobs, flag):
    with jobs.connect() as connection:
        connection.execute(
            f"UPDATE pg_index SET {flag} = false"
            " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass"
        )
    assert outcome(jobs, "jobs", "org_id", "created_at DESC") == "unmet"


def test_a_usable_twin_beside_an_invalid_index_counts(jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE INDEX a_twin ON jobs (org_id, created_at DESC)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_twin'::regclass"
        )
    assert outcome(jobs, "jobs", "org_id", "created_at DESC") == "met"


def test_the_first_schema_of_the_search_path_that_has_the_table(database):
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.t (a int)")
        connection.execute("CREATE INDEX ix ON app.t (a)")
        connection.execute("CREATE TABLE public.other (a int)")
    assert outcome(database, "t", "a") == "unmet"
    assert outcome(database, "t", "a", schema="app") == "met"
    with database.connect() as connection:
        connection.execute(f'ALTER DATABASE "{database.name}" SET search_path = app, public')
    assert outcome(database, "t", "a") == "met"


def by_name(database, **keywords):
    requirement = parse_requirement((), keywords)
    with reading(open_engine(database.url)) as connection:
        return check(connection, requirement).outcome


def test_by_name_alone(jobs):
    assert by_name(jobs, name="ix_jobs_org_id_created_at") == "met"
    assert by_name(jobs, name="ix_jobs_org_id_created_at", schema="public") == "met"
    assert by_name(jobs, name="ix_jobs_org_id_created_at", schema="app") == "unmet"
    assert by_name(jobs, name="ix_jobs") == "unmet"
    assert by_name(jobs, name="jobs") == "unmet"


def test_a_name_on_a_table(jobs):
    assert outcome(jobs, "jobs", name="ix_jobs_org_id_created_at") == "met"
    with jobs.connect() as connection:
        connection.execute("CREATE TABLE other (a int)")
    assert outcome(jobs, "other", name="ix_jobs_org_id_created_at") == "unmet"


def test_our_connections_say_who_they_are_and_wait_for_no_lock(jobs):
    with reading(jobs.engine) as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("application_name", "lock_timeout")
        ]
    assert shown == ["pytest_index_assert", "2s"]


def test_a_schema_that_may_not_be_entered_cannot_be_judged(database, make_role):
    role = make_role()
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA closed; CREATE TABLE closed.t (a int)")
    requirement = parse_requirement(("t", "a"), {"schema": "closed"})
    with reading(open_engine(database.url_for(role))) as connection:
        verdict = check(connection, requirement)
    assert verdict.outcome == "cannot be judged"
    assert "permission denied for schema closed" in (verdict.problem or "")


def test_by_name_off_the_search_path(database):
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.t (a int)")
        connection.execute("CREATE INDEX ix ON app.t (a)")
    assert by_name(database, name="ix") == "unmet"
    assert by_name(database, name="ix", schema="app") == "met"


@pytest.fixture
def parts(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE parts (id int, day date) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)")
        connection.execute(
            "CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20)"
            " PARTITION BY RANGE (id)"
        )
        connection.execute("CREATE TABLE higher PARTITION OF high FOR VALUES FROM (15) TO (20)")
    return database


def test_a_partitioned_table_with_its_index_everywhere(parts):
    with parts.connect() as connection:
        connection.execute("CREATE INDEX ix ON parts (day DESC)")
    assert outcome(parts, "parts", "day DESC") == "met"
    assert by_name(parts, name="ix") == "met"
    assert outcome(parts, "low", "day DESC") == "met"


def test_an_ascending_leaf_under_a_descending_parent(parts):
    with parts.connect() as connection:
        connection.execute("CREATE INDEX ix_asc ON higher (id, day)")
        connection.execute("CREATE INDEX ix ON parts (id, day DESC)")
    assert outcome(parts, "parts", "id", "day DESC") == "unmet"
    assert by_name(parts, name="ix") == "unmet"
    with parts.connect() as connection:
        connection.execute("CREATE INDEX ix_desc ON higher (id, day DESC)")
    assert outcome(parts, "parts", "id", "day DESC") == "met"


def test_a_leaf_without_the_index(parts):
    with parts.connect() as connection:
        connection.execute("CREATE INDEX ix ON ONLY parts (day)")
    assert outcome(parts, "parts", "day") == "unmet"


def test_an_invalid_leaf(parts):
    with parts.connect() as connection:
        connection.execute("CREATE INDEX ix ON parts (day)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'low_day_idx'::regclass"
        )
    assert outcome(parts, "parts", "day") == "unmet"


def test_a_constraint_counts_on_every_leaf(parts):
    with parts.connect() as connection:
        connection.execute("ALTER TABLE parts ADD PRIMARY KEY (id)")
    assert outcome(parts, "parts", "id", unique=True) == "met"


def test_a_materialised_view(jobs):
    with jobs.connect() as connection:
        connection.execute("CREATE MATERIALIZED VIEW recent AS SELECT * FROM jobs")
        connection.execute("CREATE INDEX ix_recent ON recent (status) WHERE status <> 'x'")
    assert outcome(jobs, "recent", "status", where="status <> 'x'") == "met"


def test_what_the_server_cannot_normalise_cannot_be_judged(jobs, make_role):
    role = make_role()
    with jobs.connect() as connection:
        connection.execute(f'REVOKE TEMP ON DATABASE "{jobs.name}" FROM PUBLIC')
        connection.execute(f"GRANT SELECT ON jobs TO {role}")
    requirement = parse_requirement(("jobs", "org_id"), {"where": "status = 'x'"})
    with reading(open_engine(jobs.url_for(role))) as connection:
        assert check(connection, requirement).outcome == "cannot be judged"
        plain = parse_requirement(("jobs", "org_id", "created_at DESC"), {})
        assert check(connection, plain).outcome == "met"
