"""What a reader sees when an index is not there: whole messages."""

from __future__ import annotations

import time

import psycopg
import pytest

from pytest_index_assert.check import check
from pytest_index_assert.connection import open_engine, reading
from pytest_index_assert.report import render_failures
from pytest_index_assert.requirement import parse_requirement

REQUIRED = ("jobs", "org_id", "created_at DESC")
HEAD = "    method keys order class unique include where valid"
PRIMARY = '"jobs_pkey": UNIQUE btree (id), primary key'
RANKED_PRIMARY = f"      ✓     ✗     ✓     ✓     ✓       ✓      ✓     ✓    {PRIMARY}"
INDEXES = '  the indexes of "public"."jobs", the nearest first:'
CALL = 'requires_index("jobs", "org_id", "created_at DESC")'


def message(database, *arguments, **keywords):
    requirement = parse_requirement(arguments, keywords)
    with reading(open_engine(database.url)) as connection:
        return render_failures([check(connection, requirement)]).splitlines()


def change(database, sql):
    with database.connect() as connection:
        connection.execute(sql)


def test_nothing_to_say_about_an_index_that_is_there(jobs):
    assert message(jobs, *REQUIRED) == []


def test_dropped(jobs):
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at")
    assert message(jobs, *REQUIRED, reason="the list of jobs") == [
        f'{CALL} is not met: no index of "public"."jobs" has this definition',
        "  reason: the list of jobs",
        "  required: btree (org_id, created_at DESC)",
        INDEXES,
        HEAD,
        RANKED_PRIMARY,
        f"  nearest: {PRIMARY}",
        "    key column 1: wanted org_id, found id",
        "    key column 2: wanted created_at DESC, found nothing",
        "  to make it:",
        "    op.create_desc_index(",
        '        "ix_jobs_org_id_created_at",',
        '        "jobs",',
        '        ["org_id", "created_at DESC"],',
        "    )",
        "  or in SQL:",
        '    CREATE INDEX CONCURRENTLY "ix_jobs_org_id_created_at" ON "public"."jobs" USING "btree"'
        ' ("org_id", "created_at" DESC);',
    ]


def test_made_ascending(jobs):
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at")
    change(jobs, "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id, created_at)")
    assert message(jobs, *REQUIRED) == [
        f'{CALL} is not met: no index of "public"."jobs" has this definition',
        "  required: btree (org_id, created_at DESC)",
        INDEXES,
        HEAD,
        "      ✓     ✓     ✗     ✓     ✓       ✓      ✓     ✓   "
        ' "ix_jobs_org_id_created_at": btree (org_id,…',
        RANKED_PRIMARY,
        '  nearest: "ix_jobs_org_id_created_at": btree (org_id, created_at)',
        "    key column 2: wanted created_at DESC, found created_at",
        "  to make it:",
        "    op.create_desc_index(",
        '        "ix_jobs_org_id_created_at_2",',
        '        "jobs",',
        '        ["org_id", "created_at DESC"],',
        "    )",
        "  or in SQL:",
        '    CREATE INDEX CONCURRENTLY "ix_jobs_org_id_created_at_2" ON "public"."jobs" USING'
        ' "btree" ("org_id", "created_at" DESC);',
    ]


def test_a_build_that_was_cut_off(jobs):
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at")
    with jobs.connect() as writer, jobs.connect() as builder:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO jobs (id) VALUES (1)")
        builder.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            builder.execute("CREATE INDEX CONCURRENTLY ix_cut ON jobs (org_id, created_at DESC)")
        writer.execute("ROLLBACK")
    state = "INVALID, not ready: neither maintained nor enforcing"
    assert message(jobs, *REQUIRED) == [
        f'{CALL} is not met: index "ix_cut" of "public"."jobs" is {state}',
        "  required: btree (org_id, created_at DESC)",
        INDEXES,
        HEAD,
        "      ✓     ✓     ✓     ✓     ✓       ✓      ✓     ✗   "
        ' "ix_cut": btree (org_id, created_at DESC), …',
        RANKED_PRIMARY,
        f'  nearest: "ix_cut": btree (org_id, created_at DESC), {state}',
        "  to make it:",
        '    op.create_desc_index("ix_cut", "jobs", ["org_id", "created_at DESC"])',
        "  or in SQL:",
        '    REINDEX INDEX CONCURRENTLY "public"."ix_cut";',
    ]


def test_moved_with_its_table_to_another_schema(jobs):
    change(jobs, "CREATE SCHEMA archive; ALTER TABLE jobs SET SCHEMA archive")
    assert message(jobs, *REQUIRED) == [
        f'{CALL} is not met: table "jobs" does not exist in the search path; there is one in schema'
        ' "archive": pass schema="archive"',
        "  required: btree (org_id, created_at DESC)",
        '  elsewhere: "archive"."jobs" has "ix_jobs_org_id_created_at": btree (org_id,'
        ' created_at DESC) (the same definition, moved to schema "archive"?)',
    ]


