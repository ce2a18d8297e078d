"""What an index was before a revision replaced it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import nothing_to_replace
from alembic_index_ops.definition.stored import Former, load_former
from alembic_index_ops.errors import IndexNotFoundError, ReplaceRefusedError
from alembic_index_ops.events import NotRestored

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task


def read_replaced(task: Task) -> Former:
    """What the running revision replaced.

    Where the revision found the index as it is, or an earlier run has restored it already, that
    is the one it has: then only what that run left has to be dropped. A comment that knows of
    neither is told as NotRestored: it may have been overwritten. Raises IndexNotFoundError
    where the index is gone, and ReplaceRefusedError outside of a revision, or for a tag that was
    edited.
    """
    label = f'index "{task.name}" on {task.table}'
    if task.revision is None:
        raise ReplaceRefusedError(
            f"{label}: no Alembic revision is running, so what it replaced cannot be known."
            " Nothing was changed; use op.replace_index with the definition to restore."
        )
    state = task.read_state()
    index = state.named(task.name)
    if index is None:
        raise IndexNotFoundError(nothing_to_replace(task.name, state))
    tags = parse_comment(index.comment)
    stored = tags.before(task.revision.id)
    if stored is not None:
        try:
            return load_former(stored)
        except ValueError as error:
            raise ReplaceRefusedError(
                f"{label}: its tag of revision {task.revision.id} cannot be read ({error}). Nothing"
                " was changed; use op.replace_index with the definition to restore."
            ) from error
    if task.revision.id not in tags.adopted_by:
        task.tell(NotRestored, revision=task.revision.id)
    return Former(index.spec)
