"""`assert_query_uses`: the application's own statements, and what their plans lack."""

from __future__ import annotations

import pytest

TABLES = """
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE jobs (
  id int PRIMARY KEY, org_id int, status varchar(20), title text, created_at timestamp);
CREATE INDEX ix_org ON jobs (org_id, created_at DESC) INCLUDE (title);
CREATE INDEX ix_new ON jobs (created_at) WHERE status = 'new';
CREATE INDEX ix_title ON jobs (title text_pattern_ops);
"""

MODELS = """
import sqlalchemy as sa
from datetime import datetime
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(20))
    title: Mapped[str]
    created_at: Mapped[datetime]


BY_ORG = sa.select(Job).where(Job.org_id == 7)
NEW = sa.select(Job).where(Job.status == "new", Job.created_at > datetime(2024, 1, 1))
LITERAL = sa.select(Job).where(
    Job.status == sa.literal("new", literal_execute=True), Job.created_at > datetime(2024, 1, 1)
)
"""


@pytest.fixture
def app(project, database):
    with database.connect() as connection:
        connection.execute(TABLES)
    project.engine(repr(database.url))
    project.write("models.py", MODELS)
    return project


def run(app, *calls):
    body = "".join(
        f"\ndef test_{number}(assert_query_uses):\n    assert_query_uses({call})\n"
        for number, call in enumerate(calls)
    )
    app.tests(f"from models import *\n{body}")
    return app.run()


PASSING = {
    "select": 'BY_ORG, index="ix_org"',
    "core": 'sa.select(Job.__table__.c.id).where(Job.org_id == 7), index="ix_org"',
    "legacy query": 'Session().query(Job).filter(Job.org_id == 7), index="ix_org"',
    "update": 'sa.update(Job).where(Job.org_id == 7).values(title="x"), index="ix_org"',
    "delete": 'sa.delete(Job).where(Job.org_id == 7), index="ix_org"',
    "text": 'sa.text("SELECT * FROM jobs WHERE org_id = :o"), {"o": 7}, index="ix_org"',
    "sql": '"SELECT * FROM jobs WHERE org_id = :o", {"o": 7}, index="ix_org"',
    "sql, numbered": '"SELECT * FROM jobs WHERE org_id = $1", [7], index="ix_org"',
    "sql, percent": '"SELECT * FROM jobs WHERE org_id = 7 AND 5 % 2 = 1", index="ix_org"',
    "sql, several types": '"SELECT * FROM jobs WHERE org_id = ANY(:o) AND created_at > :c",'
    ' {"o": [7, 8], "c": datetime(2024, 1, 1)}, index="ix_org"',
    "sql, an unknown type": '"SELECT * FROM jobs WHERE org_id = :o", {"o": "7"}, index="ix_org"',
    "generic without values": '"SELECT * FROM jobs WHERE org_id = :o", index="ix_org",'
    ' mode="generic"',
    "bindparam": 'sa.select(Job).where(Job.org_id == sa.bindparam("o")), {"o": 7}, index="ix_org"',
    "in": 'sa.select(Job).where(Job.org_id.in_([1, 2])), index="ix_org"',
    "a model's index": 'BY_ORG, index=sa.Index("ix_org", Job.org_id)',
    "with its schema": 'BY_ORG, index="public.ix_org"',
    "one of two": 'BY_ORG, index=["ix_title", "ix_org"]',
    "no sort": 'BY_ORG.order_by(Job.created_at.desc()), index="ix_org", no_sort=True',
    "no sort, any index": "BY_ORG.order_by(Job.created_at.desc()), no_sort=True",
    "index only": 'sa.select(Job.title).where(Job.org_id == 7), index="ix_org", index_only=True',
    "join": 'sa.text("SELECT * FROM orgs JOIN jobs ON org_id = orgs.id WHERE orgs.id = 3"),'
    ' index="ix_org"',
    "walk in order": 'sa.select(Job).order_by(Job.id).limit(9), index="jobs_pkey"',
    "walk, index only": 'sa.select(Job.id), index="jobs_pkey", index_only=True',
    "partial, literal": 'LITERAL, index="ix_new"',
    "partial, custom": 'NEW, index="ix_new", mode="custom"',
    "pattern, custom": 'sa.select(Job).where(Job.title.like("a%")), index="ix_title",'
    ' mode="custom"',
}


@pytest.mark.parametrize("case", PASSING)
def test_a_statement_that_uses_it(app, case):
    run(app, PASSING[case]).assert_outcomes(passed=1)