def test_moved_while_a_new_table_took_its_place(jobs):
    change(jobs, "CREATE SCHEMA archive; ALTER TABLE jobs SET SCHEMA archive")
    change(jobs, "CREATE TABLE jobs (LIKE archive.jobs)")
    assert message(jobs, *REQUIRED, schema="public") == [
        'requires_index("jobs", "org_id", "created_at DESC", schema="public") is not met:'
        ' "public"."jobs" has no index',
        "  required: btree (org_id, created_at DESC)",
        '  elsewhere: "archive"."jobs" has "ix_jobs_org_id_created_at": btree (org_id,'
        ' created_at DESC) (the same definition, moved to schema "archive"?)',
        "  to make it:",
        "    op.create_desc_index(",
        '        "ix_jobs_org_id_created_at",',
        '        "jobs",',
        '        ["org_id", "created_at DESC"],',
        '        schema="public",',
        "    )",
        "  or in SQL:",
        '    CREATE INDEX CONCURRENTLY "ix_jobs_org_id_created_at" ON "public"."jobs" USING "btree"'
        ' ("org_id", "created_at" DESC);',
    ]


def test_a_name_that_moved_to_another_schema(jobs):
    change(jobs, "CREATE SCHEMA archive; ALTER TABLE jobs SET SCHEMA archive")
    assert message(jobs, name="ix_jobs_org_id_created_at") == [
        'requires_index(name="ix_jobs_org_id_created_at") is not met: there is no index'
        ' "ix_jobs_org_id_created_at" in the search path',
        '  elsewhere: "archive"."jobs" has "ix_jobs_org_id_created_at": btree (org_id,'
        ' created_at DESC) (the same name, moved to schema "archive"?)',
    ]


def test_the_name_belongs_to_another_table(jobs):
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at; CREATE TABLE other (org_id int)")
    change(jobs, "CREATE INDEX ix_jobs_org ON other (org_id)")
    assert message(jobs, "jobs", "org_id", name="ix_jobs_org") == [
        'requires_index("jobs", "org_id", name="ix_jobs_org") is not met: no index of'
        ' "public"."jobs" has this definition',
        '  required: "ix_jobs_org": btree (org_id)',
        INDEXES,
        "    name method keys order class unique include where valid",
        "     ✗     ✓     ✗     ✓     ✓     ✓       ✓      ✓     ✓   "
        ' "jobs_pkey": UNIQUE btree (id), primar…',
        f"  nearest: {PRIMARY}",
        "    name: wanted ix_jobs_org, found jobs_pkey",
        "    key column 1: wanted org_id, found id",
        '  elsewhere: "public"."other" has "ix_jobs_org": btree (org_id) (the same name,'
        " on another table)",
        "  to make it:",
        '    op.create_concurrent_index("ix_jobs_org", "jobs", ["org_id"])',
        "  or in SQL:",
        '    CREATE INDEX CONCURRENTLY "ix_jobs_org" ON "public"."jobs" USING "btree" ("org_id");',
    ]


def test_the_definition_under_another_name(jobs):
    first = message(jobs, *REQUIRED, name="ix_recent")[0]
    assert first.endswith(
        'the index of "public"."jobs" with this definition is not named "ix_recent"'
    )


def test_another_definition_under_the_name(jobs):
    lines = message(jobs, "jobs", "status", name="ix_jobs_org_id_created_at")
    assert lines[0].endswith(
        'index "ix_jobs_org_id_created_at" of "public"."jobs" has another definition'
    )
    assert lines[-5:] == [
        "  to make it:",
        '    op.replace_index("ix_jobs_org_id_created_at", "jobs", ["status"])',
        "  or in SQL:",
        '    DROP INDEX CONCURRENTLY "public"."ix_jobs_org_id_created_at";',
        '    CREATE INDEX CONCURRENTLY "ix_jobs_org_id_created_at" ON "public"."jobs" USING "btree"'
        ' ("status");',
    ]


def test_the_nearest_is_the_one_with_the_columns(jobs):
    lines = message(jobs, "jobs", "created_at")
    assert '  nearest: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)' in lines


def test_predicates_are_shown_as_the_server_has_them(jobs):
    change(jobs, "CREATE INDEX ix_status ON jobs (status) WHERE status = 'done'")
    lines = message(jobs, "jobs", "status", where="status='new'")
    assert "    predicate: wanted status = 'new'::text, found status = 'done'::text" in lines


