"""Others who use the table `events` all the time: they upsert the same rows, and read by index."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from tests.observe import execute, rows
from tests.postgres.build.scenes import Scene
from tests.postgres.build.writer import LAST_ID
from tests.servers import Database

FIRST_ID = LAST_ID + 1
_PAUSE = 0.02
_UPSERTERS = 2


class Crowd:
    """Threads that upsert and read; they connect again after a crash.

    Of the errors, only a unique violation of an upsert is expected, and only while `disturbed`: an
    INVALID unique index enforces, and is no arbiter of ON CONFLICT.
    """

    def __init__(self, database: Database, scene: Scene) -> None:
        self.violations: Counter[str] = Counter()
        self._database, self._scene = database, scene
        self._wrong: list[str] = []
        self._disturbances = 0
        self._disturbed = False
        self._counts: list[Counter[str]] = [Counter() for _ in range(_UPSERTERS)]
        self._unsure: list[Counter[str]] = [Counter() for _ in range(_UPSERTERS)]
        self._turns = [threading.RLock() for _ in range(_UPSERTERS)]
        self._stop = threading.Event()
        works: list[Callable[[psycopg.Connection[Any]], None]] = [self._read]
        if scene.arbiter:
            works += [self._upserter(number) for number in range(_UPSERTERS)]
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Upserts may be refused while the block runs: unique indexes come and go."""
        self._disturbances += 1
        self._disturbed = True
        try:
            yield
        finally:
            self._disturbed = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is upserted while the block runs."""
        with ExitStack() as stack:
            for turn in self._turns:
                stack.enter_context(turn)
            yield

    def check(self) -> str:
        """What went wrong so far, "" for nothing; the upserted rows are deleted."""
        with self.paused():
            query = f"SELECT name, org FROM events WHERE id >= {FIRST_ID}"
            found = rows(self._database, query)
            sure, unsure = sum(self._counts, Counter()), sum(self._unsure, Counter())
            values = dict(found)
            if len(values) < len(found):
                self._wrong.append(f"rows are there twice: {sorted(found)}")
            for name in values.keys() | sure.keys():
                value = values.get(name, 0)
                if not sure[name] <= value <= sure[name] + unsure[name]:
                    self._wrong.append(f"{name} was upserted {sure[name]} times, and is {value}")
            execute(self._database, f"DELETE FROM events WHERE id >= {FIRST_ID}")
            for each in (*self._counts, *self._unsure):
                each.clear()
            wrong = list(self._wrong)
            self._wrong.clear()
        return "; ".join(wrong)

    def stop(self) -> None:
        """Come to an end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        while not self._stop.is_set():
            try:
                with self._database.connect() as connection:
                    while not self._stop.wait(_PAUSE):
                        work(connection)
            except psycopg.OperationalError:
                self._stop.wait(_PAUSE)
            except psycopg.Error as error:
                self._wrong.append(f"{type(error).__name__}: {error}")

    def _upserter(self, number: int) -> Callable[[psycopg.Connection[Any]], None]:
        # Where the primary key is not the arbiter, it has to be different.
        step, first = (1, 0) if self._scene.arbiter == "id" else (_UPSERTERS, number)
        statement = (
            "INSERT INTO events VALUES (%s, 1, %s, now())"
            f" ON CONFLICT ({self._scene.arbiter}) DO UPDATE SET org = events.org + 1"
        )

        def upsert(connection: psycopg.Connection[Any]) -> None:
            key = int(time.monotonic() * 10)
            name = f"upsert {key}"
            with self._turns[number]:
                before = self._disturbances, self._disturbed
                self._unsure[number][name] += 1
                try:
                    connection.execute(statement, [FIRST_ID + key * step + first, name])
                except psycopg.errors.UniqueViolation as error:
                    self.violations[str(error.diag.constraint_name)] += 1
                    if before == (self._disturbances, False) and not self._disturbed:
                        self._wrong.append(f"an upsert: {error}")
                else:
                    self._counts[number][name] += 1
                self._unsure[number][name] -= 1

        return upsert

    def _read(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET enable_seqscan = off")
        for column, condition in self._scene.indexed:
            query = f"SELECT id FROM events WHERE {condition}"
            plan = [row[0] for row in connection.execute(f"EXPLAIN {query}")]
            served = any("Index Cond:" in line and column in line for line in plan)
            # Of a partitioned table, each partition has to have its part.
            if not served or any("Seq Scan" in line for line in plan):
                self._wrong.append(f"no index serves {condition}: {plan}")
            found = connection.execute(query).fetchall()
            if found != [(17,)]:
                self._wrong.append(f"{condition} finds {found}")


@contextmanager
def crowd(database: Database, scene: Scene) -> Iterator[Crowd]:
    """A crowd, until the block ends."""
    it = Crowd(database, scene)
    try:
        yield it
    finally:
        it.stop()
