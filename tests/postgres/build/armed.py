"""For an env.py whose migration cuts itself off: at the step, and in the way, that -x orders.

    alembic -x cut=17 -x how=kill upgrade head

The steps are what the migration does, in its own thread and in its workers': SQL statements,
commits, rollbacks, and the events of builds. Each is written to the file `steps` just before it
happens, with its number.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection, Engine, event

from alembic_index_ops import hookimpl
from alembic_index_ops.build.watch import watcher_name
from alembic_index_ops.events import Event, LockAwaited, Progress
from tests.projects import Project

How = Literal["kill", "interrupt", "terminate", "crash"]
STEPS = "steps"


class Armed:
    """Listens to the engine and to the builds."""

    def __init__(self, orders: Mapping[str, str]) -> None:
        self._at, self._how = int(orders.get("cut", 0)), orders.get("how")
        self._postmaster = int(orders.get("postmaster", 0))
        self._numbers = count(1)
        self._steps = Path(STEPS)
        self._steps.write_text("")
        event.listen(Engine, "before_cursor_execute", self._on_statement)
        event.listen(Engine, "commit", self._on_commit)
        event.listen(Engine, "rollback", self._on_rollback)
        self._dsn, self._pid = "", 0
        self._turn = threading.RLock()

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        # How often these come depends on the clock.
        if not isinstance(event, (Progress, LockAwaited)):
            self._step(f"event {type(event).__name__} of {event.index}")

    def _on_statement(
        self, connection: Connection, cursor: psycopg.Cursor[Any], statement: str, *_: object
    ) -> None:
        info = cursor.connection.info
        with self._turn:
            if not _watches():
                self._dsn, self._pid = info.dsn, info.backend_pid
            self._step(" ".join(statement.split())[:100])

    def _on_commit(self, connection: Connection) -> None:
        self._step("commit")

    def _on_rollback(self, connection: Connection) -> None:
        self._step("rollback")

    def _step(self, label: str) -> None:
        if _watches():
            return
        with self._turn:
            number = next(self._numbers)
            with self._steps.open("a") as steps:
                steps.write(f"{number} {label}\n")
            if number == self._at:
                self._cut()

    def _cut(self) -> None:
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        elif self._how == "crash":
            os.kill(self._postmaster, signal.SIGQUIT)
            with suppress(psycopg.OperationalError):
                while True:
                    psycopg.connect(self._dsn).close()
        else:
            with psycopg.connect(self._dsn) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [self._pid])


def _watches() -> bool:
    """Whether this thread watches a build: it has its own clock."""
    return threading.current_thread().name.startswith(watcher_name(0)[:-1])


def arm(project: Project) -> None:
    """Let the project's env.py cut its runs."""
    arguments = "context.get_x_argument(as_dictionary=True)"
    configure = "connection=connection, target_metadata=target_metadata"
    project.edit_env(
        (
            "from alembic import context",
            "from alembic import context\nfrom tests.postgres.build.armed import Armed",
        ),
        (configure, f"{configure}, index_ops={{'listeners': [Armed({arguments})]}}"),
    )
