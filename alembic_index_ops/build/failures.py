"""What the server says when a build or a drop fails -> our errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alembic_index_ops.build.duplicates import list_duplicates
from alembic_index_ops.build.locks import DEADLOCK, LOCK_NOT_AVAILABLE
from alembic_index_ops.build.patience import listed
from alembic_index_ops.build.refusals import explain_cut_drop
from alembic_index_ops.catalog.refusal import REFUSED
from alembic_index_ops.catalog.session import server_message, sqlstate
from alembic_index_ops.definition.sql import quote
from alembic_index_ops.durations import render_duration
from alembic_index_ops.errors import (
    ArgumentError,
    BuildError,
    DrainTimeoutError,
    DropError,
    DropRefusedError,
    DuplicateKeysError,
    IndexOpsError,
    LockTimeoutError,
)
from alembic_index_ops.events import Blocker

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from alembic_index_ops.build.task import Task
    from alembic_index_ops.definition.spec import IndexSpec

NAME_TAKEN, DUPLICATE_KEYS, GONE, NO_TABLE = "42P07", "23505", "42704", "42P01"
_DEPENDED_ON, _CANCELLED, _NOT_PERMITTED = "2BP01", "57014", "42501"


UNCHANGED = "Nothing was changed."


def build_failure(
    task: Task,
    error: DBAPIError,
    left_behind: str,
    wished: IndexSpec | None = None,
    *,
    deed: str = "built",
) -> IndexOpsError:
    """The error for a failed CREATE INDEX; `left_behind` says what became of the leftover.

    With `wished`, and on a connection that can still read, it lists duplicate keys.
    """
    label = f'index "{task.name}" on {task.table}'
    code, message = sqlstate(error), server_message(error)
    if _is_private(task, error):
        message = f"SQLSTATE {code}; the server's words are left out, they may hold values"
    if code == LOCK_NOT_AVAILABLE:
        return LockTimeoutError(
            f"{label} was not {deed}: a lock was not to be had in time. {left_behind}\n"
            "Run the migration again when long transactions have ended, or give it longer:"
            " alembic -x index_ops.lock_timeout=1h ..."
        )
    if code == DUPLICATE_KEYS:
        return _duplicates_failure(task, error, left_behind, wished, deed)
    if code in REFUSED:
        return ArgumentError(
            f"{label}: the server refuses this definition: {message}. {left_behind}\n"
            "Correct the columns, the expression or the predicate."
        )
    if code == DEADLOCK:
        return BuildError(
            f"{label} was not {deed}: the server ended a deadlock, again and again: {message}."
            f" {left_behind}\nRun the migration again when fewer others work on the table."
        )
    if code == _NOT_PERMITTED:
        return BuildError(
            f"{label} was not {deed}: {message}. {left_behind}\nThe role that migrates has to own"
            " the table, and needs CREATE on its schema: GRANT CREATE ON SCHEMA"
            f" {quote(task.table.schema)} TO that role; then run the migration again."
        )
    cause = "it was cancelled" if code == _CANCELLED else message
    return BuildError(
        f"{label} was not {deed}: {cause}. {left_behind}\nRun the migration again to finish it."
    )


def drain_failure(
    task: Task, waiting_for: Sequence[Blocker], left_behind: str, deed: str = "built"
) -> IndexOpsError:
    """The error for a build that waited longer than drain_timeout for older transactions."""
    budget = render_duration(task.settings.drain_timeout)
    return DrainTimeoutError(
        f'index "{task.name}" on {task.table} was not {deed}: older transactions did not end within'
        f" drain_timeout ({budget}). {left_behind}\nIt waited for {listed(waiting_for)}\n"
        "Run the migration again when they have ended, or give it longer:"
        " alembic -x index_ops.drain_timeout=1h ..."
    )


def shown_cause(task: Task, error: DBAPIError) -> DBAPIError | None:
    """The error to raise ours from: of a duplicate key, the server's words hold its values."""
    return None if _is_private(task, error) else error


def _is_private(task: Task, error: DBAPIError) -> bool:
    """Whether the server's words may hold values, and those are not to be shown: of duplicates,
    and of what an expression could not digest."""
    code = sqlstate(error) or ""
    return not task.settings.show_duplicates and code[:2] in ("22", "23")


def deadlock_failure(task: Task, waiters: Sequence[Blocker], left_behind: str) -> IndexOpsError:
    """The error for a build whose own session holds a lock for which somebody waits: each such
    waiter has a snapshot that the build waits for, so it would end the same way each time."""
    return BuildError(
        f'index "{task.name}" on {task.table} was not built: it waits for the end of transactions'
        f" that wait for a lock of this very session. {left_behind}\nWaiting for us:"
        f" {listed(waiters)}\nenv.py took that lock before the migrations. If it runs"
        " `SELECT pg_advisory_lock(...)`, write `with alembic_index_ops.deploy_lock(connection):`"
        " around `context.run_migrations()` instead, which never waits inside the server."
    )


def drop_failure(
    task: Task, error: DBAPIError, *, concurrently: bool, unchanged: str = "Nothing was changed"
) -> IndexOpsError:
    """The error for a failed DROP INDEX; a concurrent one may have ended half-way."""
    label = f'index "{task.name}" on {task.table}'
    code, message = sqlstate(error), server_message(error)
    if code == _DEPENDED_ON:
        return DropRefusedError(
            f"{label} was not dropped, others depend on it: {message}. {unchanged}; drop what"
            " depends on it first (op.drop_constraint)."
        )
    if code == LOCK_NOT_AVAILABLE:
        return LockTimeoutError(
            f"{label} was not dropped: a lock was not to be had in time. {unchanged}; run the"
            " migration again."
        )
    cause = "it was cancelled" if code == _CANCELLED else message
    if concurrently and code != _NOT_PERMITTED:
        return DropError(explain_cut_drop(task.name, task.table, cause))
    return DropError(f"{label} was not dropped: {cause}. {unchanged}.")


def drop_drain_failure(task: Task, waiting_for: Sequence[Blocker]) -> IndexOpsError:
    """The error for the drop of an INVALID index that waited longer than drain_timeout."""
    budget = render_duration(task.settings.drain_timeout)
    return DrainTimeoutError(
        f'index "{task.name}" on {task.table} was not dropped: it is INVALID, no query uses it, and'
        f" transactions that use the table did not end within drain_timeout ({budget}).\n"
        f"It waited for {listed(waiting_for)}\n"
        "Run the migration again when they have ended, or give it longer:"
        " alembic -x index_ops.drain_timeout=1h ..."
    )


def _duplicates_failure(
    task: Task, error: DBAPIError, left_behind: str, wished: IndexSpec | None, deed: str
) -> IndexOpsError:
    shown = task.settings.show_duplicates
    found = f": {server_message(error)}" if shown else ""
    listing = list_duplicates(task, wished) if shown and wished is not None else ""
    return DuplicateKeysError(
        f'index "{task.name}" on {task.table} was not {deed}: the rows hold duplicates of its'
        f" key{found}. {left_behind}\n{listing}Remove the duplicates, then run the migration again."
    )
