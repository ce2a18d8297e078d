"""A migration on a connection that the test opened, whose events the test hears."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from alembic_index_ops import hookimpl
from alembic_index_ops.events import Event
from tests.projects import Project

ENV = """
from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"], index_ops={"listeners": given.get("listeners", [])}
)
with context.begin_transaction():
    context.run_migrations()
"""

_SESSION = """
SELECT name, setting FROM pg_settings WHERE name NOT LIKE '%.%'
UNION ALL SELECT 'the role', current_user::text
UNION ALL SELECT 'advisory locks', count(*)::text FROM pg_locks
  WHERE locktype = 'advisory' AND pid = pg_backend_pid()
"""

E = TypeVar("E", bound=Event)


class Listener:
    """Keeps what it hears; `react` is called with each event, in the thread that tells it."""

    def __init__(self, react: Callable[[Event], None] = lambda event: None) -> None:
        self.heard: list[Event] = []
        self._react = react

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        self.heard.append(event)
        self._react(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of this kind, in the order in which they were told."""
        return [event for event in self.heard if isinstance(event, kind)]


def migrate(
    project: Project,
    engine: Engine | AsyncEngine,
    *x: str,
    method: str = "upgrade",
    listener: Listener | None = None,
    before: str = "SET lock_timeout = '7s'",
) -> None:
    """Run the project on a connection of this engine; what it sets for its session it puts back.

    `x` is what follows each -x, `before` a statement that the session runs first.
    """
    project.env.write_text(ENV)
    listeners = [] if listener is None else [listener]
    target = "heads" if method == "upgrade" else "base"

    def run(connection: Connection) -> None:
        connection.execute(text(before))
        connection.commit()
        session = _session(connection)
        try:
            getattr(project, method)(target, *x, connection=connection, listeners=listeners)
        finally:
            if not connection.invalidated:
                connection.rollback()
                changed = set(_session(connection).items()) ^ set(session.items())
                assert not changed, f"the session's settings, before and after: {changed}"

    async def run_async(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.run_sync(run)

    if isinstance(engine, AsyncEngine):
        asyncio.run(run_async(engine))
        return
    with engine.connect() as connection:
        run(connection)


def untimed(error: object) -> str:
    """What an error says, with `<time>` for each length of time that was measured."""
    return re.sub(r"(open for|waited for) [\d.]+ s", r"\1 <time>", str(error))


def _session(connection: Connection) -> dict[str, str]:
    found = {row.name: row.setting for row in connection.execute(text(_SESSION))}
    connection.commit()
    driver = connection.connection.dbapi_connection
    return {**found, "autocommit": str(getattr(driver, "autocommit", None))}
