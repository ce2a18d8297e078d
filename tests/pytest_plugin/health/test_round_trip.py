"""Every revision up, down and up again."""

from __future__ import annotations

import re
from argparse import Namespace

import pytest
from alembic.config import Config

from pytest_index_assert.connection import parse_url
from pytest_index_assert.health.round_trip import travel
from pytest_index_assert.options import Options
from tests.projects import Project

JOBS = """op.create_table("jobs", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("org_id", sa.Integer), sa.Column("name", sa.Text))"""


@pytest.fixture
def project(tmp_path, server):
    return Project(tmp_path, server.url())


@pytest.fixture
def round_trip(project, server):
    """Identities and messages of what the project's revisions leave."""

    def round_trip():
        config = Config(str(project.directory / "alembic.ini"), cmd_opts=Namespace())
        options = Options(
            url=None, alembic_ini=None, revision="heads", migrate=False, keep=False, fresh=False,
            blame=False, url_variable=None, root=project.directory,
        )  # fmt: skip
        examined = travel(config, options, parse_url(server.url()))
        found = {finding.subject: finding for finding in examined.findings}
        return found, examined.notes

    return round_trip


def messages(found):
    return {subject: finding.message.splitlines()[1:] for subject, finding in found.items()}


def test_revisions_that_undo_themselves(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision(
        "0002",
        'op.add_column("jobs", sa.Column("kind", sa.Text, server_default="a"))\n'
        'op.create_check_constraint("positive", "jobs", "id > 0")',
        'op.drop_constraint("positive", "jobs")\nop.drop_column("jobs", "kind")',
    )
    project.revision("0003", 'op.drop_column("jobs", "name")',
                     'op.add_column("jobs", sa.Column("name", sa.Text))')  # fmt: skip

    assert round_trip() == ({}, ())


def test_an_index_that_the_downgrade_builds_again(project, round_trip):
    create = 'op.create_concurrent_index("ix", "jobs", ["org_id"], comment="for the list")'
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision("0002", create, 'op.drop_concurrent_index("ix", "jobs")')
    project.revision("0003", 'op.drop_concurrent_index("ix", "jobs")', create)

    assert round_trip() == ({}, ())


def test_an_index_that_comes_back_without_its_comment(project, round_trip):
    create = 'op.create_concurrent_index("ix", "jobs", ["org_id"], comment="for the list")'
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision("0002", create, 'op.drop_concurrent_index("ix", "jobs")')
    project.revision("0003", 'op.drop_concurrent_index("ix", "jobs")',
                     'op.create_concurrent_index("ix", "jobs", ["org_id"])')  # fmt: skip

    found, _ = round_trip()

    assert messages(found) == {
        "0003 trace": ["  index public.ix: its comment was for the list, is nothing"]
    }


@pytest.mark.slow
def test_concurrent_operations(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision(
        "0002",
        'op.execute("INSERT INTO jobs SELECT i FROM generate_series(1, 9999) i")',
        'op.execute("DELETE FROM jobs")',
    )
    project.revision("0003", 'op.create_concurrent_index("ix", "jobs", ["org_id"])',
                     'op.drop_concurrent_index("ix", "jobs")')  # fmt: skip
    project.revision("0004", 'op.replace_index("ix", "jobs", ["org_id DESC"])',
                     'op.restore_index("ix", "jobs")')  # fmt: skip
    project.revision("0005", 'with op.get_context().autocommit_block():\n'
                     '    op.create_index("iy", "jobs", ["name"], postgresql_concurrently=True)',
                     'op.drop_index("iy", "jobs")')  # fmt: skip

    found, _ = round_trip()

    assert messages(found) == {}


@pytest.mark.slow
def test_a_type_that_is_left(project, round_trip):
    project.revision(
        "0001",
        'op.create_table("t", sa.Column("mood", sa.Enum("a", "b", name="mood")))',
        'op.drop_table("t")',
    )

    found, _ = round_trip()

    assert str(found["0001 trace"]) == (
        "revision 0001: its downgrade does not leave the database as it was:\n"
        "  type public.mood is left\n  to put it right:\n    # in downgrade() of 0001\n"
        "    op.execute('DROP TYPE public.mood')"
    )
    assert found["0001 again"].message == (
        "revision 0001: cannot be applied again after its own downgrade: DuplicateObject: type"
        ' "mood" already exists'
    )


def test_after_a_ruin_the_next_revisions_are_judged_too(project, round_trip):
    project.revision("0001", 'op.execute("CREATE TYPE mood AS ENUM ()")')
    project.revision("0002", 'op.execute("CREATE TYPE meed AS ENUM ()")')
    project.revision("0003", "pass")

    found, notes = round_trip()

    assert list(found) == ["0001 trace", "0001 again", "0002 trace", "0002 again"]
    assert notes == ()


CHANGES = {
    "an index's predicate": (
        'op.execute("DROP INDEX ix; CREATE INDEX ix ON jobs (org_id) WHERE org_id > 1")',
        'op.execute("DROP INDEX ix; CREATE INDEX ix ON jobs (org_id) WHERE org_id > 2")',
        "index public.ix: its definition was CREATE INDEX ix ON public.jobs USING btree (org_id),"
        " is CREATE INDEX ix ON public.jobs USING btree (org_id) WHERE (org_id > 2)",
    ),
    "an index": (
        'op.drop_index("ix")', "pass", "index public.ix is gone",
    ),
    "a comment": (
        """op.execute("COMMENT ON INDEX ix IS 'new'")""", "pass",
        "index public.ix: its comment was nothing, is new",
    ),
    "a column's type": (
        'op.alter_column("jobs", "org_id", type_=sa.BigInteger)', "pass",
        "column public.jobs.org_id: its type was integer, is bigint",
    ),
    "a default": (
        'op.alter_column("jobs", "org_id", server_default="1")',
        'op.alter_column("jobs", "org_id", server_default="2")',
        "column public.jobs.org_id: its default was nothing, is 2",
    ),
    "not null": (
        'op.alter_column("jobs", "org_id", nullable=False)', "pass",
        "column public.jobs.org_id: its not null was False, is True",
    ),
    "a view": (
        'op.execute("CREATE VIEW v AS SELECT id FROM jobs")',
        'op.execute("CREATE OR REPLACE VIEW v AS SELECT id FROM jobs")',
        "view public.v is left",
    ),
    "a function": (
        """op.execute("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")""",
        "pass", "function public.f() is left",
    ),
    "a sequence": (
        'op.execute("CREATE SEQUENCE IF NOT EXISTS s")', "pass", "sequence public.s is left",
    ),
    "a trigger": (
        'op.execute("CREATE OR REPLACE TRIGGER g BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE'
        ' FUNCTION suppress_redundant_updates_trigger()")', "pass",
        "trigger public.jobs.g is left",
    ),
    "a constraint": (
        'op.create_check_constraint("positive", "jobs", "id > 0")',
        'op.execute("ALTER TABLE jobs DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK'
        ' (id > 0) NOT VALID")',
        "constraint public.jobs.positive is left",
    ),
    "a grant": (
        'op.execute("GRANT SELECT ON jobs TO PUBLIC")', "pass",
        "table public.jobs: its privileges was ['postgres=*/postgres'], is ['=r/postgres',"
        " 'postgres=*/postgres']",
    ),
    "row security": (
        'op.execute("ALTER TABLE jobs ENABLE ROW LEVEL SECURITY")', "pass",
        "table public.jobs: its row security was False, is True",
    ),
    "a schema": ('op.execute("CREATE SCHEMA IF NOT EXISTS app")', "pass", "schema app is left"),
    "statistics": (
        'op.execute("CREATE STATISTICS IF NOT EXISTS s ON id, org_id FROM jobs")', "pass",
        "statistics public.s is left",
    ),
    "default privileges": (
        'op.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")', "pass",
        "default acl for role postgres on tables is left",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_each_trace(project, round_trip, what):
    upgrade, downgrade, message = CHANGES[what]
    project.revision("0001", f'{JOBS}\nop.create_index("ix", "jobs", ["org_id"])',
                     'op.drop_table("jobs")')  # fmt: skip
    project.revision("0002", upgrade, downgrade)

    found, _ = round_trip()

    [line] = messages(found)["0002 trace"]
    assert line.startswith("  ")
    shown = line.strip()
    if "*" in message:
        shown = re.sub(r"postgres=\w+/", "postgres=*/", shown)
    assert shown == message


def test_of_a_table_that_is_left_its_parts_are_not_told(project, round_trip):
    project.revision(
        "0001",
        'op.execute("CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY, a int CHECK (a > 0));'
        ' CREATE INDEX IF NOT EXISTS ix ON t (a)")',
    )

    assert messages(round_trip()[0]) == {"0001 trace": ["  table public.t is left"]}


@pytest.mark.slow
def test_a_downgrade_that_is_irreversible_is_told_apart(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision("0002", 'op.drop_column("jobs", "name")', 'raise NotImplementedError("gone")')
    project.revision("0003", 'op.add_column("jobs", sa.Column("new", sa.Text))',
                     'op.drop_column("jobs", "new")')  # fmt: skip

    assert round_trip() == ({}, ("irreversible, by NotImplementedError: 0002",))


def test_a_downgrade_that_says_so_after_it_has_changed_something(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision(
        "0002",
        "pass",
        'op.drop_column("jobs", "name")\nwith op.get_context().autocommit_block():\n    pass\n'
        "raise NotImplementedError",
    )
    project.revision("0003", "pass")

    found, notes = round_trip()

    assert messages(found) == {"0002 half": ["  column public.jobs.name is gone"]}
    assert notes == ()


def test_a_downgrade_that_fails(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("job")')

    found, _ = round_trip()

    assert found["0001 down"].message == (
        'revision 0001: its downgrade fails: UndefinedTable: table "job" does not exist'
    )


def test_an_upgrade_that_fails(project, round_trip):
    project.revision("0001", 'op.drop_table("job")')
    project.revision("0002", "pass")

    found, notes = round_trip()

    assert list(found) == ["0001 up"]
    assert notes == ("no revision after 0001 was looked at",)


def test_another_database_the_second_time(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision(
        "0002",
        """op.execute("CREATE SEQUENCE s START 1" if not op.get_bind().exec_driver_sql(
    "SELECT to_regclass('t')").scalar() else "CREATE SEQUENCE s START 2")""",
        'op.execute("DROP SEQUENCE s; CREATE TABLE IF NOT EXISTS t ()")',
    )

    found, _ = round_trip()

    assert messages(found) == {
        "0002 trace": ["  table public.t is left"],
        "0002 other": [
            "  sequence public.s: its start was 1, is 2",
            "  table public.t is left",
        ],
    }


@pytest.mark.slow
def test_branches_and_a_merge(project, round_trip):
    project.revision("0001", JOBS, 'op.drop_table("jobs")')
    project.revision("a1", 'op.create_index("ia", "jobs", ["name"])', 'op.drop_index("ia")', "0001")
    project.revision("b1", 'op.create_index("ib", "jobs", ["org_id"])', "pass", "0001")
    project.revision("a2", 'op.create_index("ic", "jobs", ["org_id"])', 'op.drop_index("ic")', "a1")
    project.revision("m", "pass", "pass", ("a2", "b1"))
    project.revision("0009", 'op.create_index("id", "jobs", ["org_id"])', "pass")

    found, _ = round_trip()

    assert messages({k: v for k, v in found.items() if "trace" in k}) == {
        "b1 trace": ["  index public.ib is left"],
        "0009 trace": ["  index public.id is left"],
    }


@pytest.mark.slow
def test_the_item(pytester_project):
    result = pytester_project.run("--index-assert-health=round_trip")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "round_trip: 2 findings",
        "revision 0001: its downgrade does not leave the database as it was:",
        "  table public.jobs is left",
        "    op.execute('DROP TABLE public.jobs')",
    ])  # fmt: skip


@pytest.fixture
def pytester_project(pytester, monkeypatch):
    from tests.pytest_plugin.conftest import REVISION
    from tests.pytest_plugin.conftest import Project as Tested

    monkeypatch.delenv("DATABASE_URL", raising=False)
    tested = Tested(pytester)
    tested.migrations("CREATE TABLE jobs (id int)")
    source = REVISION.format(revision="0001", down_revision=None, sql="CREATE TABLE jobs (id int)")
    tested.write("migrations/versions/0001.py", f"{source}\n\ndef downgrade():\n    pass\n")
    return tested
