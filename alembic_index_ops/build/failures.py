"""What the server says when a build or a drop fails -> our errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.locks import DEADLOCK, LOCK_NOT_AVAILABLE
from alembic_index_ops.build.refusals import explain_cut_drop
from alembic_index_ops.catalog.session import server_message, sqlstate
from alembic_index_ops.catalog.twin import REFUSED
from alembic_index_ops.errors import (
    ArgumentError,
    BuildError,
    DropError,
    DropRefusedError,
    DuplicateKeysError,
    IndexOpsError,
    LockTimeoutError,
)

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from alembic_index_ops.build.task import Task

NAME_TAKEN, DUPLICATE_KEYS, GONE = "42P07", "23505", "42704"
_DEPENDED_ON, _CANCELLED, _NOT_PERMITTED = "2BP01", "57014", "42501"


def build_failure(task: Task, error: DBAPIError, left_behind: str) -> IndexOpsError:
    """The error for a failed CREATE INDEX; `left_behind` says what became of the leftover."""
    label = f'index "{task.name}" on {task.table}'
    code, message = sqlstate(error), server_message(error)
    if code == LOCK_NOT_AVAILABLE:
        return LockTimeoutError(
            f"{label} was not built: a lock, or the end of an older transaction, was not to be had"
            f" within lock_timeout ({task.settings.lock_timeout:g} s). {left_behind}\n"
            "Run the migration again when long transactions have ended, or give it longer:"
            " alembic -x index_ops.lock_timeout=5min ..."
        )
    if code == DUPLICATE_KEYS:
        return DuplicateKeysError(
            f"{label} was not built: the rows hold duplicates of its key: {message}."
            f" {left_behind}\nRemove the duplicates, then run the migration again."
        )
    if code in REFUSED:
        return ArgumentError(
            f"{label}: the server refuses this definition: {message}. {left_behind}\n"
            "Correct the columns, the expression or the predicate."
        )
    if code == DEADLOCK:
        return BuildError(
            f"{label} was not built: the server ended a deadlock: {message}. {left_behind}\n"
            "Run the migration again; if it happens each time, another session (or env.py itself)"
            " holds a lock on the table while it waits for this build."
        )
    cause = "it was cancelled" if code == _CANCELLED else message
    return BuildError(
        f"{label} was not built: {cause}. {left_behind}\nRun the migration again to finish it."
    )


def drop_failure(task: Task, error: DBAPIError, *, concurrently: bool) -> IndexOpsError:
    """The error for a failed DROP INDEX; a concurrent one may have ended half-way."""
    label = f'index "{task.name}" on {task.table}'
    code, message = sqlstate(error), server_message(error)
    if code == _DEPENDED_ON:
        return DropRefusedError(
            f"{label} was not dropped, others depend on it: {message}. Nothing was changed; drop"
            " what depends on it first (op.drop_constraint)."
        )
    if code == LOCK_NOT_AVAILABLE:
        return LockTimeoutError(
            f"{label} was not dropped: its table's lock was not to be had within lock_timeout"
            f" ({task.settings.lock_timeout:g} s). Nothing was changed; run the migration again."
        )
    cause = "it was cancelled" if code == _CANCELLED else message
    if concurrently and code != _NOT_PERMITTED:
        return DropError(explain_cut_drop(task.name, task.table, cause))
    return DropError(f"{label} was not dropped: {cause}. Nothing was changed.")
