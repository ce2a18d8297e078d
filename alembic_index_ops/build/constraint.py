"""UNIQUE constraints on live tables: the index built aside, then taken by the constraint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.build_aside import build_aside, retrying
from alembic_index_ops.build.debris import drop_debris
from alembic_index_ops.build.drop_plan import kept_because
from alembic_index_ops.build.failures import UNCHANGED, build_failure, drop_failure
from alembic_index_ops.build.leftovers import find_debris
from alembic_index_ops.build.locks import locked_table, one_builder, strongly_locked_table
from alembic_index_ops.build.name import settle
from alembic_index_ops.build.plan import find_finished, free_aside, plan_as_asked
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import foreign, identifies
from alembic_index_ops.build.task import Task, session
from alembic_index_ops.catalog.dependents import (
    has_constraint,
    read_deferral,
    read_dependents,
)
from alembic_index_ops.catalog.session import run
from alembic_index_ops.catalog.tables import describe_kind
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.sql import quote, render_comment
from alembic_index_ops.errors import (
    DefinitionDiffersError,
    DropRefusedError,
    NameTakenError,
    UnsupportedError,
)
from alembic_index_ops.events import (
    Absent,
    ConstraintAdded,
    ConstraintDropped,
    Kept,
    Taken,
)

if TYPE_CHECKING:
    from alembic_index_ops.build.plan import State
    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.definition.spec import IndexSpec

_LEFT_ALONE = "it is left alone; correct the operation"


@dataclass(frozen=True, slots=True)
class Deferral:
    """Whether a constraint may be checked at the end of the transaction, and is by default."""

    deferrable: bool = False
    initially_deferred: bool = False

    def __str__(self) -> str:
        if not self.deferrable:
            return "NOT DEFERRABLE"
        return f"DEFERRABLE INITIALLY {'DEFERRED' if self.initially_deferred else 'IMMEDIATE'}"


def run_create_constraint(
    task: Task, wished: IndexSpec, deferral: Deferral, comment: str | None
) -> None:
    """Add the constraint `wished.name`, its index built concurrently; in autocommit.

    Only the last step makes others wait, each try no longer than stall_timeout. Raises as a
    build does; the same call again ends right.
    """
    if task.table.kind != "r":
        next_step = (
            "use this operation on each partition, then op.create_unique_constraint on the parent,"
            " which takes those in"
            if task.table.partitioned
            else "use op.create_concurrent_index(..., unique=True)"
        )
        raise UnsupportedError(
            f'constraint "{task.name}" on {task.table}: PostgreSQL can give a ready index to a'
            f" constraint of an ordinary table only; this is a {describe_kind(task.table.kind)}."
            f" Nothing was changed; {next_step}."
        )
    with session(task), one_builder(task):
        retrying(task, lambda: _create(task, wished, deferral, comment))


def run_drop_constraint(task: Task) -> bool:
    """Drop the constraint of the task's name; True where a downgrade keeps it, its tags due."""
    from sqlalchemy.exc import DBAPIError

    with session(task), one_builder(task):
        try:
            with locked_table(task):
                state = task.read_and_doubt()
        except DBAPIError as error:
            raise drop_failure(task, error, concurrently=False) from error
        index = _constraint(task, state, _LEFT_ALONE, DropRefusedError)
        kept = kept_because(index, task.revision) if index is not None else ""
        if index is None:
            task.tell(Absent, nearest=())
        elif kept:
            task.tell(Kept, reason=kept)
        else:
            _refuse_dropping(task, index)
            try:
                with strongly_locked_table(task, "ACCESS EXCLUSIVE"):
                    # The tries may have taken minutes.
                    _refuse_dropping(task, task.read_state().named(task.name))
                    run(task.connection, f"ALTER TABLE {task.table} DROP CONSTRAINT {_name(task)}")
            except DBAPIError as error:
                raise drop_failure(task, error, concurrently=False) from error
            task.tell(ConstraintDropped)
        drop_debris(task, [each.name for each in find_debris(task.name, state)])
    return bool(kept)


