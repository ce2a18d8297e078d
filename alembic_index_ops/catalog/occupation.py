"""What keeps a build from a table now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.activity import EXCLUDES_BUILDS, Doing, read_doing, read_sessions
from alembic_index_ops.catalog.session import read
from alembic_index_ops.events import Blocker

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table


@dataclass(frozen=True, slots=True)
class Occupation:
    """Who has a lock on a table that keeps builds away, and whether one of them builds or drops.

    `queued`: somebody else waits for a lock on it already.
    """

    holders: tuple[Blocker, ...]
    build: Doing | None
    queued: bool


def read_occupation(connection: Connection, table: Table) -> Occupation:
    """What is in the way of a build on this table now."""
    holders = tuple(
        session.blocker
        for session in read_sessions(connection, table)
        if session.modes & EXCLUDES_BUILDS
    )
    doing = read_doing(connection, [holder.pid for holder in holders if holder.pid], table)
    build = next((each for each in doing.values() if each.building or each.dropping), None)
    queued = bool(holders) and is_awaited(connection, table)
    return Occupation(holders, build, queued)


def is_awaited(connection: Connection, table: Table) -> bool:
    """Whether somebody else waits for a lock on the table."""
    waiting = read(
        connection,
        "SELECT 1 FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.locktype = 'relation'"
        " AND l.relation = CAST(CAST(:table AS bigint) AS oid) AND l.pid <> pg_backend_pid()",
        table=table.oid,
    )
    return bool(waiting)
