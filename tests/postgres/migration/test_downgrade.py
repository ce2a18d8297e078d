"""Who built it, who may drop it: upgrades and downgrades leave the catalog as it was."""

from __future__ import annotations

import pytest

from alembic_index_ops import DropRefusedError
from tests.observe import Seen, adopted_by, built_by, execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database
from tests.sessions import fail_building

DEFINITION = "CREATE INDEX ix ON public.jobs USING btree (org)"
CREATE = 'op.create_concurrent_index("ix", "jobs", ["org"])'
DROP = 'op.drop_concurrent_index("ix", "jobs")'


def found(*tags: str) -> dict[str, Seen]:
    return {"ix": Seen(DEFINITION, "valid", "\n".join(tags) or None)}


@pytest.fixture(autouse=True)
def jobs(database: Database) -> None:
    execute(
        database,
        "CREATE TABLE jobs (org int NOT NULL, created int)",
        "INSERT INTO jobs SELECT i % 50, i FROM generate_series(1, 4000) i",
    )


@pytest.fixture
def branches(project: Project) -> Project:
    """Branches a and b from 0, both of which need the index."""
    project.revision("0", "pass")
    project.revision("a", CREATE, DROP, down="0")
    project.revision("b", CREATE, DROP, down="0")
    return project


def test_three_times_is_once(database: Database, project: Project) -> None:
    execute(
        database,
        "CREATE INDEX by_hand ON jobs (created)",
        "COMMENT ON INDEX by_hand IS 'mine'",
    )
    project.revision(
        "a",
        """
        op.create_desc_index("ix_desc", "jobs", ["created DESC NULLS LAST"], comment="a note")
        op.create_covering_index("ix_cover", "jobs", ["org"], include=["created"], where="org > 3")
        op.create_concurrent_index("by_hand", "jobs", ["created"])
        """,
        """
        op.drop_concurrent_index("by_hand", "jobs")
        op.drop_concurrent_index("ix_cover", "jobs")
        op.drop_concurrent_index("ix_desc", "jobs")
        """,
    )
    before = indexes(database)

    project.upgrade()
    first = indexes(database)
    project.downgrade()

    assert indexes(database) == before
    project.upgrade()
    assert indexes(database) == first
    assert first == {
        "by_hand": Seen(
            "CREATE INDEX by_hand ON public.jobs USING btree (created)",
            "valid",
            f"mine\n{adopted_by('a')}",
        ),
        "ix_cover": Seen(
            "CREATE INDEX ix_cover ON public.jobs USING btree (org) INCLUDE (created)"
            " WHERE (org > 3)",
            "valid",
            built_by("a"),
        ),
        "ix_desc": Seen(
            "CREATE INDEX ix_desc ON public.jobs USING btree (created DESC NULLS LAST)",
            "valid",
            f"a note\n{built_by('a')}",
        ),
    }


def test_a_branch_that_built_leaves_the_index_to_the_one_that_adopted(
    database: Database, branches: Project
) -> None:
    branches.upgrade("a")
    branches.upgrade("b")
    assert indexes(database) == found(built_by("a"), adopted_by("b"))

    branches.downgrade("a@0")
    assert indexes(database) == found(built_by("b"))
    assert revisions(database) == {"b"}

    branches.downgrade("b@base")
    assert indexes(database) == {}


def test_a_branch_that_adopted_leaves_the_index_to_the_one_that_built(
    database: Database, branches: Project
) -> None:
    branches.upgrade("a")
    branches.upgrade("b")

    branches.downgrade("b@0")
    assert indexes(database) == found(built_by("a"))
    assert revisions(database) == {"a"}

    branches.downgrade("a@base")
    assert indexes(database) == {}


def test_a_plain_index_is_left_to_the_branch_that_adopted_it(
    database: Database, project: Project
) -> None:
    project.revision("0", "pass")
    project.revision("a", 'op.create_index("ix", "jobs", ["org"])', DROP, down="0")
    project.revision("b", CREATE, DROP, down="0")
    project.upgrade("a")
    project.upgrade("b")

    project.downgrade("a@0")
    left = indexes(database)
    project.downgrade("b@0")

    assert left == found(built_by("b"))
    assert indexes(database) == {}


def test_branches_upgraded_and_downgraded_at_once(database: Database, branches: Project) -> None:
    branches.upgrade("heads")
    first = indexes(database)
    branches.downgrade("base")
    assert indexes(database) == {}

    branches.upgrade("heads")
    assert indexes(database) == first


def test_branches_that_both_adopted_leave_what_was_there(
    database: Database, branches: Project
) -> None:
    execute(database, "CREATE INDEX ix ON jobs (org)", "COMMENT ON INDEX ix IS 'mine'")

    branches.upgrade("heads")
    assert indexes(database)["ix"].comment is not None
    branches.downgrade("base")

    assert indexes(database) == found("mine")


