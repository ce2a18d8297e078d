"""`alembic ... --sql`: the script, run by psql's rules, twice, and after being cut off."""

from __future__ import annotations

import re

import pytest

from tests.observe import adopted_by, built_by, execute, indexes, revisions, rows
from tests.postgres.migration.scripts import run, script
from tests.projects import Project
from tests.servers import Database

CREATE = (
    'op.create_desc_index("ix_jobs", "jobs", ["org", "made DESC"],'
    " where=\"kind IN ('a', 'b%:c')\", comment=\"for the list\")"
)
PLAIN = "CREATE INDEX ix_jobs ON jobs (org, made DESC) WHERE kind IN ('a', 'b%:c')"
DROP = 'op.drop_concurrent_index("ix_jobs", "jobs")'
DEFINITION = (
    "CREATE INDEX ix_jobs ON public.jobs USING btree (org, made DESC)"
    " WHERE ((kind)::text = ANY"
    " ((ARRAY['a'::character varying, 'b%:c'::character varying])::text[]))"
)


@pytest.fixture
def jobs(database: Database, project: Project) -> Database:
    execute(
        database,
        "CREATE TABLE jobs (org int, made timestamptz, kind varchar(9))",
        "INSERT INTO jobs SELECT i, now(), 'a' FROM generate_series(1, 5000) i",
    )
    project.revision("r1", "pass")
    project.upgrade()
    project.revision("r2", CREATE, DROP)
    return database


def test_creates_the_index_with_its_comment_and_stamps(project: Project, jobs: Database) -> None:
    errors = run(jobs, script(project, "upgrade", "r1:r2"))

    assert errors == []
    assert indexes(jobs) == {
        "ix_jobs": (DEFINITION, "valid", f"for the list\n{built_by('r2')}"),
    }
    assert revisions(jobs) == {"r2"}


def test_a_second_run_leaves_everything_as_it_is(project: Project, jobs: Database) -> None:
    statements = script(project, "upgrade", "r1:r2")
    run(jobs, statements)
    before = rows(jobs, "SELECT oid, relfilenode, relname FROM pg_class WHERE relname LIKE 'ix%'")

    errors = run(jobs, statements)

    after = rows(jobs, "SELECT oid, relfilenode, relname FROM pg_class WHERE relname LIKE 'ix%'")
    assert errors == []
    assert after == before


def test_cut_after_any_statement_it_can_be_run_again(project: Project, jobs: Database) -> None:
    statements = script(project, "upgrade", "r1:r2")
    for length in range(1, len(statements)):
        run(jobs, statements[:length])

        errors = run(jobs, statements)

        assert errors == []
        assert indexes(jobs) == {
            "ix_jobs": (DEFINITION, "valid", f"for the list\n{built_by('r2')}"),
        }
        execute(jobs, "DROP INDEX ix_jobs", "UPDATE alembic_version SET version_num = 'r1'")


def test_replaces_the_invalid_leftover_of_a_build_that_was_cut(
    project: Project, jobs: Database
) -> None:
    statements = script(project, "upgrade", "r1:r2")
    (aside,) = re.findall(r'CREATE INDEX CONCURRENTLY IF NOT EXISTS "(\w+)"', "\n".join(statements))
    execute(
        jobs,
        f"CREATE INDEX {aside} ON jobs (org)",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{aside}'::regclass",
    )

    errors = run(jobs, statements)

    assert errors == []
    assert {name: seen.definition for name, seen in indexes(jobs).items()} == {
        "ix_jobs": DEFINITION
    }


def test_an_invalid_index_of_that_name_stops_it_unstamped(project: Project, jobs: Database) -> None:
    execute(
        jobs,
        "CREATE INDEX ix_jobs ON jobs (org)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_jobs'::regclass",
    )

    errors = run(jobs, script(project, "upgrade", "r1:r2"))

    assert errors[0] == 'index "ix_jobs" is INVALID: an earlier build or drop was cut off'
    assert revisions(jobs) == {"r1"}


def test_another_definition_stops_it_unstamped(project: Project, jobs: Database) -> None:
    execute(jobs, "CREATE INDEX ix_jobs ON jobs (org, made)")

    errors = run(jobs, script(project, "upgrade", "r1:r2"))

    assert errors[0] == (
        'index "ix_jobs" has another definition:'
        " CREATE INDEX ix_jobs ON public.jobs USING btree (org, made)"
    )
    assert revisions(jobs) == {"r1"}
    assert [seen.definition for seen in indexes(jobs).values()] == [
        "CREATE INDEX ix_jobs ON public.jobs USING btree (org, made)"
    ]


def test_a_table_of_that_name_stops_it_unstamped(project: Project, jobs: Database) -> None:
    execute(jobs, "CREATE TABLE ix_jobs ()")

    errors = run(jobs, script(project, "upgrade", "r1:r2"))

    assert errors[0] == '"ix_jobs" is no index of this table; nothing was changed'
    assert revisions(jobs) == {"r1"}


