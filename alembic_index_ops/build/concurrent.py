"""Running one CONCURRENTLY statement: watched, within its budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.locks import LOCK_NOT_AVAILABLE
from alembic_index_ops.build.watch import Verdict, Watch, watching
from alembic_index_ops.catalog.activity import WRITES, read_sessions
from alembic_index_ops.catalog.session import run, settings, sqlstate
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.events import Blocker

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from alembic_index_ops.build.task import Task

# The watch adds up all waits; the server bounds each of them, and is to come second.
_MARGIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a statement ended: with an error or none, cancelled by the watch (`verdict`) or not."""

    error: DBAPIError | None = None
    verdict: Verdict | None = None
    waiting_for: tuple[Blocker, ...] = ()


def run_concurrently(task: Task, statement: str, *, drops_valid: bool = False) -> Ended:
    """Run CREATE or DROP INDEX CONCURRENTLY, until drain_timeout is spent.

    `drops_valid`: it drops a valid index, which cut half-way would be left INVALID; it is let run.
    """
    from sqlalchemy.exc import DBAPIError

    budget = task.settings.drain_timeout
    dropping = statement.startswith("DROP")
    watch: Watch | None = None
    try:
        with watching(task, dropping=dropping, cuts=not drops_valid) as watch:
            limit = budget if watch is None else budget + _MARGIN_SECONDS
            timeout = "0" if drops_valid else milliseconds(limit)
            with settings(task.connection, lock_timeout=timeout):
                run(task.connection, statement)
    except DBAPIError as error:
        if watch is not None and watch.verdict is not None:
            return Ended(error, watch.verdict, watch.waiting_for)
        timed_out = sqlstate(error) == LOCK_NOT_AVAILABLE
        return Ended(error, None, _likely_blockers(task) if timed_out else ())
    return Ended()


def _likely_blockers(task: Task) -> tuple[Blocker, ...]:
    """Who may have been waited for, when nobody watched: read after the statement has ended, by
    the server's own clock, which gives each wait the whole budget."""
    return tuple(
        replace(session.blocker, waited_seconds=task.settings.drain_timeout)
        for session in read_sessions(task.connection, task.table)
        if session.modes & WRITES or session.snapshot
    )