def test_an_adopted_index_is_kept_even_where_it_is_invalid(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE INDEX ix ON jobs (org)")
    project.revision("a", CREATE, DROP)
    project.upgrade()
    execute(database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass")

    project.downgrade()

    assert indexes(database) == {"ix": Seen(DEFINITION, "INVALID", None)}


def test_the_tag_goes_with_the_stamp(database: Database, project: Project) -> None:
    """A downgrade that fails after our operation still knows, run again, whose the index is."""
    execute(database, "CREATE INDEX ix ON jobs (org)")
    project.revision("a", CREATE, f'{DROP}\nop.execute("SELECT fuse()")')
    project.upgrade()

    with pytest.raises(Exception, match="fuse"):
        project.downgrade()
    assert indexes(database) == found(adopted_by("a"))
    assert revisions(database) == {"a"}

    execute(database, "CREATE FUNCTION fuse() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    project.downgrade()
    assert indexes(database) == found()
    assert revisions(database) == set()


def test_a_drop_in_an_upgrade_drops_what_others_built(database: Database, project: Project) -> None:
    execute(database, "CREATE INDEX ix ON jobs (org)")
    project.revision("a", CREATE, DROP)
    project.revision("b", DROP, CREATE)

    project.upgrade()
    assert indexes(database) == {}

    project.downgrade("a")
    assert indexes(database) == found(built_by("b"))


def test_an_absent_index_is_fine_and_the_nearest_are_named(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "CREATE INDEX ix_orgs ON jobs (org)", "CREATE INDEX other ON jobs (org)")
    project.revision("a", 'op.drop_concurrent_index("ix_org", "jobs")')

    project.upgrade()

    assert caplog.messages == [
        'index "ix_org" on "public"."jobs" does not exist, so there is nothing to drop; nearest on'
        ' that table: "ix_orgs"'
    ]
    assert revisions(database) == {"a"}


def test_an_invalid_index_is_dropped(database: Database, project: Project) -> None:
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix ON jobs (org)")
    project.revision("a", DROP)

    project.upgrade()

    assert indexes(database) == {}


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            "ALTER TABLE jobs ADD CONSTRAINT ix UNIQUE (created)",
            'index "ix" on "public"."jobs" serves constraint "ix". Nothing was changed; use'
            ' op.drop_unique_constraint_concurrently("ix", "jobs", schema="public").',
        ),
        (
            "ALTER TABLE jobs ADD CONSTRAINT ix PRIMARY KEY (created)",
            'index "ix" on "public"."jobs" serves constraint "ix". Nothing was changed; use'
            ' op.drop_constraint("ix", "jobs", schema="public").',
        ),
        (
            "ALTER TABLE jobs ALTER created SET NOT NULL; CREATE UNIQUE INDEX ix ON jobs (created);"
            " ALTER TABLE jobs REPLICA IDENTITY USING INDEX ix",
            'index "ix" on "public"."jobs" is the table\'s replica identity, and dropping it would'
            " stop logical replication of updates and deletes. Nothing was changed; first run"
            ' ALTER TABLE "public"."jobs" REPLICA IDENTITY with another index, DEFAULT or FULL.',
        ),
        (
            "CREATE UNIQUE INDEX ix ON jobs (created);"
            " CREATE TABLE parts (job int CONSTRAINT fk REFERENCES jobs (created))",
            'index "ix" on "public"."jobs" was not dropped, others depend on it: cannot drop index'
            " ix because other objects depend on it (constraint fk on table parts depends on index"
            " ix). Nothing was changed; drop what depends on it first (op.drop_constraint).",
        ),
        (
            "CREATE TABLE users (org int); CREATE INDEX ix ON users (org)",
            '"ix" in schema "public" is an index of table users, and no index of "public"."jobs":'
            " it is left alone; correct the operation",
        ),
        (
            "CREATE TABLE ix ()",
            '"ix" in schema "public" is a table, and no index of "public"."jobs": it is left'
            " alone; correct the operation",
        ),
    ],
)
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_what_others_stand_on_is_refused(
    database: Database, project: Project, statements: str, message: str, direction: str
) -> None:
    project.revision("a", DROP if direction == "upgrade" else "pass", DROP)
    if direction == "downgrade":
        project.upgrade()
    execute(database, statements)
    before = (
        indexes(database),
        rows(database, "SELECT version_num FROM alembic_version")
        if (direction == "downgrade")
        else [],
    )

    with pytest.raises(DropRefusedError) as refused:
        getattr(project, direction)()

    assert str(refused.value) == message
    assert indexes(database) == before[0]
    assert revisions(database) == {row[0] for row in before[1]}
