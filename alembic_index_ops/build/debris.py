"""Leftovers of builds that were cut off: dropped last, within a budget."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from alembic_index_ops.build.failures import GONE
from alembic_index_ops.build.locks import milliseconds
from alembic_index_ops.catalog.session import run, server_message, settings, sqlstate
from alembic_index_ops.definition.sql import qualified, render_drop
from alembic_index_ops.events import DebrisDropped, DebrisLeft

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task

BUDGET_SECONDS = 30.0


def drop_debris(task: Task, names: Iterable[str], budget: float = BUDGET_SECONDS) -> list[str]:
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
                task.tell(DebrisLeft, name=name, reason=server_message(error))
        else:
            task.tell(DebrisDropped, name=name)
    return left


def drop_leftover(task: Task, name: str) -> str:
    """After a failed build: drop what it left, and say in a sentence what became of it."""
    from sqlalchemy.exc import SQLAlchemyError

    label = f"INVALID index {qualified(name, task.table.schema)}"
    try:
        left = drop_debris(task, [name], min(BUDGET_SECONDS, task.settings.lock_timeout))
    except SQLAlchemyError:
        return (
            f"The connection is gone; an {label} may be left behind, which the next run of this"
            " migration drops."
        )
    if left:
        return f"Left behind is an {label}, which the next run of this migration drops."
    return "Nothing is left behind."
