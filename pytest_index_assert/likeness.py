"""An engine of our own that sees what an application's engine sees, whatever its driver is.

Not all of that is in the URL: connect_args, events and creators choose a schema or a role, or even
another database.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_index_assert.connection import open_engine, shown
from pytest_index_assert.errors import NoDatabaseError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

_SEEN = """
SELECT current_database() || ' since ' || pg_postmaster_start_time(),
  current_setting('search_path'), current_setting('role')
"""


class _Seen(NamedTuple):
    """What a connection of an engine sees: a database, by a search path, as a role."""

    database: str
    search_path: str
    role: str


def open_like(engine: Engine | AsyncEngine) -> Engine:
    """An engine of ours on the database of that one, with its search path and its role.

    Raises NoDatabaseError where its URL leads elsewhere than its connections.
    """
    from sqlalchemy import event

    ours, theirs = open_engine(engine.url), None
    # Whatever a creator or an event of the application's raises.
    with suppress(Exception):
        theirs = _look_by_themselves(engine)
    if theirs is None:
        return ours
    seen = theirs

    @event.listens_for(ours, "connect")
    def imitate(connection: Any, record: object) -> None:
        before, connection.autocommit = connection.autocommit, True
        database = connection.execute(_SEEN).fetchone()[0]
        if database == seen.database:
            connection.execute(
                "SELECT set_config('search_path', %s, false), set_config('role', %s, false)",
                (seen.search_path, seen.role),
            )
        connection.autocommit = before
        if database != seen.database:
            raise NoDatabaseError(
                f"index_engine connects to database {seen.database}, and its URL {shown(ours.url)}"
                f" leads to {database}; give an engine of psycopg, or a URL"
            )

    return ours


def _look_by_themselves(engine: Any) -> _Seen:
    if not hasattr(engine, "sync_engine"):
        with engine.connect() as connection:
            return _Seen(*connection.exec_driver_sql(_SEEN).one())
    # A loop may run in this thread, and it owns the connections of the engine's pool.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _look_asynchronously(engine)).result()


async def _look_asynchronously(engine: AsyncEngine) -> _Seen:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    sync = engine.sync_engine
    anew = AsyncEngine(Engine(sync.pool.recreate(), sync.dialect, sync.url))
    try:
        async with anew.connect() as connection:
            row: Any = (await connection.exec_driver_sql(_SEEN)).one()
            return _Seen(*row)
    finally:
        await anew.dispose()
