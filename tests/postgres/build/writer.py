"""Somebody who inserts, updates and deletes rows all the time, and knows what has to be there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg

from tests.observe import execute, rows
from tests.servers import Database

LAST_ID = 9_999_999
_PAUSE = 0.02


class Writer:
    """Writes rows of the table `events` from the id `first` on; connects again after a crash."""

    def __init__(self, database: Database, first: int) -> None:
        self.database, self._first = database, first
        self._ids = count(first)
        self._rows: dict[int, int] = {}
        self._unsure: set[int] = set()
        self._turn = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is written while the block runs."""
        with self._turn:
            yield

    def check(self) -> str:
        """What is wrong with the rows written so far, "" for nothing; then they are deleted."""
        with self._turn:
            ours = f"id BETWEEN {self._first} AND {LAST_ID}"
            found = dict(rows(self.database, f"SELECT id, org FROM events WHERE {ours}"))
            differing = {
                id: (found.get(id), self._rows.get(id))
                for id in found.keys() | self._rows.keys()
                if found.get(id) != self._rows.get(id) and id not in self._unsure
            }
            execute(self.database, f"DELETE FROM events WHERE {ours}")
            self._rows.clear()
        return f"rows were lost, (found, written) by id: {differing}" if differing else ""

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self.database.connect() as connection:
                    while not self._stop.wait(_PAUSE):
                        with self._turn:
                            self._write(connection, next(self._ids))
            except psycopg.Error:
                self._stop.wait(_PAUSE)

    def _write(self, connection: psycopg.Connection[Any], id: int) -> None:
        """A new row; one of before gets another value, and one goes."""
        insert = "INSERT INTO events VALUES (%(id)s, 1, md5('w' || %(id)s), now())"
        self._change(connection, insert, id, 1)
        if id - 5 in self._rows:
            value = self._rows[id - 5] + 1
            update = f"UPDATE events SET org = {value} WHERE id = %(id)s"
            self._change(connection, update, id - 5, value)
        if id - 20 in self._rows:
            self._change(connection, "DELETE FROM events WHERE id = %(id)s", id - 20, None)

    def _change(
        self, connection: psycopg.Connection[Any], statement: str, id: int, value: int | None
    ) -> None:
        # Until the server has answered, nobody knows whether it is done.
        sure = id not in self._unsure
        self._unsure.add(id)
        connection.execute(statement, {"id": id})
        if sure:
            self._unsure.discard(id)
        if value is None:
            del self._rows[id]
        else:
            self._rows[id] = value


@contextmanager
def writing(database: Database, first: int) -> Iterator[Writer]:
    """A writer, until the block ends."""
    writer = Writer(database, first)
    try:
        yield writer
    finally:
        writer.stop()