def test_duplicates_stop_it_unstamped_and_a_later_run_ends_right(
    project: Project, jobs: Database
) -> None:
    project.revision(
        "r3", 'op.create_concurrent_index("uq", "jobs", ["org"], unique=True)', down="r1"
    )
    execute(jobs, "INSERT INTO jobs (org) VALUES (1)")
    statements = script(project, "upgrade", "r1:r3")

    errors = run(jobs, statements)
    stamped = revisions(jobs)
    execute(jobs, "DELETE FROM jobs WHERE kind IS NULL")

    assert errors[0].startswith('could not create unique index "uq_building_')
    assert stamped == {"r1"}
    assert run(jobs, statements) == []
    assert {name: seen.state for name, seen in indexes(jobs).items()} == {"uq": "valid"}
    assert revisions(jobs) == {"r3"}


def test_a_failure_before_other_operations_of_the_revision_stops_it_unstamped(
    project: Project, jobs: Database
) -> None:
    project.revision(
        "r3",
        """
        op.create_concurrent_index("uq", "jobs", ["org"], unique=True)
        op.create_concurrent_index("ix", "jobs", ["org"])
        op.drop_concurrent_index("other", "jobs")
        """,
        down="r1",
    )
    execute(jobs, "INSERT INTO jobs (org) VALUES (1)", "CREATE INDEX other ON jobs (made)")

    run(jobs, script(project, "upgrade", "r1:r3"))

    assert revisions(jobs) == {"r1"}
    assert {name: seen.state for name, seen in indexes(jobs).items()} == {"ix": "valid"}


def test_waits_within_drain_timeout_and_puts_the_settings_back(
    project: Project, jobs: Database
) -> None:
    project.revision(
        "r3",
        'op.create_concurrent_index("ix", "jobs", ["org"], drain_timeout="7s",'
        ' maintenance_work_mem="64MB", max_parallel_maintenance_workers=0)',
        down="r1",
    )

    statements = script(project, "upgrade", "r1:r3")

    assert [line for line in statements if line.startswith(("SET", "RESET"))] == [
        "SET lock_timeout = '7000ms'",
        "SET statement_timeout = 0",
        "SET maintenance_work_mem = '64MB'",
        "SET max_parallel_maintenance_workers = '0'",
        "RESET lock_timeout",
        "RESET statement_timeout",
        "RESET maintenance_work_mem",
        "RESET max_parallel_maintenance_workers",
    ]


def test_a_downgrade_that_creates_takes_what_is_there(project: Project, jobs: Database) -> None:
    project.revision("r3", DROP, CREATE, down="r1")
    run(jobs, script(project, "upgrade", "r1:r2"))
    execute(
        jobs, "COMMENT ON INDEX ix_jobs IS NULL", "UPDATE alembic_version SET version_num = 'r3'"
    )

    assert run(jobs, script(project, "downgrade", "r3:r1")) == []

    assert revisions(jobs) == {"r1"}
    assert indexes(jobs)["ix_jobs"].state == "valid"


def test_adopts_the_same_index_and_the_downgrade_keeps_it(project: Project, jobs: Database) -> None:
    execute(
        jobs,
        "CREATE INDEX ix_jobs ON jobs (org, made DESC) WHERE kind = 'a' OR false",
        "DROP INDEX ix_jobs",
        "CREATE INDEX ix_jobs ON jobs (org, made DESC) WHERE kind IN ('a', 'b%:c')",
        "COMMENT ON INDEX ix_jobs IS 'theirs'",
    )

    assert run(jobs, script(project, "upgrade", "r1:r2")) == []
    adopted = indexes(jobs)
    assert run(jobs, script(project, "downgrade", "r2:r1")) == []

    assert adopted["ix_jobs"] == (DEFINITION, "valid", f"theirs\n{adopted_by('r2')}")
    assert indexes(jobs) == {"ix_jobs": (DEFINITION, "valid", "theirs")}
    assert revisions(jobs) == {"r1"}


def test_the_downgrade_drops_what_the_revision_built(project: Project, jobs: Database) -> None:
    run(jobs, script(project, "upgrade", "r1:r2"))
    statements = script(project, "downgrade", "r2:r1")

    assert run(jobs, statements) == []
    assert run(jobs, statements) == []

    assert indexes(jobs) == {}
    assert revisions(jobs) == {"r1"}


def test_the_downgrade_passes_a_built_index_to_its_adopter(
    project: Project, jobs: Database
) -> None:
    run(jobs, script(project, "upgrade", "r1:r2"))
    execute(
        jobs,
        f"COMMENT ON INDEX ix_jobs IS E'mine\\n{built_by('r2')}\\n{adopted_by('b')}\\n"
        f"{adopted_by('c')}'",
    )

    assert run(jobs, script(project, "downgrade", "r2:r1")) == []

    assert indexes(jobs)["ix_jobs"].comment == f"mine\n{built_by('b')}\n{adopted_by('c')}"


def test_the_downgrade_of_a_plain_index_leaves_it_to_its_adopter(
    project: Project, jobs: Database
) -> None:
    run(jobs, script(project, "upgrade", "r1:r2"))
    execute(jobs, f"COMMENT ON INDEX ix_jobs IS E'mine\\n{adopted_by('b')}'")

    assert run(jobs, script(project, "downgrade", "r2:r1")) == []

    assert indexes(jobs)["ix_jobs"].comment == f"mine\n{built_by('b')}"


