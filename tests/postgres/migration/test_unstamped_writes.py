"""A revision that wrote before its index is warned of, exactly then."""

from __future__ import annotations

import pytest

from tests.observe import execute
from tests.postgres.migration.jobs import CONFIGURE, CREATE, DROP, create_jobs
from tests.projects import Project
from tests.servers import Database

WARNING = (
    'index "ix" on "public"."jobs": revision {} wrote something before this, which is committed'
    " now, before the revision is stamped; if the build is cut off, running the revision again"
    " repeats those writes. Give the index a revision of its own."
)


@pytest.mark.parametrize(
    ("before", "warned"),
    [
        ("pass", False),
        ('op.execute("SELECT 1")', False),
        ('op.execute("INSERT INTO jobs VALUES (1)")', True),
        ('op.add_column("jobs", sa.Column("x", sa.Integer))', True),
        ('op.create_concurrent_index("first", "jobs", ["org"])', False),
        (
            'with op.get_context().autocommit_block():\n    op.execute("CREATE TABLE kept ()")',
            False,
        ),
    ],
)
def test_writes_before_an_index_are_warned_of(
    database: Database,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    before: str,
    warned: bool,
) -> None:
    create_jobs(database)
    project.revision("0", "pass")
    project.revision("a", f"{before}\n{CREATE}", f"{before.replace('first', 'second')}\n{DROP}")
    project.upgrade("0")

    project.upgrade()
    assert caplog.messages == ([WARNING.format("a")] if warned else [])

    caplog.clear()
    execute(database, "ALTER TABLE jobs DROP COLUMN IF EXISTS x", "DROP TABLE IF EXISTS kept")
    project.downgrade("0")
    assert caplog.messages == ([WARNING.format("a")] if warned else [])


def test_the_stamp_of_the_revision_before_is_no_write(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    create_jobs(database)
    project.revision("0", 'op.execute("CREATE TABLE before ()")')
    project.revision("a", CREATE, DROP)

    project.upgrade()

    assert caplog.messages == []


def test_writes_are_seen_under_a_schema_translate_map(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "CREATE SCHEMA tenant")
    create_jobs(database, "tenant")
    project.edit_env(
        (
            "with connectable.connect() as connection:",
            "with connectable.connect().execution_options("
            "schema_translate_map={None: 'tenant'}) as connection:",
        ),
        # Alembic itself does not find its version table through the map.
        (CONFIGURE, f"{CONFIGURE}, version_table_schema='public'"),
    )
    project.revision("0", "pass")
    project.revision("a", f'op.execute("CREATE TABLE loose ()")\n{CREATE}')
    project.upgrade("0")

    project.upgrade()

    assert caplog.messages == [WARNING.format("a").replace('"public"', '"tenant"')]
