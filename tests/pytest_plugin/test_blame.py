"""Blame: which revision made an index, and which one lost it."""

from __future__ import annotations

import pytest

from pytest_index_assert.blame import render_blame
from pytest_index_assert.check import Verdict
from pytest_index_assert.history import Change, History, compare_snapshots
from pytest_index_assert.requirement import parse_requirement
from tests.pytest_plugin.conftest import (
    ENV_PY,
    MARKED,
    REVISION,
    TABLE,
    Project,
    left_over,
    pytest_embedded,
)
from tests.servers import Database

IX = ("public", "jobs", "ix_jobs")
DESC = "btree (org_id, created_at DESC)"
ASC = "btree (org_id, created_at)"
KEYS = ("org_id", "created_at DESC")
REQUIRED = ("jobs", "org_id", "created_at DESC")

CREATED = Change("0003", "versions/0003.py", "created", IX, IX, DESC, KEYS)
CHANGED = Change(
    "0007", "versions/0007.py", "changed", IX, IX, ASC, ("org_id", "created_at"),
    "key column 2: created_at DESC became created_at",
)  # fmt: skip
DROPPED = Change("0012", "versions/0012.py", "dropped", IX, IX, ASC, ("org_id", "created_at"))


def blame(*changes: Change, arguments: tuple[str, ...] = REQUIRED, **keywords: object) -> str:
    verdict = Verdict(parse_requirement(arguments, keywords), "unmet")
    return render_blame(History(changes), verdict)


def other(change: Change, name: str, definition: str, *keys: str) -> Change:
    place = ("public", "jobs", name)
    return Change(change.revision, change.path, change.kind, place, place, definition, keys)


def test_the_life_of_an_index_in_order() -> None:
    assert blame(CREATED, CHANGED, DROPPED) == (
        "  blame:\n"
        '    "ix_jobs" on "public"."jobs"\n'
        "      created by 0003 (versions/0003.py): btree (org_id, created_at DESC)\n"
        "      changed by 0007 (versions/0007.py):"
        " key column 2: created_at DESC became created_at\n"
        "      dropped by 0012 (versions/0012.py)"
    )


def test_an_index_that_is_made_anew_goes_on_with_its_life() -> None:
    assert blame(CREATED, DROPPED, CREATED).splitlines()[1:] == [
        '    "ix_jobs" on "public"."jobs"',
        "      created by 0003 (versions/0003.py): btree (org_id, created_at DESC)",
        "      dropped by 0012 (versions/0012.py)",
        "      created by 0003 (versions/0003.py): btree (org_id, created_at DESC)",
    ]


def test_an_index_that_was_renamed_is_shown_by_its_last_name() -> None:
    now = ("public", "jobs", "ix_new")
    renamed = Change("0005", "versions/0005.py", "renamed", now, IX, DESC, KEYS, "it had been IX")
    assert blame(CREATED, renamed).splitlines()[1:] == [
        '    "ix_new" on "public"."jobs"',
        "      created by 0003 (versions/0003.py): btree (org_id, created_at DESC)",
        "      renamed by 0005 (versions/0005.py): it had been IX",
    ]


def test_an_index_that_had_the_definition_comes_before_one_that_is_like_it() -> None:
    near = other(CREATED, "ix_near", "btree (org_id, status)", "org_id", "status")
    assert '"ix_near"' not in blame(CREATED, DROPPED, near)


def test_an_index_of_the_required_name() -> None:
    named = other(CREATED, "ix_wanted", "btree (status)", "status")
    assert '"ix_wanted"' in blame(named, arguments=(), name="ix_wanted")


def test_without_one_the_most_alike_comes_first() -> None:
    one = other(CREATED, "ix_one", "btree (org_id, status)", "org_id", "status")
    two = other(CREATED, "ix_two", ASC, "org_id", "created_at")
    assert [line for line in blame(one, two).splitlines() if "public" in line] == [
        '    "ix_two" on "public"."jobs"',
        '    "ix_one" on "public"."jobs"',
    ]


@pytest.mark.parametrize(
    ("keywords", "shown"),
    [
        ({"eq": ["created_at", "org_id"]}, '    "ix_jobs" on "public"."jobs"'),
        ({"eq": ["org_id"], "order_by": ["id DESC"]}, '    "ix_jobs" on "public"."jobs"'),
        ({"eq": ["created_at"]}, "    no revision has created an index like it"),
    ],
)
def test_of_a_query_the_most_alike_begins_with_its_columns(
    keywords: dict[str, list[str]], shown: str
) -> None:
    assert blame(CREATED, arguments=("jobs",), **keywords).splitlines()[1] == shown


def test_a_unique_index_had_the_definition_unless_uniqueness_was_asked_for() -> None:
    unique = other(CREATED, "ix_unique", f"UNIQUE {DESC}", "nothing")
    assert '"ix_unique"' in blame(unique)
    assert '"ix_unique"' not in blame(unique, unique=False)