def test_a_column_that_is_not_there(jobs):
    assert message(jobs, "jobs", "organisation") == [
        'requires_index("jobs", "organisation") is not met: "public"."jobs" has no column'
        ' "organisation"',
        "  required: btree (organisation)",
    ]


def test_a_predicate_that_the_server_refuses(jobs):
    first = message(jobs, "jobs", "org_id", where="nothing = 1")[0]
    assert 'the server refuses this definition: column "nothing" does not exist' in first


def test_a_view_has_no_indexes(jobs):
    change(jobs, "CREATE VIEW recent AS SELECT * FROM jobs")
    assert 'is not met: "public"."recent" is a view' in message(jobs, "recent", "org_id")[0]


def test_partitions_are_named(database):
    change(database, "CREATE TABLE parts (id int, day date) PARTITION BY RANGE (id)")
    for number in range(4):
        change(
            database,
            f"CREATE TABLE part{number} PARTITION OF parts"
            f" FOR VALUES FROM ({number}) TO ({number + 1})",
        )
    change(database, "CREATE INDEX ix_asc ON part1 (id, day)")
    change(database, "CREATE INDEX ix ON parts (id, day DESC)")
    change(
        database,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'part2_id_day_idx'::regclass",
    )
    state = "INVALID, ready: writes maintain it, no query uses it"
    assert message(database, "parts", "id", "day DESC") == [
        'requires_index("parts", "id", "day DESC") is not met: index "ix" of "public"."parts" does'
        " not cover every partition",
        "  required: btree (id, day DESC)",
        '  the indexes of "public"."parts", the nearest first:',
        HEAD,
        '      ✓     ✓     ✓     ✓     ✓       ✓      ✓     ✗    "ix": btree (id, day DESC)',
        '  nearest: "ix": btree (id, day DESC)',
        '    partition "public"."part1": nearest is "ix_asc": key column 2: wanted day DESC,'
        " found day",
        f'    partition "public"."part2": "part2_id_day_idx" is {state}',
        "  to make it:",
        '    op.replace_index("ix", "parts", ["id", "day DESC"])',
    ]


@pytest.fixture
def unfinished(database):
    """An INVALID index of a partitioned table, whose partition has none."""
    change(database, "CREATE TABLE parts (id int) PARTITION BY RANGE (id)")
    change(database, "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (1)")
    change(database, "CREATE INDEX ix ON ONLY parts (id)")
    return database


TO_FINISH_IT = ["  to make it:", '    op.create_concurrent_index("ix", "parts", ["id"])']


def test_a_partition_without_any_index(unfinished):
    assert message(unfinished, "parts", "id")[-3:] == [
        '    partition "public"."part": no index',
        *TO_FINISH_IT,
    ]


def test_a_partition_whose_index_is_not_attached(unfinished):
    change(unfinished, "CREATE INDEX ix_part ON part (id)")
    assert message(unfinished, "parts", "id")[-2:] == TO_FINISH_IT


def test_a_partition_whose_attached_index_is_invalid(unfinished):
    change(unfinished, "CREATE INDEX ix_part ON part (id)")
    change(unfinished, "ALTER INDEX ix ATTACH PARTITION ix_part")
    change(
        unfinished, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_part'::regclass"
    )
    assert message(unfinished, "parts", "id")[-2:] == [
        "  to make it, in SQL:",
        '    REINDEX INDEX CONCURRENTLY "public"."ix_part";',
    ]


@pytest.mark.parametrize("asked", [{"eq": ["org_id"]}, {"columns": ["org_id"]}])
def test_a_table_that_inherits_is_read_too(jobs, asked):
    change(jobs, "CREATE TABLE old_jobs () INHERITS (jobs)")
    change(jobs, "CREATE INDEX ix_org ON jobs (org_id)")
    columns = asked.pop("columns", [])
    lines = message(jobs, "jobs", *columns, **asked)
    assert '    child table "public"."old_jobs": no index' in lines
    assert lines[-1] == (
        '    CREATE INDEX CONCURRENTLY "ix_old_jobs_org_id" ON "public"."old_jobs" USING "btree"'
        ' ("org_id");'
    )
    change(jobs, "CREATE INDEX ix_old ON old_jobs (org_id)")
    assert message(jobs, "jobs", *columns, **asked) == []


def test_a_query_that_an_invalid_index_would_serve(jobs):
    change(
        jobs,
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'ix_jobs_org_id_created_at'::regclass",
    )
    assert message(jobs, "jobs", eq=["org_id"])[-4:] == [
        "  to make it:",
        '    op.reindex_concurrently("ix_jobs_org_id_created_at")',
        "  or in SQL:",
        '    REINDEX INDEX CONCURRENTLY "public"."ix_jobs_org_id_created_at";',
    ]


