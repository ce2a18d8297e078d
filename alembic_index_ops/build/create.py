"""Creating an index on a live table: build aside, verify, then name; debris last."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.debris import drop_debris, drop_leftover
from alembic_index_ops.build.failures import NAME_TAKEN, build_failure
from alembic_index_ops.build.locks import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    locked_table,
    milliseconds,
    one_builder,
)
from alembic_index_ops.build.naming import replaced_name
from alembic_index_ops.build.place import SMALL_BYTES, read_size
from alembic_index_ops.build.plan import CreatePlan, plan_create, tags_of_new
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.task import Task, unlimited
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.session import run, settings, sqlstate, transaction
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.sql import (
    literal,
    qualified,
    quote,
    render_comment,
    render_create,
    render_rename,
)
from alembic_index_ops.errors import UnsupportedError, VerificationError
from alembic_index_ops.events import (
    Adopted,
    BuildStarted,
    BuiltAtOnce,
    Corpse,
    Named,
    Present,
    Taken,
)

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from alembic_index_ops.definition.spec import IndexSpec

_JUDGEMENTS = 5


class JudgeAgain(Exception):
    """Something changed between the look and the deed: look again."""

    def __init__(self, cause: DBAPIError) -> None:
        self.cause = cause


def run_create(task: Task, wished: IndexSpec, comment: str | None, *, small: bool) -> None:
    """Create the index, outside any transaction (the connection is in autocommit).

    `small` allows a short SHARE lock on a table of at most 64 kB. Raises the errors of
    `alembic_index_ops.errors`; after each of them the same call again ends right.
    """
    connection = task.connection
    with (
        unlimited(connection),
        one_builder(connection, task.table, task.lock_budget()),
    ):
        for attempt in range(_JUDGEMENTS):
            try:
                _create(task, wished, comment, small)
            except JudgeAgain as again:
                if attempt == _JUDGEMENTS - 1:
                    raise build_failure(task, again.cause, "") from again.cause
            else:
                return


def run_create_inside(task: Task, wished: IndexSpec, comment: str | None, reason: str) -> None:
    """Create the index in the transaction that is open, or in one of its own, at once.

    The table is locked against writers until that transaction ends.
    """
    from sqlalchemy.exc import DBAPIError

    connection = task.connection
    try:
        with (
            settings(connection, lock_timeout=milliseconds(task.settings.lock_timeout)),
            transaction(connection),
        ):
            plan = plan_create(wished, task.read_state(), task.revision, task.comparing(wished))
            if _settle(task, plan):
                return
            corpse = plan.corpse
            if corpse is not None:
                task.tell(Corpse, state=corpse.state)
            if plan.take is not None:
                _name(task, plan.take, plan, comment)
            else:
                if corpse is not None:
                    run(
                        connection,
                        render_rename(
                            corpse.name, task.table.schema, replaced_name(corpse.name, corpse.oid)
                        ),
                    )
                _build_at_once(task, wished, plan, comment)
            for name in _debris_names(plan):
                run(connection, f"DROP INDEX {qualified(name, task.table.schema)}")
    except JudgeAgain as again:
        raise build_failure(task, again.cause, "Nothing was changed.") from again.cause
    except DBAPIError as error:
        raise build_failure(task, error, "Nothing was changed.") from error
    task.tell(BuiltAtOnce, reason=reason)


def _create(task: Task, wished: IndexSpec, comment: str | None, small: bool) -> None:
    plan, at_once = _look(task, wished, comment, small)
    if at_once or _settle(task, plan):
        drop_debris(task, _debris_names(plan))
        return
    if plan.corpse is not None:
        task.tell(Corpse, state=plan.corpse.state)
    started = time.monotonic()
    if plan.take is not None:
        aside = plan.take
        task.tell(Taken, aside=aside.name)
    else:
        aside = _build_aside(task, wished, str(plan.build))
    _name(task, aside, plan, comment)
    task.tell(Named, seconds=time.monotonic() - started)
    drop_debris(task, _debris_names(plan))


def _look(
    task: Task, wished: IndexSpec, comment: str | None, small: bool
) -> tuple[CreatePlan, bool]:
    """Judge while nobody can build on the table, and build at once what is small and free."""
    from sqlalchemy.exc import DBAPIError

    connection, table = task.connection, task.table
    built = False
    try:
        with locked_table(connection, table, task.lock_budget()):
            plan = plan_create(wished, task.read_state(), task.revision, task.comparing(wished))
            free = plan.build is not None and plan.corpse is None
            if free and small and not table.materialised_view:
                built = _try_small(task, wished, plan, comment)
            if plan.build is not None and not built and table.partitioned:
                raise UnsupportedError(
                    f'index "{wished.name}" on {table}: the table is partitioned and bigger than'
                    f" {SMALL_BYTES // 1024} kB, and PostgreSQL cannot build on a partitioned"
                    " table concurrently. Nothing was changed; create the index on each partition"
                    " first, and then this one with concurrently=False, which attaches them."
                )
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error) from error
        raise build_failure(task, error, "Nothing was changed.") from error
    if built:
        task.tell(BuiltAtOnce, reason=f"the table has at most {SMALL_BYTES // 1024} kB")
    return plan, built


def _try_small(task: Task, wished: IndexSpec, plan: CreatePlan, comment: str | None) -> bool:
    """Build under a SHARE lock that is free this instant; False where that cannot be."""
    from sqlalchemy.exc import DBAPIError

    connection, table = task.connection, task.table
    if read_size(connection, table) > SMALL_BYTES:
        return False
    try:
        with transaction(connection):
            run(connection, f"LOCK TABLE {table} IN SHARE MODE NOWAIT")
            if read_size(connection, table) > SMALL_BYTES:
                return False
            _build_at_once(task, wished, plan, comment)
    except DBAPIError as error:
        if sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK):
            return False
        raise
    return True


def _build_at_once(task: Task, wished: IndexSpec, plan: CreatePlan, comment: str | None) -> None:
    run(task.connection, render_create(wished))
    tags = tags_of_new(comment, task.revision, plan.corpse).render()
    if tags is not None:
        run(task.connection, render_comment(wished.name, task.table.schema, tags))
    if task.table.partitioned:
        _verify_leaves(task, wished)


def _settle(task: Task, plan: CreatePlan) -> bool:
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


def _build_aside(task: Task, wished: IndexSpec, aside: str) -> ObservedIndex:
    """Build under the name aside, and verify. What a failed build leaves is dropped or named."""
    from sqlalchemy.exc import DBAPIError

    connection = task.connection
    task.tell(BuildStarted, aside=aside)
    try:
        with settings(connection, lock_timeout=milliseconds(task.lock_budget())):
            run(connection, render_create(wished.named(aside), concurrently=True))
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error) from error
        left_behind = drop_leftover(task, aside)
        if sqlstate(error) == DEADLOCK:
            raise JudgeAgain(error) from error
        raise build_failure(task, error, left_behind) from error
    built = next(
        (
            index
            for index in read_indexes(connection, table_oids=[task.table.oid])
            if index.name == aside
        ),
        None,
    )
    problems: list[object] = ["it is gone"] if built is None else []
    if built is not None and not built.usable:
        problems = [f"it is {built.state}"]
    elif built is not None:
        problems = list(compare_definitions(wished, built.spec, normalised=False))
    if built is None or problems:
        left_behind = drop_leftover(task, aside)
        raise VerificationError(
            f'index "{task.name}" on {task.table}: what the server built is not what was asked'
            f" for: {'; '.join(map(str, problems))}. {left_behind}"
        )
    return built


def _name(task: Task, aside: ObservedIndex, plan: CreatePlan, comment: str | None) -> None:
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
        with settings(task.connection, lock_timeout=milliseconds(task.settings.lock_timeout)):
            run(task.connection, f"DO {literal(block).strip()}")
    except DBAPIError as error:
        if sqlstate(error) == NAME_TAKEN:
            raise JudgeAgain(error) from error
        raise build_failure(
            task, error, f"It is built and valid under the name {quote(aside.name)}."
        ) from error


def _verify_leaves(task: Task, wished: IndexSpec) -> None:
    """PostgreSQL attaches an ASC index of a partition under a DESC parent: look at each leaf."""
    from alembic_index_ops.catalog.tree import read_descendants

    for leaf in read_descendants(task.connection, task.name, task.table.schema):
        differences = compare_definitions(
            replace(wished, storage_parameters=leaf.spec.storage_parameters),
            leaf.spec,
            normalised=False,
        )
        if differences:
            raise VerificationError(
                f'index "{task.name}" on {task.table}: PostgreSQL would attach index "{leaf.name}"'
                f' of partition "{leaf.schema}"."{leaf.table}", which differs:'
                f" {'; '.join(map(str, differences))}. Nothing was changed; drop or replace that"
                " index, then run the migration again."
            )


def _debris_names(plan: CreatePlan) -> list[str]:
    names = [index.name for index in plan.debris]
    if plan.corpse is not None:
        names.append(replaced_name(plan.corpse.name, plan.corpse.oid))
    return names
