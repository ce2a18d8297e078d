"""Renaming an index; its comment, and so its tags, go with it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from alembic_index_ops.build.failures import GONE, NAME_TAKEN, NO_TABLE
from alembic_index_ops.build.index_lock import patiently
from alembic_index_ops.build.refusals import foreign
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.catalog.tables import read_holder
from alembic_index_ops.definition.sql import render_rename
from alembic_index_ops.errors import IndexNotFoundError, NameTakenError
from alembic_index_ops.events import Renamed

if TYPE_CHECKING:
    from alembic_index_ops.build.task import Task
    from alembic_index_ops.catalog.indexes import ObservedIndex


def run_rename(task: Task, new_name: str) -> None:
    """Rename the task's index, in the transaction that is open or in one of its own.

    Where it has the new name already, an earlier run got this far. Raises NameTakenError,
    IndexNotFoundError, or LockTimeoutError when lock_timeout is spent.
    """
    from sqlalchemy.exc import DBAPIError

    index = _find(task, new_name)
    if index is None:
        task.tell(Renamed, new_name=new_name, earlier=True)
        return
    statement = render_rename(task.name, task.table.schema, new_name)
    try:
        patiently(task, index, lambda: run(task.connection, statement))
    except DBAPIError as error:
        # Somebody else was faster: what he has left is judged as it is now.
        if sqlstate(error) not in (NAME_TAKEN, GONE, NO_TABLE) or _find(task, new_name) is not None:
            raise
        task.tell(Renamed, new_name=new_name, earlier=True)
        return
    task.tell(Renamed, new_name=new_name, earlier=False)


def _find(task: Task, new_name: str) -> ObservedIndex | None:
    """The index, where it still has its old name. Raises where the table has neither name."""
    schema = task.table.schema
    state = task.read_state()
    old, new = state.named(task.name), state.named(new_name)
    if old is not None and read_holder(task.connection, new_name, schema) is None:
        return old
    if old is None and new is not None:
        return None
    if old is not None:
        raise NameTakenError(
            f'index "{task.name}" on {task.table} was not renamed: the name "{new_name}" is taken'
            f' in schema "{schema}". Nothing was changed; drop what has it, or choose another name.'
        )
    if state.holder is not None:
        raise NameTakenError(
            foreign(task.name, task.table, state.holder, "nothing was changed; correct the name")
        )
    names = [index.name for index in state.indexes]
    nearest = ", ".join(
        f'"{name}"' for name in difflib.get_close_matches(task.name, names, n=3, cutoff=0.4)
    )
    raise IndexNotFoundError(
        f'index "{task.name}" on {task.table} does not exist, nor does "{new_name}"; nearest on'
        f" that table: {nearest or 'none'}. Nothing was changed; correct the name."
    )
