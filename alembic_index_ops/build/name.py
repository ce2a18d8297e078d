"""An index gets its name and its tags: adopted as it is, or built aside and renamed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from alembic_index_ops.build.adopt import adopt
from alembic_index_ops.build.failures import NAME_TAKEN, build_failure
from alembic_index_ops.build.index_lock import patiently
from alembic_index_ops.build.inheritance import find_lost_targets
from alembic_index_ops.build.locks import strongly_locked_table
from alembic_index_ops.build.naming import replaced_name
from alembic_index_ops.build.plan import CreatePlan, tags_of_new
from alembic_index_ops.build.succession import Succession
from alembic_index_ops.build.task import Task
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.session import run, sqlstate
from alembic_index_ops.definition.sql import (
    literal,
    quote,
)
from alembic_index_ops.errors import IndexOpsError
from alembic_index_ops.events import Adopted, Kept, Present

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError


class JudgeAgain(Exception):
    """Something changed between the look and the deed: look again."""

    def __init__(self, cause: DBAPIError | IndexOpsError, reason: str) -> None:
        self.cause, self.reason = cause, reason

    def failure(self, task: Task, left_behind: str) -> IndexOpsError:
        """What to raise where looking again does not help."""
        if isinstance(self.cause, IndexOpsError):
            return self.cause
        return build_failure(task, self.cause, left_behind)


def settle(task: Task, plan: CreatePlan) -> bool:
    """Whether the index is there already; adopts it where another's hand made it."""
    if plan.present is not None:
        task.tell(Present)
        return True
    if plan.keep is not None and task.revision is not None:
        task.tell(Kept, reason=f"{task.revision.id} found it as it is and replaced nothing")
        return True
    if plan.adopt is not None and task.revision is not None:
        adopt(task, plan.adopt)
        task.tell(Adopted, revision=task.revision.id)
        return True
    return False


def give_name(
    task: Task,
    aside: ObservedIndex,
    plan: CreatePlan,
    comment: str | None,
    dependents: Dependents | None = None,
    parts: Sequence[Succession] = (),
) -> None:
    """Give the verified index its name and its tag, and move a corpse away, in one transaction.

    Of a valid one, what stands on it (`dependents`) moves to the new one there. With a tree's root
    come its `parts`.
    """
    from sqlalchemy.exc import DBAPIError

    corpse = plan.corpse
    dependents = dependents or Dependents()
    lost = () if corpse is None else find_lost_targets(aside, corpse, dependents)
    tags = tags_of_new(comment, task.revision, corpse, lost).render()
    root = Succession(
        task.table, aside, task.name, tags, corpse, dependents, restored=plan.statistics
    )
    several = (root, *parts)
    checks = " AND ".join(each.render_check() for each in several)
    body = "; ".join(statement for each in several for statement in each.render())
    block = (
        f"BEGIN IF NOT coalesce({checks}, false) THEN"
        f" RAISE EXCEPTION USING ERRCODE = '{NAME_TAKEN}', MESSAGE = 'the names have changed';"
        f" END IF; {body}; END"
    )
    built = f"It is built and valid under the name {quote(aside.name)}."

    def swap() -> None:
        with _locks_for(task, several):
            run(task.connection, f"DO {literal(block).strip()}")

    try:
        patiently(task, corpse or aside, swap, built)
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error, "the names have changed meanwhile") from error
        raise build_failure(task, error, built) from error


def _locks_for(task: Task, several: Sequence[Succession]) -> AbstractContextManager[None]:
    """A replica identity moves under ACCESS EXCLUSIVE, for which others must not wait long."""
    if any(each.moves_replica_identity for each in several):
        return strongly_locked_table(task, "ACCESS EXCLUSIVE")
    return nullcontext()


def leftovers_of(plan: CreatePlan) -> list[ObservedIndex]:
    """What is to be dropped when the name is given: debris, and last what had the name."""
    corpse = plan.corpse
    if corpse is None:
        return list(plan.debris)
    return [*plan.debris, corpse._replace(name=replaced_name(corpse.name, corpse.oid))]