def test_indexes_of_other_tables_do_not_count() -> None:
    place = ("public", "users", "ix_jobs")
    elsewhere = Change("0003", "versions/0003.py", "created", place, place, DESC, KEYS)
    assert blame(elsewhere) == "  blame:\n    no revision has created an index like it"


def test_a_history_that_could_not_be_walked_to_its_end() -> None:
    verdict = Verdict(parse_requirement(REQUIRED, {}), "unmet")
    history = History((), "0002", "ProgrammingError: nothing")
    assert render_blame(history, verdict).splitlines()[1:] == [
        "    no revision has created an index like it",
        "    the history could be walked no further, after 0002: ProgrammingError: nothing",
    ]


def test_a_history_survives_json() -> None:
    history = History((CREATED, CHANGED), "0007", "stopped")
    assert History.from_json(history.to_json()) == history


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        ("CREATE INDEX ix_new ON jobs (status)", ["created"]),
        ("DROP INDEX ix_jobs_org_id_created_at", ["dropped"]),
        ("ALTER INDEX ix_jobs_org_id_created_at RENAME TO ix_new", ["renamed"]),
        ("ALTER TABLE jobs RENAME TO tasks", ["renamed", "renamed"]),
        (
            "DROP INDEX ix_jobs_org_id_created_at;"
            "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id)",
            ["changed"],
        ),
        (
            "ALTER INDEX ix_jobs_org_id_created_at RENAME TO ix_old;"
            "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id, created_at DESC)",
            ["created"],
        ),
        ("REINDEX TABLE jobs", []),
    ],
)
def test_what_a_revision_changed(jobs: Database, statement: str, kinds: list[str]) -> None:
    from alembic_index_ops import read_indexes

    with jobs.engine.connect() as connection:
        before = read_indexes(connection)
        connection.exec_driver_sql(statement)
        after = read_indexes(connection)

    assert [change.kind for change in compare_snapshots("1", "1.py", before, after)] == kinds


def revision(project: Project, name: str, before: object, sql: str) -> None:
    source = REVISION.format(revision=name, down_revision=before, sql=sql)
    project.write(f"migrations/versions/{name}.py", source)


@pytest.mark.slow
@pytest_embedded
def test_blame_in_the_failure(embedded: Project) -> None:
    """On two branches and their merge; once for all that fails, by all the workers."""
    embedded.migrations(
        TABLE,
        "CREATE INDEX ix_jobs_org ON jobs (org_id)",
        env_py=ENV_PY.replace(
            "with engine.connect()",
            "with open('runs', 'a') as notes:\n    print('run', file=notes)\nwith engine.connect()",
        ),
    )
    revision(embedded, "left", "0002", "DROP INDEX ix_jobs_org")
    revision(embedded, "right", "0002", "CREATE ROLE made_once")
    revision(embedded, "merge", ("left", "right"), "SELECT 1")
    embedded.tests(
        "@pytest.mark.parametrize('number', range(2))\n" + MARKED.replace("()", "(number)")
    )

    result = embedded.run_alone("-n2", "--index-assert-blame")

    result.assert_outcomes(failed=2)
    for _ in range(2):
        result.stdout.fnmatch_lines([
            "  blame:",
            '    "ix_jobs_org" on "public"."jobs"',
            "      created by 0002 (migrations/versions/0002.py): btree (org_id)",
            "      dropped by left (migrations/versions/left.py)",
        ])  # fmt: skip
    # To be looked at and to be migrated, to be looked at and to be walked.
    assert embedded.lines("runs") == ["run"] * 4
    assert left_over(timeout=0) == []


@pytest.mark.slow
@pytest_embedded
def test_blame_of_a_named_database_that_the_history_does_not_lead_to(
    embedded: Project, database: Database
) -> None:
    """The named database is only read; the scratch one is where the history fails."""
    embedded.migrations(TABLE, "SELECT no_such_function()")
    with database.connect() as connection:
        connection.execute(f"{TABLE}; CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('0002')")

    result = embedded.run(f"--index-assert-url={database.url}", "--index-assert-blame")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "  blame:",
        "    no revision has created an index like it",
        "    the history could be walked no further, after 0001: *no_such_function() does not*",
    ])  # fmt: skip


def test_blame_without_an_embedded_server(
    project: Project, jobs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_index_assert.embedded.PACKAGE", "no_such_package")
    project.engine(repr(jobs.url))
    project.migrations(TABLE)
    project.tests(MARKED)

    result = project.run("--index-assert-blame")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "  blame: the history cannot be walked: it takes an embedded server; *ops[[]embedded[]]'"
    ])  # fmt: skip


def test_no_blame_unasked(jobs_project: Project) -> None:
    jobs_project.tests(MARKED)

    result = jobs_project.run()

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("  blame:*")
