"""Rebuilding indexes in place: REINDEX CONCURRENTLY, which also repairs INVALID ones."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alembic_index_ops.build.concurrent import Ended, run_concurrently
from alembic_index_ops.build.debris import BUDGET_SECONDS, drop_debris
from alembic_index_ops.build.failures import (
    NO_TABLE,
    UNCHANGED,
    build_failure,
    drain_failure,
    shown_cause,
)
from alembic_index_ops.build.locks import DEADLOCK, LOCK_NOT_AVAILABLE, locked_table, one_builder
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.build.watch import Verdict
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.session import sqlstate
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.spec import NAME_BYTES, cut
from alembic_index_ops.definition.sql import render_reindex
from alembic_index_ops.errors import (
    IndexNotFoundError,
    TableNotFoundError,
    UnsupportedError,
    VerificationError,
)
from alembic_index_ops.events import (
    LeftoverDoubted,
    Reindexed,
    ReindexSkipped,
    ReindexStarted,
    Retried,
)

_LEFT_BY_REINDEX = re.compile(r"(.+)(_cc(?:new|old)\d*)")
_TRIES = 6


def refuse_corrupting_version(version: tuple[Any, ...]) -> None:
    """Raise UnsupportedError for PostgreSQL 14.0 to 14.3, whose concurrent builds can corrupt.

    https://www.postgresql.org/docs/release/14.4/
    """
    if (14, 0) <= version[:2] < (14, 4):
        raise UnsupportedError(
            f"REINDEX CONCURRENTLY on PostgreSQL {'.'.join(map(str, version))} can leave a corrupt"
            " index (fixed in 14.4). Nothing was changed; update the server first."
        )


def run_reindex(task: Task, index_name: str | None) -> None:
    """Rebuild one index of the task's table, or (None) all; the connection is in autocommit.

    INVALID leftovers of earlier runs (`_ccnew`, `_ccold`) are dropped. Raises as a build does;
    the indexes are as they were, and the same call again ends right.
    """
    refuse_corrupting_version(task.connection.dialect.server_version_info or ())
    with session(task), one_builder(task):
        indexes = _look(task, index_name)
        if index_name is not None and not any(index.name == index_name for index in indexes):
            raise missing_index(task, index_name)
        debris = [index for index in find_left_by_reindex(indexes) if index.name != index_name]
        drop_debris(task, [index.name for index in debris])
        for index in indexes:
            if index.name == index_name or (index_name is None and not is_left_by_reindex(index)):
                _reindex(replace(task, name=index.name), index)
            elif is_left_by_reindex(index) and index not in debris:
                task.tell(LeftoverDoubted, name=index.name, state=index.state)


def missing_index(task: Task, index_name: str) -> IndexNotFoundError:
    """The error where the table has no index of that name any more."""
    return IndexNotFoundError(
        f'index "{index_name}" on {task.table} does not exist. Nothing was changed.'
    )


def find_left_by_reindex(indexes: Sequence[ObservedIndex]) -> list[ObservedIndex]:
    """Of a table's indexes, what a REINDEX CONCURRENTLY left that was cut off.

    It is INVALID, and a copy of another index of the table, whose name its own begins with.
    """
    return [
        index
        for index in indexes
        if is_left_by_reindex(index) and any(_is_copy(index, base) for base in indexes)
    ]


def is_left_by_reindex(index: ObservedIndex) -> bool:
    """Whether it has the state and the name of what REINDEX leaves; others may call theirs so."""
    return not index.usable and _LEFT_BY_REINDEX.fullmatch(index.name) is not None


def _is_copy(index: ObservedIndex, base: ObservedIndex) -> bool:
    """Whether REINDEX would call a copy of `base` that, and `index` is one."""
    named = _LEFT_BY_REINDEX.fullmatch(index.name)
    if named is None or index.oid == base.oid:
        return False
    stem, suffix = named.groups()
    # PostgreSQL cuts the base's name, so that the whole has at most 63 bytes.
    return stem == cut(base.name, NAME_BYTES - len(suffix)) and not compare_definitions(
        replace(base.spec, tablespace=None), index.spec
    )


def _look(task: Task, index_name: str | None) -> Sequence[ObservedIndex]:
    from sqlalchemy.exc import DBAPIError

    try:
        with locked_table(task):
            return read_indexes(task.connection, table_oids=[task.table.oid])
    except DBAPIError as error:
        if sqlstate(error) == NO_TABLE:
            what = (
                f"{task.table}" if index_name is None else f'index "{index_name}" on {task.table}'
            )
            raise TableNotFoundError(
                f"{what}: the table was renamed or dropped meanwhile. Nothing was changed; correct"
                " the migration, or run it again."
            ) from error
        raise build_failure(task, error, UNCHANGED, deed="reindexed") from error


def _reindex(task: Task, index: ObservedIndex) -> None:
    if index.constraint_type == "x":
        task.tell(ReindexSkipped, reason="it serves an exclusion constraint")
        return
    if index.partitioned:
        task.tell(ReindexSkipped, reason="it is a partitioned table's; its parts are")
        return
    task.tell(ReindexStarted, state=index.state)
    started = time.monotonic()
    for attempt in range(_TRIES):
        ended = run_concurrently(task, render_reindex(index.name, task.table.schema))
        if ended.error is None:
            break
        budget = min(BUDGET_SECONDS, task.settings.drain_timeout)
        debris = find_left_by_reindex(_look(task, index.name))
        left = drop_debris(task, [each.name for each in debris], budget, earlier=False)
        passing = ended.verdict is Verdict.LOCK_LOST or sqlstate(ended.error) == DEADLOCK
        if not passing or attempt == _TRIES - 1:
            raise _failure(task, index, ended, left) from shown_cause(task, ended.error)
        task.tell(Retried, reason="another session was in the way")
    now = next((each for each in _look(task, index.name) if each.name == index.name), None)
    if now is None or not now.usable:
        raise VerificationError(
            f'index "{index.name}" on {task.table} was reindexed, and is'
            f" {now.state if now else 'gone'}. Run the migration again."
        )
    task.tell(Reindexed, seconds=time.monotonic() - started, before=index.size, after=now.size)


def _failure(task: Task, index: ObservedIndex, ended: Ended, left: Sequence[str]) -> Exception:
    assert ended.error is not None
    serves = "serves as before" if index.usable else "is INVALID, as it was before"
    left_behind = f"The index {serves}."
    if left:
        names = ", ".join(f'"{name}"' for name in left)
        left_behind += f" Left behind is INVALID {names}, which the next run drops."
    if ended.verdict is Verdict.DRAIN_SPENT or sqlstate(ended.error) == LOCK_NOT_AVAILABLE:
        return drain_failure(task, ended.waiting_for, left_behind, "reindexed")
    return build_failure(task, ended.error, left_behind, index.spec, deed="reindexed")