FAILING = {
    "a value of another type": (
        '"SELECT * FROM jobs WHERE org_id = :o", {"o": 7.0}, index="ix_org"',
        'assert_query_uses(index="ix_org"): the generic plan: it does not use "ix_org"; *',
    ),
    "a later column": (
        'sa.select(Job).where(Job.created_at == datetime(2024, 1, 1)), index="ix_org"',
        '*: the generic plan: it walks through all of "ix_org"',
    ),
    "no row": (
        'sa.select(Job).where(sa.false()), index="ix_org"',
        "*: the plan: it reads no table: its conditions are never met",
    ),
    "another index": (
        'sa.select(Job).where(Job.id == 1), index="ix_org"',
        'assert_query_uses(index="ix_org"): the generic plan: it does not use "ix_org"; it uses'
        ' "jobs_pkey"',
    ),
    "a walk through all of it": (
        'sa.select(Job.id).where(Job.id % 2 == 0), index="jobs_pkey"',
        'assert_query_uses(index="jobs_pkey"): the generic plan: it walks through all of'
        ' "jobs_pkey"',
    ),
    "sort": (
        'BY_ORG.order_by(Job.id), index="ix_org", no_sort=True',
        'assert_query_uses(index="ix_org", no_sort=True): the generic plan: *',
    ),
    "index only": (
        'BY_ORG, index="ix_org", index_only=True',
        'assert_query_uses(index="ix_org", index_only=True): the generic plan: it reads the table'
        " beside the index",
    ),
    "no index": (
        'BY_ORG, index="ix_orgs"',
        'assert_query_uses(index="ix_orgs"): there is no index "ix_orgs"; there is ix_org',
    ),
    "partial, bound": (
        'NEW, index="ix_new"',
        'assert_query_uses(index="ix_new"): the generic plan: it does not use "ix_new" (of the rows'
        " WHERE ((status)::text = 'new'::text)); it uses *",
    ),
    "pattern, bound": (
        'sa.select(Job).where(Job.title.like("a%")), index="ix_title", mode="generic"',
        'assert_query_uses(index="ix_title", mode="generic"): the generic plan: *',
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_statement_that_does_not(app, case):
    call, message = FAILING[case]
    result = run(app, call)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message.replace("[", "[[]")])


def test_the_bound_parameter_trap_is_told(app):
    result = run(app, 'NEW, index="ix_new"')
    result.stdout.fnmatch_lines([
        "  statement: SELECT jobs.id, * WHERE jobs.status = $1::VARCHAR AND *",
        "  generic plan (it does not use *",
        "  custom plan (as required):",
        '    Index Scan using "ix_new" on "jobs" (Index Cond: (created_at > *',
        "  With its values the statement is planned as required. The generic plan *",
        '    sqlalchemy.literal("value", literal_execute=True)',
    ])  # fmt: skip


def test_the_trap_is_told_where_only_the_generic_plan_was_asked_for(app):
    result = run(app, 'NEW, index="ix_new", mode="generic"')
    result.stdout.fnmatch_lines(["  With its values the statement is planned as required. *"])


def test_an_invalid_index(app, database):
    with database.connect() as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_org'::regclass"
        )
    result = run(app, 'BY_ORG, index="ix_org"')
    result.stdout.fnmatch_lines([
        'assert_query_uses(index="ix_org"): index "ix_org" is INVALID: no plan uses it',
        '  to make it valid: REINDEX INDEX CONCURRENTLY "ix_org";',
    ])  # fmt: skip


REFUSED = {
    "nothing asked": ("BY_ORG", "*nothing is asked for; *"),
    "mode": ('BY_ORG, index="ix_org", mode="auto"', "*mode is *not 'auto'"),
    "ddl": ('sa.schema.CreateTable(Job.__table__), index="ix_org"', "*DDL has no plan*"),
    "ddl in sql": ('"DROP TABLE jobs", index="ix_org"', "*does not plan this statement: *"),
    "two statements": (
        '"SELECT 1; COMMIT; DROP TABLE jobs", index="ix_org"',
        "*does not plan this statement: cannot insert multiple commands*",
    ),
    "no statement": ('3, index="ix_org"', "*takes a statement of SQLAlchemy or SQL, not 3"),
    "no index": ("BY_ORG, index=3", "*index= is a name, a model's index, or a list of them, not 3"),
    "no value": (
        '"SELECT * FROM jobs WHERE org_id = :o", index="ix_org"',
        '*give their values in params=, or ask for mode="generic"',
    ),
    "no type": ('"SELECT $1 IS NULL", ["x"], no_sort=True', "*say its type, as in CAST(*"),
    "no such column": ('"SELECT x FROM jobs", no_sort=True', '*column "x" does not exist'),
    "no such value": (
        '"SELECT * FROM jobs WHERE org_id = :o", {"o": "seven"}, index="ix_org"',
        "*a value does not fit: *",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked(app, database, case):
    call, message = REFUSED[case]
    result = run(app, call)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message.replace("[", "[[]")])
    with database.connect() as connection:
        assert connection.execute("SELECT to_regclass('jobs')").fetchone() != (None,)


