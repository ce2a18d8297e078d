"""Waiting for one's turn on a table, and for how long: by what is in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.observer import Observer
from alembic_index_ops.build.watch import watcher_name
from alembic_index_ops.catalog.activity import (
    Doing,
    has_application,
    read_advisory_holders,
    read_invalid_names,
)
from alembic_index_ops.catalog.occupation import read_occupation
from alembic_index_ops.durations import render_duration
from alembic_index_ops.errors import DrainTimeoutError, IndexOpsError, LockTimeoutError
from alembic_index_ops.events import Blocker, BuildAwaited, LockAwaited

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task

_SHORTEST, _LONGEST = 0.1, 1.0


class Patience:
    """Waits between two tries for the table, until a budget is spent.

    A build that runs and gets on is waited for as long as it takes. While it waits for older
    transactions itself, that counts against drain_timeout; whatever else has the table, against
    lock_timeout. Nothing is open on the connection while it waits.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._pause = _SHORTEST
        self._began = self._tried = self._last = time.monotonic()
        self._first_met: dict[tuple[int | None, str | None], float] = {}
        self._for_lock = self._for_drain = 0.0
        self._observer: Observer | None = None
        self._builder = 0

    def wait(self) -> None:
        """Look who is in the way, and wait a little.

        Raises LockTimeoutError or DrainTimeoutError, which name them, when a budget is spent.
        """
        task = self._task
        occupation = read_occupation(task.connection, task.table)
        build = occupation.build
        now = time.monotonic()
        spent, self._tried, self._last = now - self._last, self._last, now
        holders = self._aged(occupation.holders, now)
        if build is None:
            self._for_lock += spent
            self._tell_lock(holders, now)
        else:
            self._follow(build)
            if build.waits:
                self._for_drain += spent
        if self._for_lock > task.settings.lock_timeout:
            raise self._lock_spent(holders)
        if self._for_drain > task.settings.drain_timeout and self._observer is not None:
            raise self._drain_spent(self._observer)
        time.sleep(self._pause * random.uniform(0.5, 1.5))
        self._pause = min(_LONGEST, self._pause * 1.5)

    def _follow(self, build: Doing) -> None:
        task = self._task
        if self._observer is None or build.pid != self._builder:
            self._observer, self._builder = Observer(task, build.pid), build.pid
            ours = any(
                holder.pid == build.pid
                for holder in read_advisory_holders(task.connection, *self._task.advisory_key)
            )
            task.tell(
                BuildAwaited,
                pid=build.pid,
                builds=next(iter(read_invalid_names(task.connection, task.table)), ""),
                orphan=ours and not has_application(task.connection, watcher_name(build.pid)),
            )
        self._observer.look(task.connection)

    def _tell_lock(self, holders: Sequence[Blocker], now: float) -> None:
        found = holders or self._builders(now)
        self._task.tell(LockAwaited, seconds=now - self._began, holders=tuple(found))

    def _builders(self, now: float) -> list[Blocker]:
        key = self._task.advisory_key
        return self._aged(read_advisory_holders(self._task.connection, *key), now)

    def _aged(self, found: Sequence[Blocker], now: float) -> list[Blocker]:
        """Each with how long it was waited for: since the try that it was first met after."""
        met = self._first_met
        return [
            replace(
                each, waited_seconds=now - met.setdefault((each.pid, each.prepared), self._tried)
            )
            for each in found
        ]

    def _lock_spent(self, holders: Sequence[Blocker]) -> IndexOpsError:
        task, budget = self._task, render_duration(self._task.settings.lock_timeout)
        again = (
            "Nothing was changed; when that has ended, run this migration again, or give it longer:"
            " alembic -x index_ops.lock_timeout=1h ..."
        )
        if holders:
            return LockTimeoutError(
                f"{task.table}: its lock (SHARE UPDATE EXCLUSIVE) was not to be had within"
                f" lock_timeout ({budget}); held by {listed(holders)}\n{again}"
            )
        builders = self._builders(self._last)
        return LockTimeoutError(
            f"{task.table}: another migration is building or dropping an index on this table, and"
            f" did not end within lock_timeout ({budget}): {listed(builders)}\n{again}"
        )

    def _drain_spent(self, observer: Observer) -> IndexOpsError:
        task, budget = self._task, render_duration(self._task.settings.drain_timeout)
        invalid = read_invalid_names(task.connection, task.table)
        what = f' of index "{invalid[0]}"' if invalid else ""
        return DrainTimeoutError(
            f"{task.table}: a build or drop{what} by another session (pid {self._builder}) runs on"
            f" this table, and waited longer than drain_timeout ({budget}) for"
            f" {listed(observer.waiting_for)}\n"
            "Nothing was changed, and it was left alone. When those have ended it goes on; then run"
            " this migration again, or give it longer: alembic -x index_ops.drain_timeout=1h ...\n"
            f"To end it instead: SELECT pg_cancel_backend({self._builder});"
        )


def listed(blockers: Sequence[Blocker]) -> str:
    """Each of them in words; ends with a full stop."""
    return "; ".join(map(str, blockers)) + "." if blockers else "a session that has just ended."
