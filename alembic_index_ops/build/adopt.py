"""An index that another hand made gets the tag of who takes it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.index_lock import patiently
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.catalog.session import read, run
from alembic_index_ops.definition.sql import render_comment

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex

# Who has the index's lock may be writing a comment, which a try that waited for the lock would
# overwrite: none does, each reads what is there.
_NO_WAIT = 0.001


def adopt(task: Task, index: ObservedIndex, left: str = "Nothing was changed.") -> None:
    """Tag the index as adopted by the running revision; the comment below the tags stays.

    Raises LockTimeoutError, which names who has the index's lock, when lock_timeout is spent.
    """
    revision = task.revision
    if revision is None:
        return

    def tag() -> None:
        comment = read(
            task.connection,
            "SELECT obj_description(CAST(CAST(:index AS bigint) AS oid), 'pg_class')",
            index=index.oid,
        )[0][0]
        tags = parse_comment(comment).adopt(revision.id).render()
        run(task.connection, render_comment(index.name, index.schema, tags))

    patiently(task, index, tag, left, seconds=_NO_WAIT)