def test_a_write_is_planned_and_not_done(app, database):
    with database.connect() as connection:
        connection.execute("INSERT INTO jobs (id, org_id) VALUES (1, 7)")
    run(app, 'sa.delete(Job).where(Job.org_id == 7), index="ix_org"').assert_outcomes(passed=1)
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (1,)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_with_each_driver(app, database, driver):
    make = "create_async_engine" if driver == "asyncpg" else "create_engine"
    app.engine(
        f"{make}({database.url_for(driver=driver)!r})",
        imports="from sqlalchemy import create_engine\n"
        "from sqlalchemy.ext.asyncio import create_async_engine",
    )
    app.tests("""
        from models import *

        def test_it(assert_query_uses, index_engine):
            assert_query_uses(BY_ORG, index="ix_org")
            assert_query_uses(LITERAL, index="ix_new")
            assert_query_uses(BY_ORG, index="ix_org")
            if hasattr(index_engine, "begin") and not hasattr(index_engine, "sync_engine"):
                with index_engine.connect() as connection:
                    left = "SELECT count(*) FROM pg_prepared_statements WHERE name ~ 'assert'"
                    assert connection.exec_driver_sql(left).scalar() == 0
                index_engine.dispose()
    """)
    app.run_alone().assert_outcomes(passed=1)


@pytest.fixture
def parts(app, database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE parts (a int, b int, c int) PARTITION BY RANGE (a);"
            "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);"
            "CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20);"
            "CREATE INDEX ix_parts ON parts (b)"
        )
    return app


def test_an_index_of_partitions(parts, database):
    with database.connect() as connection:
        connection.execute("CREATE INDEX ix_high ON high (b, a)")
    result = run(
        parts,
        '"SELECT * FROM parts WHERE a < 9 AND b = :b", {"b": 1}, index="ix_parts"',
        '"SELECT * FROM parts WHERE a IN (3, 13) AND b = 3", index="ix_parts"',
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(['*it does not use "ix_parts"; it uses "ix_high", "low_b_idx"'])


@pytest.mark.parametrize(
    ("condition", "params"),
    [
        ("a >= :a AND b = :b", {"a": 7, "b": 1}),
        ("a >= :a AND b = :b", {"a": 99, "b": 1}),
        ("a >= CAST(extract(year FROM now()) AS int) AND b = 1", None),
    ],
    ids=["some", "none, by a value", "none, when the statement starts"],
)
def test_partitions_that_the_values_leave_out_are_judged(parts, condition, params):
    result = run(
        parts,
        f'"SELECT * FROM parts WHERE {condition}", {params}, index="ix_parts"',
        f'"SELECT c FROM parts WHERE {condition}", {params}, index_only=True',
        f'"SELECT * FROM parts WHERE {condition} ORDER BY c", {params}, no_sort=True',
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*it reads the table beside the index", "*: it sorts"])


def test_another_index_of_a_partition_may_be_used_beside_it(parts, database):
    with database.connect() as connection:
        connection.execute("CREATE INDEX ix_c ON parts (c)")
    joined = '"SELECT * FROM parts x JOIN parts y ON y.b = x.a WHERE x.c = :c", {"c": 1}'
    run(parts, f'{joined}, index="ix_parts", no_sort=True').assert_outcomes(passed=1)


@pytest.fixture
def twice(app, database):
    """An index of the same name in another schema, on other columns."""
    with database.connect() as connection:
        connection.execute(
            "CREATE SCHEMA s; CREATE TABLE s.jobs (id int, org_id int);"
            "CREATE INDEX ix_org ON s.jobs (id)"
        )
    return app


def test_a_name_of_two_schemas_is_that_of_the_search_path(twice):
    by_org, by_id = '"SELECT id FROM jobs WHERE org_id = 7"', '"SELECT id FROM s.jobs WHERE id = 7"'
    result = run(
        twice,
        f'{by_org}, index="ix_org"',
        f'{by_id}, index="s.ix_org"',
        f'{by_id}, index="ix_org"',
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(['*it does not use "ix_org"; it uses "ix_org"'])


def test_a_name_of_two_other_schemas_asks_for_one(twice, database):
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA r; ALTER TABLE jobs SET SCHEMA r")
    result = run(twice, '"SELECT id FROM s.jobs WHERE id = 7", index="ix_org"')
    result.stdout.fnmatch_lines([
        '*: there are several indexes "ix_org"; write index="r.ix_org" or index="s.ix_org"'
    ])  # fmt: skip