def test_a_downgrade_that_kept_an_index_keeps_it_when_run_again(
    project: Project, jobs: Database
) -> None:
    execute(jobs, PLAIN)
    run(jobs, script(project, "upgrade", "r1:r2"))
    statements = script(project, "downgrade", "r2:r1")

    assert run(jobs, statements) == []
    assert run(jobs, statements) == []

    assert indexes(jobs) == {"ix_jobs": (DEFINITION, "valid", None)}


def test_an_adopted_index_never_loses_its_name(project: Project, jobs: Database) -> None:
    execute(jobs, PLAIN)
    statements = script(project, "upgrade", "r1:r2")

    for length in range(1, len(statements) + 1):
        assert run(jobs, statements[:length]) == []
        assert set(indexes(jobs)) == {"ix_jobs"}

    assert rows(jobs, "SELECT relname FROM pg_class WHERE relname LIKE '%building%'") == []


def test_an_edited_revision_is_not_stamped_over_the_old_index(
    project: Project, jobs: Database
) -> None:
    statements = script(project, "upgrade", "r1:r2")
    run(jobs, statements[:-3])  # named, and not stamped
    project.revision("r2", CREATE.replace('"org", ', ""), DROP, down="r1")

    run(jobs, script(project, "upgrade", "r1:r2"))

    assert revisions(jobs) == {"r1"}


def test_a_build_that_is_cut_twice_is_finished_by_the_third_run(
    project: Project, jobs: Database
) -> None:
    statements = script(project, "upgrade", "r1:r2")
    build = next(n for n, line in enumerate(statements) if line.startswith("CREATE INDEX"))
    (aside,) = re.findall(r'IF NOT EXISTS "(\w+)"', statements[build])
    for _ in range(2):
        run(jobs, statements[: build + 1])
        invalidate = "UPDATE pg_index SET indisvalid = false WHERE indexrelid ="
        execute(jobs, f"{invalidate} '{aside}'::regclass")

    assert run(jobs, statements) == []

    assert set(indexes(jobs)) == {"ix_jobs"}
    assert revisions(jobs) == {"r2"}


def test_a_drop_that_failed_is_not_stamped(project: Project, jobs: Database) -> None:
    run(jobs, script(project, "upgrade", "r1:r2"))
    statements = script(project, "downgrade", "r2:r1")
    without_drop = [line for line in statements if not line.startswith("DROP INDEX")]

    assert run(jobs, without_drop)[0] == (
        'index "ix_jobs" is still there: the revision is not stamped'
    )
    assert revisions(jobs) == {"r2"}
    assert run(jobs, statements) == []
    assert indexes(jobs) == {}


def test_a_downgrade_may_drop_the_table_too(project: Project, jobs: Database) -> None:
    project.revision("r2", CREATE, f'{DROP}\nop.drop_table("jobs")', down="r1")
    run(jobs, script(project, "upgrade", "r1:r2"))

    assert run(jobs, script(project, "downgrade", "r2:r1")) == []

    assert rows(jobs, "SELECT to_regclass('jobs')") == [(None,)]


def test_a_constraint_is_not_dropped(project: Project, jobs: Database) -> None:
    execute(jobs, "ALTER TABLE jobs ADD CONSTRAINT uq UNIQUE (org)")
    project.revision("r3", 'op.drop_concurrent_index("uq", "jobs")', down="r1")

    errors = run(jobs, script(project, "upgrade", "r1:r3"))

    assert errors[0] == 'index "uq" serves a constraint or is the replica identity'
    assert indexes(jobs)["uq"].state == "valid"
    assert revisions(jobs) == {"r1"}


def test_concurrently_false_builds_in_the_stamping_transaction(
    project: Project, jobs: Database
) -> None:
    project.revision(
        "r4", 'op.create_concurrent_index("ix", "jobs", ["org"], concurrently=False)', down="r1"
    )
    statements = script(project, "upgrade", "r1:r4")

    assert run(jobs, statements) == []
    assert run(jobs, statements) == []

    assert [s.split()[0] for s in statements] == ["BEGIN", "DO", "UPDATE", "DO", "COMMIT"]
    assert indexes(jobs)["ix"].comment == built_by("r4")


def test_odd_names(project: Project, jobs: Database) -> None:
    table = 'Odd "$ops$" {table} %s\'\\'
    quoted = '"' + table.replace('"', '""') + '"'
    execute(
        jobs,
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE "My Schema".{quoted} ("a b" int)',
    )
    names = f'"ix {{index}}", {table!r}'
    create = f'op.create_concurrent_index({names}, [key("a b")], schema="My Schema")'
    drop = f'op.drop_concurrent_index({names}, schema="My Schema")'
    project.revision("r3", create, drop, down="r1")

    assert run(jobs, script(project, "upgrade", "r1:r3")) == []
    made = indexes(jobs)
    assert run(jobs, script(project, "downgrade", "r3:r1")) == []

    assert made["My Schema.ix {index}"].state == "valid"
    assert indexes(jobs) == {}
