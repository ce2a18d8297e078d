"""ANALYZE after a build: without it the planner knows nothing of what an expression gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.locks import lock_timeout_floor
from alembic_index_ops.build.task import settings_to_build
from alembic_index_ops.catalog.session import run, server_message, transaction
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.events import Analyzed

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task


def analyze_if_asked(task: Task) -> None:
    """Run ANALYZE on the table where the settings say so; a failure is told, and no more."""
    from sqlalchemy.exc import DBAPIError

    if not task.settings.analyze:
        return
    wait = milliseconds(lock_timeout_floor(task.connection))
    try:
        with settings_to_build(task, lock_timeout=wait), transaction(task.connection):
            run(task.connection, f"ANALYZE {task.table}")
    except DBAPIError as error:
        task.tell(Analyzed, problem=server_message(error))
    else:
        task.tell(Analyzed)
