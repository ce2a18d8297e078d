"""A migration that waits for a lock, and what others do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tests.observe import eventually, rows
from tests.servers import Database

_WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'
"""

T = TypeVar("T")


@contextmanager
def waiting(database: Database, command: Callable[[], T]) -> Iterator[Future[T]]:
    """`command` in a thread, from when its session waits for a lock; at the end it has ended.

    Where it does not come to wait, the block begins when it has ended.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(command)
        eventually(lambda: future.done() or rows(database, _WAITING))
        yield future
