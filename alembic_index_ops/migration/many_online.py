"""Several indexes on a PostgreSQL connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.at_once import run_create_small
from alembic_index_ops.build.create import run_create
from alembic_index_ops.build.drop import run_drop
from alembic_index_ops.build.many import Job, raise_failures, run_many
from alembic_index_ops.migration.online import create_online, drop_online, inside_because
from alembic_index_ops.migration.opened import opened_all, outside, release_after_stamp

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from alembic_index_ops.build.task import Task
    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.migration.many_ops import CreateIndexesOp, DropIndexesOp


def create_many_online(context: MigrationContext, operation: CreateIndexesOp) -> None:
    """Create what can be created inside the transaction there, then the others, several at once.

    Raises the error of the one that failed, or one that tells all.
    """

    def job(task: Task, spec: IndexSpec) -> Job:
        wished = spec.moved_to(task.table.schema)

        def run(task: Task) -> bool:
            if operation.concurrently == "auto" and run_create_small(task, wished, None):
                return False
            return run_create(task, wished, None)

        return Job(task, run)

    with opened_all(context, operation.door, operation.specs, operation.settings) as tasks:
        jobs = []
        for task, single in zip(tasks, operation.single(), strict=True):
            if inside_because(task.connection, task.table, operation.concurrently):
                create_online(context, single)
            else:
                jobs.append(job(task, single.spec))
        _run(context, jobs, "built")


def drop_many_online(context: MigrationContext, operation: DropIndexesOp) -> None:
    """Drop them; those that are kept lose this revision's tags when the downgrade is stamped."""
    with opened_all(context, operation.door, operation.specs, operation.settings) as tasks:
        jobs = []
        for task, single in zip(tasks, operation.single(), strict=True):
            if inside_because(task.connection, task.table, operation.concurrently):
                drop_online(context, single)
            else:
                jobs.append(Job(task, run_drop))
        _run(context, jobs, "dropped")


def _run(context: MigrationContext, jobs: list[Job], deed: str) -> None:
    if not jobs:
        return
    with outside(context, jobs[0].task) as outside_task:
        outcomes = run_many(outside_task.connection, jobs, outside_task.settings.workers)
    for outcome in outcomes:
        if outcome.kept:
            release_after_stamp(context, outcome.job.task)
    raise_failures(outcomes, deed)
