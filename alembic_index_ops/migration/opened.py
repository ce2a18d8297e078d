"""An operation's task on the migration's connection: in its transaction, or outside of any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.drop import release_tags
from alembic_index_ops.build.place import has_unstamped_writes
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.session import is_autocommit
from alembic_index_ops.catalog.tables import read_table
from alembic_index_ops.listeners import logger, open_audience
from alembic_index_ops.migration.configuration import read_listeners, read_settings, translate
from alembic_index_ops.migration.revision import running_revision
from alembic_index_ops.migration.transactions import after_stamp, bound, outside_transaction

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from alembic_index_ops.definition.spec import IndexSpec


@contextmanager
def opened(
    context: MigrationContext,
    name: str,
    table_name: str,
    schema: str | None,
    arguments: Mapping[str, object],
    *,
    tagged: bool = True,
) -> Iterator[Task]:
    """The task, in the migration's own transaction, with an audience for its events.

    `tagged`: the operation writes or reads tags, for which it needs to know its revision.
    """
    settings = read_settings(context, f'index "{name}"', dict(arguments))
    connection = bound(context)
    table = read_table(connection, table_name, translate(connection, schema))
    revision = _revision(name) if tagged else running_revision()
    with open_audience(read_listeners(context)) as audience:
        yield Task(connection, table, name, revision, settings, audience.report)


@contextmanager
def opened_all(
    context: MigrationContext,
    label: str,
    specs: Sequence[IndexSpec],
    arguments: Mapping[str, object],
) -> Iterator[list[Task]]:
    """A task for each index, all with one audience; `label` is whose settings, for messages."""
    settings = read_settings(context, label, dict(arguments))
    connection = bound(context)
    revision = _revision(", ".join(spec.name for spec in specs))
    with open_audience(read_listeners(context)) as audience:
        yield [
            Task(
                connection,
                read_table(connection, spec.table, translate(connection, spec.schema)),
                spec.name,
                revision,
                settings,
                audience.report,
            )
            for spec in specs
        ]


@contextmanager
def outside(context: MigrationContext, task: Task) -> Iterator[Task]:
    """The task with no transaction open; what came before is committed, and told where it is not
    stamped yet."""
    label = f'index "{task.name}" on {task.table}'
    _warn_of_unstamped_writes(context, label, task.revision)
    with outside_transaction(context, label) as connection:
        yield replace(task, connection=connection)


def release_after_stamp(context: MigrationContext, task: Task) -> None:
    """End this revision's part in the tags of what its downgrade keeps, when that is stamped."""
    after_stamp(context, lambda stamping: release_tags(replace(task, connection=bound(stamping))))


def _revision(name: str) -> Revision | None:
    revision = running_revision()
    if revision is None:
        logger.warning(
            'index "%s": no Alembic revision is running, so the index gets no tag that says who'
            " built it, and a later downgrade cannot tell it from others",
            name,
        )
    return revision


def _warn_of_unstamped_writes(
    context: MigrationContext, label: str, revision: Revision | None
) -> None:
    connection = bound(context)
    if revision is None or is_autocommit(connection):
        return
    if has_unstamped_writes(connection, context.version_table, context.version_table_schema):
        logger.warning(
            "%s: revision %s wrote something before this, which is committed now, before the"
            " revision is stamped; if the build is cut off, running the revision again repeats"
            " those writes. Give the index a revision of its own.",
            label,
            revision.id,
        )
