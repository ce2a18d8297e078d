"""Watching our own running statement from a second connection: progress, blockers, budgets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING

from alembic_index_ops.build.observer import Observer
from alembic_index_ops.build.second import SecondConnection, first_line
from alembic_index_ops.catalog.driver import cancel_by_protocol
from alembic_index_ops.catalog.session import read, run
from alembic_index_ops.events import Blocker, DrainExceeded, Unwatched

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.activity import Doing

_OPEN_SECONDS = 5.0
_FIRST_LOOKS, _BRIEF, _LONG = 20, 0.1, 0.5
_CANCEL_AGAIN_LOOKS = 10


class Verdict(Enum):
    """Why the watch cancelled the statement."""

    LOCK_LOST = "somebody took the table's lock first"
    DRAIN_SPENT = "drain_timeout is spent"


def watcher_name(pid: int) -> str:
    """The application name of the connection that watches process `pid`: while its client lives."""
    return f"alembic_index_ops watching {pid}"


class Watch:
    """A thread that looks at process `pid`, which runs the task's statement, until told to stop.

    `verdict` is set before it cancels the statement; `waiting_for` are those in its way then.
    A drop of a valid index (`cuts` is False) is never cancelled: DrainExceeded is told instead.
    """

    def __init__(self, task: Task, pid: int, *, dropping: bool, cuts: bool) -> None:
        self.verdict: Verdict | None = None
        self.waiting_for: tuple[Blocker, ...] = ()
        self.problem = ""
        self._task, self._pid, self._cuts = task, pid, cuts
        self._observer = Observer(task, pid, dropping=dropping)
        self._driver_connection = task.connection.connection.driver_connection
        self._opened, self._stop = threading.Event(), threading.Event()
        self._waits_for_lock = self._looks = self._cancelled_at = 0
        self._told = False
        self._thread = threading.Thread(target=self._run, daemon=True, name=watcher_name(pid))

    def start(self) -> bool:
        """Open the second connection; False, with `problem` in words, where there is none."""
        self._thread.start()
        if not self._opened.wait(_OPEN_SECONDS):
            self._stop.set()
            self.problem = f"it was not open after {_OPEN_SECONDS:g} s"
        return not self.problem

    def stop(self) -> None:
        """Stop looking. When this returns, no cancel of ours is under way any more."""
        self._stop.set()
        self._thread.join(_OPEN_SECONDS)
        if self._cancelled_at:
            self._absorb_cancel()

    def _run(self) -> None:
        try:
            second = SecondConnection(
                self._task.connection,
                self._pid,
                self._task.advisory_key,
                watcher_name(self._pid),
            )
        except Exception as error:  # whatever the user's own creator raises
            self.problem = first_line(error)
            return
        finally:
            self._opened.set()
        try:
            while not self._stop.wait(_BRIEF if self._looks < _FIRST_LOOKS else _LONG):
                self._looks += 1
                self._judge(second, self._observer.look(second.connection))
        except Exception as error:
            self._task.tell(Unwatched, reason=f"it was lost: {first_line(error)}")
        finally:
            second.close()

    def _judge(self, second: SecondConnection, doing: Doing) -> None:
        waited, budget = self._observer.waited, self._task.settings.drain_timeout
        # Waiting for the table's lock, a build has a snapshot, and another build dies of that.
        waits_for_lock = doing.waits == "relation" and not doing.building
        self._waits_for_lock = self._waits_for_lock + 1 if waits_for_lock else 0
        if not self._cuts:
            if waited > budget and not self._told:
                self._told = True
                self._task.tell(
                    DrainExceeded, seconds=waited, waiting_for=self._observer.waiting_for
                )
            return
        if self._waits_for_lock > 1:
            self._cancel(second, Verdict.LOCK_LOST)
        elif waited > budget:
            self._cancel(second, Verdict.DRAIN_SPENT)

    def _cancel(self, second: SecondConnection, verdict: Verdict) -> None:
        if self.verdict is None:
            self.verdict, self.waiting_for = verdict, self._observer.waiting_for
        # A cancel that arrives at the wrong moment hits nothing: after a while, again.
        due = not self._cancelled_at or self._looks - self._cancelled_at >= _CANCEL_AGAIN_LOOKS
        if due and not self._stop.is_set():
            self._cancelled_at = self._looks
            if not cancel_by_protocol(self._driver_connection):
                second.cancel(self._pid)

    def _absorb_cancel(self) -> None:
        """A cancel may come in late; let it hit a statement that does nothing."""
        from sqlalchemy.exc import DBAPIError

        with suppress(DBAPIError):
            run(self._task.connection, "SELECT pg_sleep(0.02)")


@contextmanager
def watching(task: Task, *, dropping: bool, cuts: bool) -> Iterator[Watch | None]:
    """Watch the statement that the block runs on the task's connection, with nothing open on it.

    None, after the event Unwatched, where there is no second connection.
    """
    pid = int(read(task.connection, "SELECT pg_backend_pid()")[0][0])
    watch = Watch(task, pid, dropping=dropping, cuts=cuts)
    if not watch.start():
        task.tell(Unwatched, reason=watch.problem)
        yield None
        return
    try:
        yield watch
    finally:
        watch.stop()
