"""One deployment at a time: a lock around the whole migration run."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops.build.locks import ADVISORY_CLASS, release_advisory, try_advisory
from alembic_index_ops.build.patience import listed
from alembic_index_ops.catalog.activity import read_advisory_holders
from alembic_index_ops.durations import Duration, parse_duration, render_duration
from alembic_index_ops.errors import LockTimeoutError
from alembic_index_ops.events import DeployAwaited
from alembic_index_ops.listeners import enable_log, logger

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEY = 0
_TELL_SECONDS = 10.0


@contextmanager
def deploy_lock(connection: Connection, *, timeout: Duration = "1h") -> Iterator[None]:
    """Let one deployment at a time migrate this database; in env.py, around run_migrations():

        with deploy_lock(connection), context.begin_transaction():
            context.run_migrations()

    The others wait here, before they read which revisions are there, and then find their work
    done. The lock is polled with nothing open, since a concurrent build waits for whoever waits
    inside the server (`SELECT pg_advisory_lock(...)`). So what the connection has open is committed
    when the lock is waited for and when it is given back. `timeout`: seconds, a timedelta, or
    text. Raises LockTimeoutError, which names who has it. In an async env.py it stands in the
    function that `run_sync` calls. On other databases than PostgreSQL it does nothing.
    """
    seconds = parse_duration(timeout, "deploy_lock: timeout")
    if connection.dialect.name != "postgresql":
        yield
        return
    ours = _Transactions(connection)
    _wait(connection, seconds, ours)
    try:
        try:
            yield
        except BaseException:
            # On a connection that is gone, what the migration raised says more than what follows.
            with suppress(Exception):
                ours.end(commit=False)
            raise
        # What was migrated has to be seen before the next deployment reads the revisions.
        ours.end(commit=True)
    finally:
        with suppress(Exception):
            release_advisory(connection, _KEY)
            ours.end(commit=False)


def _wait(connection: Connection, seconds: float, ours: _Transactions) -> None:
    enable_log()
    began = time.monotonic()
    told = -_TELL_SECONDS
    while not try_advisory(connection, _KEY):
        waited = time.monotonic() - began
        if waited > seconds or time.monotonic() - told > _TELL_SECONDS:
            holders = [
                replace(holder, waited_seconds=waited)
                for holder in read_advisory_holders(connection, ADVISORY_CLASS, _KEY)
            ]
            ours.end(commit=True)
            if waited > seconds:
                raise LockTimeoutError(
                    f"deploy_lock: another deployment migrates this database, and did not end"
                    f" within {render_duration(seconds)}; held by {listed(holders)}\n"
                    "Nothing was changed; run the migration again when it has ended, or give it"
                    ' longer: deploy_lock(connection, timeout="2h")'
                )
            told = time.monotonic()
            event = DeployAwaited("", "", seconds=waited, holders=tuple(holders))
            logger.log(event.level, "%s", event)
        ours.end(commit=True)
        time.sleep(random.uniform(0.1, 0.4))
    ours.end(commit=True)


class _Transactions:
    """Ends what our statements opened on the server, and leaves SQLAlchemy's state as it was.

    In a transaction that env.py or Alembic began, only the driver's is ended: the driver begins
    anew with the next statement.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._inside = connection, connection.in_transaction()

    def end(self, *, commit: bool) -> None:
        connection = self._connection
        if connection.closed or connection.invalidated:
            return
        target: Any = connection.connection.dbapi_connection if self._inside else connection
        if commit:
            target.commit()
        else:
            target.rollback()