def _create(task: Task, wished: IndexSpec, deferral: Deferral, comment: str | None) -> None:
    from sqlalchemy.exc import DBAPIError

    try:
        with locked_table(task):
            state = task.read_and_doubt()
    except DBAPIError as error:
        raise build_failure(task, error, UNCHANGED) from error
    current = _constraint(
        task, state, "nothing was changed; give the constraint another name", NameTakenError
    )
    if current is None and has_constraint(task.connection, task.table, task.name):
        raise NameTakenError(
            f'constraint "{task.name}" on {task.table} exists, and is no UNIQUE constraint: nothing'
            " was changed; give the new one another name"
        )
    debris = [index.name for index in find_debris(task.name, state)]
    if current is not None:
        _settle(task, wished, deferral, current)
    else:
        aside = find_finished(wished, state, task.comparing(wished))
        if aside is not None:
            task.tell(Taken, aside=aside.name)
            debris = [name for name in debris if name != aside.name]
        else:
            aside = build_aside(task, wished, free_aside(wished, state))
        _add(task, aside, deferral, comment)
    drop_debris(task, debris)


def _settle(task: Task, wished: IndexSpec, deferral: Deferral, current: ObservedIndex) -> None:
    """The constraint is there: as asked, it is left or adopted."""
    found = Deferral(*read_deferral(task.connection, current.oid))
    differences = [str(each) for each in compare_definitions(wished, current.spec)]
    if found != deferral:
        differences.append(f"constraint: wanted {deferral}, found {found}")
    if differences:
        lines = "".join(f"\n  {difference}" for difference in differences)
        raise DefinitionDiffersError(
            f'constraint "{task.name}" on {task.table} exists with another definition:{lines}\n'
            "Nothing was changed. Give the new one another name, then drop this one with"
            " op.drop_unique_constraint_concurrently."
        )
    settle(task, plan_as_asked(current, task.revision))


def _add(task: Task, aside: ObservedIndex, deferral: Deferral, comment: str | None) -> None:
    from sqlalchemy.exc import DBAPIError

    tags = parse_comment(comment)
    if task.revision is not None:
        tags = replace(tags, built_by=task.revision.id)
    told = tags.render()
    try:
        with strongly_locked_table(task, "ACCESS EXCLUSIVE"):
            run(
                task.connection,
                f"ALTER TABLE {task.table} ADD CONSTRAINT {_name(task)} UNIQUE USING INDEX"
                f" {quote(aside.name)} {deferral}",
            )
            if told is not None:
                run(task.connection, render_comment(task.name, task.table.schema, told))
    except DBAPIError as error:
        left_behind = f"Its index is built and valid under the name {quote(aside.name)}."
        raise build_failure(task, error, left_behind) from error
    task.tell(ConstraintAdded)


def _constraint(
    task: Task, state: State, next_step: str, error: type[NameTakenError | DropRefusedError]
) -> ObservedIndex | None:
    """The index of the table's UNIQUE constraint of that name; None where the name is free."""
    if state.holder is None:
        return None
    index = state.named(task.name)
    if index is None:
        raise error(foreign(task.name, task.table, state.holder, next_step))
    if index.constraint_type != "u":
        raise error(
            f'"{task.name}" on {task.table} is no UNIQUE constraint, but'
            f" {'an index' if index.constraint_type is None else 'another constraint'}: {next_step}"
        )
    return index


def _refuse_dropping(task: Task, index: ObservedIndex | None) -> None:
    """Raise DropRefusedError for a constraint that something else stands on."""
    if index is None:
        return
    label = f'constraint "{task.name}" on {task.table}'
    if index.replica_identity:
        raise DropRefusedError(f"{label}: its index {identifies(task.table)}")
    keys = read_dependents(task.connection, task.table, index.oid).foreign_keys
    if keys:
        names = ", ".join(f'"{name}"' for name in keys)
        raise DropRefusedError(
            f"{label}: foreign keys point at it ({names}). Nothing was changed; drop them first"
            " (op.drop_constraint)."
        )


def _name(task: Task) -> str:
    return quote(task.name)
