"""Building in one transaction: new tables, tiny ones, and where the revision asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.failures import NAME_TAKEN, build_failure
from alembic_index_ops.build.locks import DEADLOCK, LOCK_NOT_AVAILABLE, milliseconds
from alembic_index_ops.build.name import JudgeAgain, debris_names, give_name, settle
from alembic_index_ops.build.naming import replaced_name
from alembic_index_ops.build.place import SMALL_BYTES, is_small_and_free, read_size
from alembic_index_ops.build.plan import CreatePlan, plan_create, tags_of_new
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.session import read, run, settings, sqlstate, transaction
from alembic_index_ops.catalog.tables import read_holder
from alembic_index_ops.catalog.tree import read_descendants
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.sql import (
    render_comment,
    render_create,
    render_drop,
    render_rename,
)
from alembic_index_ops.errors import VerificationError
from alembic_index_ops.events import BuiltAtOnce, Corpse

if TYPE_CHECKING:
    from alembic_index_ops.definition.spec import IndexSpec


_IMPATIENT = """
SELECT set_config('lock_timeout', '100ms', true), set_config('statement_timeout', '0', true)
"""
ON_NEW_TABLE = "in the transaction that made the table"


def run_create_on_new_table(task: Task, wished: IndexSpec, comment: str | None) -> None:
    """Create the index in the transaction that made the table: there is nobody to wait for."""
    if read_holder(task.connection, task.name, task.table.schema) is not None:
        run_create_inside(task, wished, comment, ON_NEW_TABLE)
        return
    with _explained(task):
        _build(task, wished, CreatePlan(), comment)
    task.tell(BuiltAtOnce, reason=ON_NEW_TABLE)


def run_create_inside(task: Task, wished: IndexSpec, comment: str | None, reason: str) -> None:
    """Create the index in the transaction that is open, or in one of its own, at once.

    The table is locked against writers until that transaction ends.
    """
    connection, schema = task.connection, task.table.schema
    with (
        _explained(task),
        settings(
            connection,
            lock_timeout=milliseconds(task.settings.lock_timeout),
            statement_timeout="0",
        ),
        transaction(connection),
    ):
        if not task.table.materialised_view:
            # What CREATE INDEX takes; before the look, so that nobody is building during it.
            run(connection, f"LOCK TABLE {task.table} IN SHARE MODE")
            task.check_table()
        plan = plan_create(wished, task.read_state(), task.revision, task.comparing(wished))
        if settle(task, plan):
            return
        corpse = plan.corpse
        if corpse is not None:
            task.tell(Corpse, state=corpse.state)
        if plan.take is not None:
            give_name(task, plan.take, plan, comment)
        else:
            if corpse is not None:
                away = replaced_name(corpse.name, corpse.oid)
                run(connection, render_rename(corpse.name, schema, away))
            _build(task, wished, plan, comment)
        for name in debris_names(plan):
            run(connection, render_drop(name, schema))
    task.tell(BuiltAtOnce, reason=reason)


@contextmanager
def _explained(task: Task) -> Iterator[None]:
    """What the server refuses, as one of our errors; the transaction undoes everything."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except JudgeAgain as again:
        raise build_failure(task, again.cause, "Nothing was changed.") from again.cause
    except DBAPIError as error:
        raise build_failure(task, error, "Nothing was changed.") from error


def run_create_small(task: Task, wished: IndexSpec, comment: str | None) -> bool:
    """Create the index on a table of at most 64 kB whose name is free, in a short transaction.

    The connection is in autocommit. Takes only locks that are free this instant, and changes
    nothing where one is not: then, as for a bigger table, a taken name or a leftover of an
    earlier build, the answer is False.
    """
    from sqlalchemy.exc import DBAPIError

    connection, table = task.connection, task.table
    if table.materialised_view:
        return False
    try:
        with transaction(connection):
            # Local to this transaction; a size waits for a leaf that is locked ACCESS EXCLUSIVE.
            read(connection, _IMPATIENT)
            run(connection, f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE NOWAIT")
            task.check_table()
            if not is_small_and_free(connection, table, task.name):
                return False
            run(connection, f"LOCK TABLE {table} IN SHARE MODE NOWAIT")
            if read_size(connection, table) > SMALL_BYTES:
                return False
            _build(task, wished, CreatePlan(), comment)
    except DBAPIError as error:
        if sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK, NAME_TAKEN):
            return False
        raise build_failure(task, error, "Nothing was changed.") from error
    task.tell(BuiltAtOnce, reason=f"the table has at most {SMALL_BYTES // 1024} kB")
    return True


def _build(task: Task, wished: IndexSpec, plan: CreatePlan, comment: str | None) -> None:
    run(task.connection, render_create(wished))
    tags = tags_of_new(comment, task.revision, plan.corpse).render()
    if tags is not None:
        run(task.connection, render_comment(wished.name, task.table.schema, tags))
    if task.table.partitioned:
        _verify_leaves(task, wished)


def _verify_leaves(task: Task, wished: IndexSpec) -> None:
    """PostgreSQL attaches an ASC index of a partition under a DESC parent: look at each leaf."""
    for leaf in read_descendants(task.connection, task.name, task.table.schema):
        problems: list[object] = [] if leaf.usable else [f"it is {leaf.state}"]
        problems += compare_definitions(
            replace(wished, storage_parameters=leaf.spec.storage_parameters),
            leaf.spec,
            normalised=False,
        )
        if problems:
            raise VerificationError(
                f'index "{task.name}" on {task.table}: PostgreSQL would attach index "{leaf.name}"'
                f' of partition "{leaf.schema}"."{leaf.table}", which is not as asked:'
                f" {'; '.join(map(str, problems))}. Nothing was changed; repair (REINDEX INDEX"
                " CONCURRENTLY) or drop that index, then run the migration again."
            )
