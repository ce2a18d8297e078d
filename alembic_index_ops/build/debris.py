"""Leftovers of builds that were cut off: dropped last, within a budget."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from alembic_index_ops.build.concurrent import run_concurrently
from alembic_index_ops.build.failures import GONE
from alembic_index_ops.build.locks import PASSING
from alembic_index_ops.build.patience import listed
from alembic_index_ops.catalog.session import run, server_message, settings, sqlstate, transaction
from alembic_index_ops.definition.sql import qualified, render_drop
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.events import DebrisDropped, DebrisLeft

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task

BUDGET_SECONDS = 30.0


def drop_debris(
    task: Task, names: Iterable[str], budget: float = BUDGET_SECONDS, *, earlier: bool = True
) -> list[str]:
    """Drop leftovers concurrently; the names of those that are still there afterwards.

    A drop waits for every reader of the table, which no build does, so it is cut when the
    budget (seconds, for all of them) is spent: the leftover was INVALID anyway, and the next
    operation on the table takes it up.
    """
    from sqlalchemy.exc import DBAPIError

    give_up = time.monotonic() + budget
    left = []
    for name in names:
        statement = render_drop(name, task.table.schema, concurrently=True)
        try:
            wait = milliseconds(max(0.1, give_up - time.monotonic()))
            # One drop waits several times: the second limit bounds them all.
            with settings(task.connection, lock_timeout=wait, statement_timeout=wait):
                run(task.connection, statement)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if sqlstate(error) != GONE:
                left.append(name)
                spent = time.monotonic() >= give_up - 0.05
                reason = (
                    f"the users of the table did not end within {budget:g} s"
                    if spent
                    else server_message(error)
                )
                task.tell(DebrisLeft, name=name, reason=reason)
        else:
            task.tell(DebrisDropped, name=name, earlier=earlier)
    return left


def drop_debris_inside(task: Task, names: Iterable[str]) -> None:
    """Drop leftovers in the transaction that is open, each in one try of stall_timeout.

    A plain drop locks out readers too: what is not to be had at once is left to the next
    operation.
    """
    from sqlalchemy.exc import DBAPIError

    stall = milliseconds(task.settings.stall_timeout)
    for name in names:
        try:
            with settings(task.connection, lock_timeout=stall), transaction(task.connection):
                run(task.connection, render_drop(name, task.table.schema))
        except DBAPIError as error:
            if sqlstate(error) not in PASSING:
                raise
            task.tell(DebrisLeft, name=name, reason="the table is in use")
        else:
            task.tell(DebrisDropped, name=name)


def drop_replaced(task: Task, name: str) -> None:
    """Drop the valid index that another one has replaced, watched, within drain_timeout.

    It may be cut: nothing uses it any more. What is left is dropped by the next operation.
    """
    ended = run_concurrently(task, render_drop(name, task.table.schema, concurrently=True))
    if ended.error is None or sqlstate(ended.error) == GONE:
        task.tell(DebrisDropped, name=name, earlier=False)
        return
    if ended.error.connection_invalidated:
        raise ended.error
    reason = server_message(ended.error)
    if ended.verdict is not None:
        reason = f"drain_timeout is spent; it waited for {listed(ended.waiting_for)}"
    task.tell(DebrisLeft, name=name, reason=reason)


def drop_leftover(task: Task, name: str) -> str:
    """After a failed build: drop what it left, and say in a sentence what became of it."""
    from sqlalchemy.exc import SQLAlchemyError

    label = f"INVALID index {qualified(name, task.table.schema)}"
    try:
        left = drop_debris(
            task, [name], min(BUDGET_SECONDS, task.settings.drain_timeout), earlier=False
        )
    except SQLAlchemyError:
        return (
            f"The connection is gone; an {label} may be left behind, which the next run of this"
            " migration drops."
        )
    if left:
        return f"Left behind is an {label}, which the next run of this migration drops."
    return "Nothing is left behind."
