"""Who is at work on a table, what a build is doing, and whom it waits for.

Plain columns of the statistics views and pg_locks only: the functions that deparse an index hang
behind ACCESS EXCLUSIVE locks. What a role may not see of others (state, query, the age of a
transaction) comes as None; pids, names, locks and the presence of a progress row it may see.
https://www.postgresql.org/docs/current/progress-reporting.html
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read
from alembic_index_ops.events import Blocker

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

_STRONG = ("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
EXCLUDES_BUILDS = frozenset(("ShareUpdateExclusiveLock", "ShareLock", *_STRONG))
"""The modes that conflict with SHARE UPDATE EXCLUSIVE, which a build holds."""
WRITES = frozenset(("RowExclusiveLock", "ShareUpdateExclusiveLock", *_STRONG))
"""The modes that conflict with SHARE: a build waits for the transactions that hold them."""


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction with locks on the table, or with a snapshot, of another session.

    `transaction` tells one transaction of a session from its next.
    """

    blocker: Blocker
    transaction: str
    modes: frozenset[str]
    snapshot: bool


@dataclass(frozen=True, slots=True)
class Doing:
    """What a server process is doing.

    `building`: it runs CREATE INDEX or REINDEX; `phase` is empty where it is not, or hidden.
    `waits`: the kind of lock it waits for ("" for none, "relation" for the table's own or the
    index's, "transactions" for the end of some). `blocked_by`: pids in its way, 0 for a prepared
    transaction. `dropping`: it waits as DROP INDEX CONCURRENTLY does, which has no progress row;
    who waits for a row that somebody has locked does not.
    """

    pid: int
    building: bool
    phase: str
    blocks: tuple[int, int]
    tuples: tuple[int, int]
    waits: str
    blocked_by: tuple[int, ...]
    dropping: bool


_DOING = """
SELECT w.pid, p.pid IS NOT NULL OR EXISTS (
    -- The progress row is missing where track_activities is off.
    SELECT FROM pg_catalog.pg_locks b JOIN pg_catalog.pg_index i ON i.indexrelid = b.relation
    WHERE b.pid = w.pid AND b.granted AND b.mode = 'RowExclusiveLock' AND NOT i.indisvalid
      AND i.indrelid = CAST(CAST(:table AS bigint) AS oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks t WHERE t.pid = w.pid
        AND t.relation = i.indrelid AND t.mode = 'RowExclusiveLock')),
  coalesce(p.phase, ''),
  coalesce(p.blocks_done, 0), coalesce(p.blocks_total, 0),
  coalesce(p.tuples_done, 0), coalesce(p.tuples_total, 0),
  coalesce(CASE WHEN l.locktype IN ('virtualxid', 'transactionid') THEN 'transactions'
    ELSE l.locktype END, ''),
  CASE WHEN l.locktype IS NOT NULL THEN pg_blocking_pids(w.pid) ELSE '{}' END,
  p.pid IS NULL AND coalesce(l.locktype = 'virtualxid'
    OR l.locktype = 'transactionid' AND 0 = ANY (pg_blocking_pids(w.pid)), false)
FROM unnest(CAST(string_to_array(CAST(:pids AS text), ',') AS int[])) w (pid)
LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = w.pid
LEFT JOIN LATERAL (
  SELECT locktype FROM pg_catalog.pg_locks WHERE pid = w.pid AND NOT granted LIMIT 1) l ON true
"""

_SESSIONS = """
WITH RECURSIVE here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()),
tree AS (
  SELECT CAST(CAST(:table AS bigint) AS oid) AS oid
  UNION ALL
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
  WHERE CAST(:partitions AS boolean)
),
held AS (
  SELECT l.pid, l.virtualtransaction,
    array_agg(l.mode) FILTER (WHERE l.relation IN (SELECT oid FROM tree)) AS modes,
    array_agg(l.transactionid) FILTER (WHERE l.locktype = 'transactionid') AS own
  FROM pg_catalog.pg_locks l
  WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND (l.locktype = 'virtualxid' OR l.locktype = 'transactionid' AND l.pid IS NULL
      OR l.locktype = 'relation'
      AND l.relation IN (SELECT oid FROM tree)
      AND l.database = (SELECT oid FROM here))
  GROUP BY l.pid, l.virtualtransaction
)
SELECT h.pid, coalesce(a.usename, p.owner, ''), coalesce(a.application_name, ''), a.state,
  CAST(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)) AS float8),
  a.query, p.gid, coalesce(h.virtualtransaction, ''), coalesce(h.modes, '{}'),
  a.backend_xmin IS NOT NULL
FROM held h
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid
LEFT JOIN pg_catalog.pg_prepared_xacts p ON h.pid IS NULL AND p.transaction = ANY (h.own)
WHERE a.leader_pid IS NULL
  AND (h.modes IS NOT NULL OR a.datid = (SELECT oid FROM here) AND a.backend_xmin IS NOT NULL)
ORDER BY h.pid
"""


