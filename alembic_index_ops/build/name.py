"""An index gets its name and its tags: adopted as it is, or built aside and renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.failures import NAME_TAKEN, build_failure
from alembic_index_ops.build.naming import replaced_name
from alembic_index_ops.build.plan import CreatePlan, tags_of_new
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.sql import (
    literal,
    qualified,
    quote,
    render_comment,
    render_rename,
)
from alembic_index_ops.events import Adopted, Present

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError


class JudgeAgain(Exception):
    """Something changed between the look and the deed: look again."""

    def __init__(self, cause: DBAPIError) -> None:
        self.cause = cause


def settle(task: Task, plan: CreatePlan) -> bool:
    """Whether the index is there already; adopts it where another's hand made it."""
    if plan.present is not None:
        task.tell(Present)
        return True
    if plan.adopt is not None and task.revision is not None:
        tags = parse_comment(plan.adopt.comment).adopt(task.revision.id).render()
        run(task.connection, render_comment(task.name, task.table.schema, tags))
        task.tell(Adopted, revision=task.revision.id)
        return True
    return False


def give_name(task: Task, aside: ObservedIndex, plan: CreatePlan, comment: str | None) -> None:
    """Give the verified index its name and its tag, and move a corpse away, in one transaction."""
    from sqlalchemy.exc import DBAPIError

    schema, corpse = task.table.schema, plan.corpse
    statements = []
    if corpse is not None:
        statements.append(
            render_rename(corpse.name, schema, replaced_name(corpse.name, corpse.oid))
        )
    statements.append(render_rename(aside.name, schema, task.name))
    tags = tags_of_new(comment, task.revision, corpse).render()
    if tags is not None:
        statements.append(render_comment(task.name, schema, tags))
    checks = " AND ".join(
        f"to_regclass({literal(qualified(index.name, schema))}) = {index.oid}::oid"
        for index in (aside, corpse)
        if index is not None
    )
    body = "; ".join(statements)
    block = (
        f"BEGIN IF NOT coalesce({checks}, false) THEN"
        f" RAISE EXCEPTION USING ERRCODE = '{NAME_TAKEN}', MESSAGE = 'the names have changed';"
        f" END IF; {body}; END"
    )
    try:
        run(task.connection, f"DO {literal(block).strip()}")
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error) from error
        raise build_failure(
            task, error, f"It is built and valid under the name {quote(aside.name)}."
        ) from error


def debris_names(plan: CreatePlan) -> list[str]:
    names = [index.name for index in plan.debris]
    if plan.corpse is not None:
        names.append(replaced_name(plan.corpse.name, plan.corpse.oid))
    return names