def test_a_locked_table_is_a_prompt_answer(jobs):
    change(jobs, "CREATE INDEX ix_status ON jobs (status) WHERE status = 'new'")
    with jobs.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        start = time.monotonic()
        lines = message(jobs, "jobs", "status", where="status = 'new'")
        took = time.monotonic() - start
    assert lines[0].startswith(
        'requires_index("jobs", "status", where="status = \'new\'") cannot be judged: the indexes'
    )
    assert "locked ACCESS EXCLUSIVE for more than 2s" in lines[0]
    assert took < 6


def test_no_line_of_the_ranking_is_longer_than_100(jobs):
    change(jobs, f"CREATE INDEX {'i' * 63} ON jobs (status, org_id, created_at, id)")
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at")
    lines = message(jobs, "jobs", "created_at", name="ix_other")
    assert [len(line) for line in lines[3:6]] == [59, 100, 100]


def test_eleven_indexes_are_ten_lines(jobs):
    for number in range(10):
        change(jobs, f"CREATE INDEX ix{number} ON jobs (id, status)")
    lines = message(jobs, "jobs", "status")
    assert sum("✓" in line for line in lines) == 10
    assert "    and 2 more" in lines


def test_the_level_that_the_nearest_reaches(jobs):
    lines = message(jobs, "jobs", "org_id")
    assert lines[7:9] == [
        '    it is what is required at match="at_least"',
        "    key column 2: wanted nothing, found created_at DESC",
    ]


def test_not_provable_says_which_index_it_may_be(jobs):
    change(jobs, "CREATE INDEX ix_open ON jobs (status) WHERE org_id > 6")
    lines = message(jobs, "jobs", "status", where="org_id > 5")
    assert lines[0] == (
        'requires_index("jobs", "status", where="org_id > 5") is not provable: the planner does not'
        ' prove that where= holds for the same rows as the predicate of "ix_open", and nothing else'
        " keeps that index from being the required one. Write where= as the index has it, if that"
        " is meant"
    )
    assert "    predicate: wanted org_id > 5, found org_id > 6" in lines


def test_a_query_that_no_index_serves(jobs):
    lines = message(jobs, "jobs", eq=["status"], range=["created_at"], query_where="org_id = 1")
    assert lines == [
        'requires_index("jobs", eq=["status"], range=["created_at"], query_where="org_id = 1") is'
        ' not met: no index of "public"."jobs" serves this query',
        "  required: an index that serves WHERE status = $1 AND created_at >= $2 AND"
        " created_at < $3 AND (org_id = 1)",
        INDEXES,
        "    status created_at where valid",
        "      ✗        ✓        ✓     ✓   "
        ' "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        f"      ✗        ✗        ✓     ✓    {PRIMARY}",
        '  nearest: "ix_jobs_org_id_created_at": btree (org_id, created_at DESC)',
        "    status: wanted eq, found Filter",
        "  to make it:",
        "    op.create_concurrent_index(",
        '        "ix_jobs_status_created_at",',
        '        "jobs",',
        '        ["status", "created_at"],',
        "    )",
        "  or in SQL:",
        '    CREATE INDEX CONCURRENTLY "ix_jobs_status_created_at" ON "public"."jobs" USING "btree"'
        ' ("status", "created_at");',
    ]


def test_what_keeps_an_index_from_serving(jobs):
    change(jobs, "DROP INDEX ix_jobs_org_id_created_at; ALTER TABLE jobs ADD title text")
    change(jobs, "CREATE INDEX ix_title ON jobs (org_id) INCLUDE (status) WHERE id > 0")
    lines = message(jobs, "jobs", eq=["org_id", "status"], order_by=["title"], index_only=["id"])
    start = lines.index('  nearest: "ix_title": btree (org_id) INCLUDE (status) WHERE id > 0')
    assert lines[start + 1 : start + 5] == [
        "    status: wanted eq, found an included column",
        "    order: wanted title, found Sort",
        "    index only: wanted id, found the table is read",
        "    where: wanted all rows, found id > 0",
    ]


def test_no_fix_where_no_btree_could_serve_it(jobs):
    lines = message(jobs, "jobs", range=["created_at"], order_by=["status"])
    assert not any(line.startswith("  to make it") for line in lines)


def test_lines_about_the_past_stand_below_the_indexes(jobs):
    requirement = parse_requirement(("jobs", "status"), {})
    with reading(open_engine(jobs.url)) as connection:
        verdict = check(connection, requirement)
    lines = render_failures([verdict], lambda verdict: [f"since: {verdict.outcome}"]).splitlines()
    assert lines[lines.index("  since: unmet") + 1] == "  to make it:"
