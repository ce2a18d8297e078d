"""Several indexes at once: a connection for each worker, one build per table at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.second import engine_like, first_line
from alembic_index_ops.catalog.driver import cancel_by_protocol
from alembic_index_ops.catalog.session import read
from alembic_index_ops.errors import BuildError, IndexOpsError
from alembic_index_ops.events import Failed, FewerWorkers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.build.task import Task

_CANCEL_SECONDS = 0.5
# What a definition's words may depend on, and who is to own the index.
_INHERITED = ("search_path", "role")


@dataclass(frozen=True, slots=True)
class Job:
    """One index: its task on the migration's connection, and what is to be done with it."""

    task: Task
    run: Callable[[Task], bool]


@dataclass(slots=True)
class Outcome:
    """What became of a job: its result, or its error, or (neither) it was not begun."""

    job: Job
    kept: bool | None = None
    error: Exception | None = None


def run_many(connection: Connection, jobs: Sequence[Job], workers: int) -> Sequence[Outcome]:
    """Run the jobs, `workers` at a time, none two on one table; in autocommit.

    Those of partitioned tables run at last, each alone: it has that many at work on the partitions.
    After a failure no further job begins, and those that run are let run. With fewer connections
    to be had, fewer run at once; without any, one after another on `connection`.
    """
    outcomes = [Outcome(job) for job in jobs]
    plain = [outcome for outcome in outcomes if not outcome.job.task.table.partitioned]
    if plain:
        with _connections(connection, plain[0].job.task, min(workers, len(plain))) as several:
            _Crew(plain, several or [connection]).run()
    for outcome in outcomes:
        if outcome not in plain and not any(each.error for each in outcomes):
            _Crew([outcome], [connection]).run()
    return outcomes


def raise_failures(outcomes: Sequence[Outcome], deed: str) -> None:
    """Raise the one error there is, or a BuildError that tells all; nothing without any."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return
    begun_not = [
        f'"{outcome.job.task.name}"'
        for outcome in outcomes
        if outcome.error is None and outcome.kept is None
    ]
    rest = f"\n\nNot begun: {', '.join(begun_not)}." if begun_not else ""
    [first, *further] = errors
    if not further and not isinstance(first, IndexOpsError):
        raise first
    if not further:
        raise type(first)(f"{first}{rest}") from first.__cause__
    told = "\n\n".join(map(str, errors))
    raise BuildError(
        f"{len(errors)} of {len(outcomes)} indexes were not {deed}:\n\n{told}{rest}\n\n"
        "What is done stays; run the migration again for the rest."
    ) from first


class _Crew:
    """Threads that take jobs until there are none, or one has failed."""

    def __init__(self, outcomes: Sequence[Outcome], connections: Sequence[Connection]) -> None:
        self._waiting = list(outcomes)
        self._busy: set[int] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self._connections = connections
        self._threads = [
            threading.Thread(target=self._work, args=(connection,), daemon=True)
            for connection in connections
        ]

    def run(self) -> None:
        """Work; an interrupt (Ctrl-C) cancels what runs, and is raised when all have ended."""
        if len(self._connections) == 1:
            self._work(self._connections[0])
            return
        for thread in self._threads:
            thread.start()
        try:
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(_CANCEL_SECONDS)
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        while any(thread.is_alive() for thread in self._threads):
            for connection in self._connections:
                with suppress(Exception):
                    cancel_by_protocol(connection.connection.driver_connection)
            for thread in self._threads:
                thread.join(_CANCEL_SECONDS)

    def _work(self, connection: Connection) -> None:
        while (outcome := self._take()) is not None:
            job = outcome.job
            try:
                outcome.kept = job.run(replace(job.task, connection=connection))
            except Exception as error:
                outcome.error = error
                job.task.tell(Failed, reason=type(error).__name__)
            finally:
                with self._changed:
                    self._busy.discard(job.task.table.oid)
                    self._stopped = self._stopped or outcome.error is not None
                    self._changed.notify_all()

    def _take(self) -> Outcome | None:
        """The next job on a table that nobody is at; waits for one; None when there is none."""
        with self._changed:
            while True:
                if self._stopped or not self._waiting:
                    return None
                for outcome in self._waiting:
                    table = outcome.job.task.table.oid
                    if table not in self._busy:
                        self._waiting.remove(outcome)
                        self._busy.add(table)
                        return outcome
                self._changed.wait()


@contextmanager
def _connections(first: Connection, task: Task, number: int) -> Iterator[list[Connection]]:
    """Up to `number` connections like the first, with its role and search path; [] for one."""
    opened: list[Connection] = []
    with ExitStack() as stack:
        if number > 1:
            values = {
                name: str(read(first, f"SELECT current_setting('{name}')")[0][0])
                for name in _INHERITED
            }
            try:
                for _ in range(number):
                    opened.append(stack.enter_context(_connection(first, values)))
            except Exception as error:  # whatever the user's own creator raises
                task.tell(
                    FewerWorkers, asked=number, got=max(1, len(opened)), reason=first_line(error)
                )
        yield opened


@contextmanager
def _connection(first: Connection, values: dict[str, str]) -> Iterator[Connection]:
    engine = engine_like(first.engine)
    connection = engine.connect()
    try:
        if connection.connection.dbapi_connection is first.connection.dbapi_connection:
            # Closing it would close the migration's own.
            connection.detach()
            raise BuildError("the engine's creator always gives the same connection")
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        for name, value in values.items():
            read(connection, "SELECT set_config(:name, :value, false)", name=name, value=value)
        yield connection
    finally:
        if connection.connection.is_valid and not connection.closed:
            connection.close()
        engine.dispose()