def read_doing(
    connection: Connection, pids: Collection[int], table: Table | None = None
) -> dict[int, Doing]:
    """What these server processes are doing now (to the indexes of the table), by pid."""
    if not pids:
        return {}
    listed = ",".join(map(str, sorted(pids)))
    rows = read(connection, _DOING, pids=listed, table=table.oid if table else 0)
    return {
        pid: Doing(
            pid, building, phase, (done, blocks), (read_, tuples), waits, tuple(blocked), dropping
        )
        for pid, building, phase, done, blocks, read_, tuples, waits, blocked, dropping in rows
    }


def read_blockers(connection: Connection, pids: Collection[int]) -> list[Blocker]:
    """These sessions, whatever they hold."""
    if not pids:
        return []
    rows = read(
        connection,
        f"{_BLOCKER} WHERE a.pid = ANY (CAST(string_to_array(CAST(:pids AS text), ',') AS int[]))"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1",
        pids=",".join(map(str, sorted(pids))),
    )
    return [_blocker(*row) for row in rows]


def read_sessions(
    connection: Connection, table: Table, *, partitions: bool = False
) -> Sequence[Session]:
    """Every other transaction that has a lock on the table, or a snapshot in this database.

    With `partitions`, a lock on one of its partitions is one on the table.
    """
    return [
        Session(
            replace(_blocker(pid, user, application, state, age, query), prepared=prepared),
            transaction,
            frozenset(modes),
            snapshot,
        )
        for pid, user, application, state, age, query, prepared, transaction, modes, snapshot in (
            read(
                connection,
                _SESSIONS,
                table=table.oid,
                partitions=partitions and table.partitioned,
            )
        )
    ]


_BLOCKER = """
SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), a.state,
  CAST(extract(epoch FROM clock_timestamp() - a.xact_start) AS float8), a.query
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
"""


def read_advisory_holders(connection: Connection, first: int, second: int) -> list[Blocker]:
    """The other sessions that hold the advisory lock of these two keys (as unsigned numbers)."""
    rows = read(
        connection,
        f"""
        {_BLOCKER} WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
          AND l.classid = CAST(CAST(:first AS bigint) AS oid)
          AND l.objid = CAST(CAST(:second AS bigint) AS oid) AND l.objsubid = 2
          AND a.datname = current_database()
        ORDER BY a.pid
        """,
        first=first,
        second=second,
    )
    return [_blocker(*row) for row in rows]


def read_waiters(connection: Connection) -> list[Blocker]:
    """Who waits for a lock that our own session holds."""
    rows = read(
        connection,
        f"""
        {_BLOCKER} WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid))
        ORDER BY a.pid
        """,
    )
    return [_blocker(*row) for row in rows]


def has_application(connection: Connection, name: str) -> bool:
    """Whether a session of this database bears this application name."""
    rows = read(
        connection,
        "SELECT 1 FROM pg_catalog.pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :name",
        name=name,
    )
    return bool(rows)


def read_invalid_names(connection: Connection, table: Table) -> list[str]:
    """The names of the table's INVALID indexes: half-built, half-dropped, or left so."""
    rows = read(
        connection,
        "SELECT c.relname FROM pg_catalog.pg_index i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = CAST(CAST(:table AS bigint) AS oid) AND NOT i.indisvalid"
        " ORDER BY c.oid",
        table=table.oid,
    )
    return [row[0] for row in rows]


def _blocker(
    pid: int, user: str, application: str, state: str | None, age: float | None, query: str | None
) -> Blocker:
    return Blocker(pid, user, application, state, age, _shown(state, query))


def _shown(state: str | None, query: str | None) -> str | None:
    """The query, or None where the server hides it: there it hides the state too."""
    return None if state is None else query
