"""Following one server process that builds or drops, from look to look."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.activity import (
    EXCLUDES_BUILDS,
    WRITES,
    Doing,
    Session,
    read_blockers,
    read_doing,
    read_sessions,
)
from alembic_index_ops.events import Blocker, Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.build.task import Task

_LOCK, _TRANSACTIONS, _HIDDEN = (
    "waiting for the table's lock",
    "waiting for transactions that use the table",
    "building (how far is hidden from this role)",
)


class Observer:
    """Tells the progress of process `pid`, and adds up how long it waits for transactions.

    `waited`: those seconds. `waiting_for`: whom it waited for when it was last looked at.
    `dropping`: it runs DROP INDEX CONCURRENTLY, which shows no progress of its own.
    """

    def __init__(self, task: Task, pid: int, *, dropping: bool = False) -> None:
        self.waited = 0.0
        self.waiting_for: tuple[Blocker, ...] = ()
        self._task, self._pid, self._dropping = task, pid, dropping
        self._started = self._looked = self._stage_began = time.monotonic()
        self._stage = ""
        self._candidates: frozenset[str] = frozenset()
        self._first_seen: dict[str, float] = {}

    def look(self, connection: Connection) -> Doing:
        """Look at it once, by another connection than its own, and tell what it does."""
        doing = read_doing(connection, [self._pid], self._task.table)[self._pid]
        now = time.monotonic()
        if doing.waits == "transactions" or (self._dropping and doing.waits):
            self.waited += now - self._looked
        self._looked = now
        stage = self._name_stage(doing)
        entered = stage != self._stage
        if entered:
            self._stage, self._stage_began = stage, now
        awaited: Sequence[Session] = ()
        if doing.waits:
            sessions = [*read_sessions(connection, self._task.table)]
            known = {session.blocker.pid for session in sessions}
            unknown = [pid for pid in doing.blocked_by if pid and pid not in known]
            sessions += [
                Session(blocker, str(blocker.pid), frozenset(), False)
                for blocker in read_blockers(connection, unknown)
            ]
            awaited = self._awaited(doing, sessions, entered)
        self.waiting_for = tuple(
            replace(
                session.blocker,
                waited_seconds=now - self._first_seen.setdefault(session.transaction, now),
            )
            for session in awaited
        )
        self._tell(doing, now)
        return doing

    def _awaited(
        self, doing: Doing, sessions: Iterable[Session], entered: bool
    ) -> Sequence[Session]:
        """Those it waits for; who came after the stage began is waited for by nobody."""
        others = [session for session in sessions if session.blocker.pid != self._pid]
        if doing.waits == "relation" and not self._dropping:
            return [session for session in others if session.modes & EXCLUDES_BUILDS]
        certain = [session for session in others if (session.blocker.pid or 0) in doing.blocked_by]
        if self._dropping or doing.dropping:
            likely = [session for session in others if session.modes]
        elif "snapshot" in doing.phase:
            likely = [session for session in others if session.snapshot]
        elif "readers" in doing.phase:
            likely = [session for session in others if session.modes]
        elif "writers" in doing.phase:
            likely = [session for session in others if session.modes & WRITES]
        else:
            likely = []
        if entered:
            self._candidates = frozenset(session.transaction for session in likely)
        rest = [
            session
            for session in likely
            if session.transaction in self._candidates and session not in certain
        ]
        return [*certain, *rest]

    def _name_stage(self, doing: Doing) -> str:
        if doing.phase:
            return doing.phase
        if doing.waits == "relation":
            return _LOCK
        if doing.waits == "transactions":
            return _TRANSACTIONS
        return _HIDDEN if doing.building else ""

    def _tell(self, doing: Doing, now: float) -> None:
        if not self._stage:
            return
        unit = "blocks" if doing.blocks[1] else "tuples"
        done, total = doing.blocks if doing.blocks[1] else doing.tuples
        if "waiting" in self._stage:
            # The row still has the counts of the stage before.
            done = total = 0
        spent = now - self._stage_began
        remaining = spent * (total - done) / done if 0 < done <= total and spent > 1 else None
        self._task.tell(
            Progress,
            pid=self._pid,
            stage=self._stage,
            seconds=now - self._started,
            done=done,
            total=total,
            unit=unit if total else "",
            remaining_seconds=remaining,
            waiting_for=self.waiting_for,
        )
