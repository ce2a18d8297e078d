"""Building in one transaction: new tables, tiny ones, and where the revision asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from alembic_index_ops.build.failures import NAME_TAKEN, UNCHANGED, build_failure, shown_cause
from alembic_index_ops.build.judge import judge, tell_corpse
from alembic_index_ops.build.locks import PASSING, strongly_locked_table
from alembic_index_ops.build.name import JudgeAgain, give_name, leftovers_of, settle
from alembic_index_ops.build.partition_drop import drop_leftovers_inside
from alembic_index_ops.build.partition_swap import read_successions
from alembic_index_ops.build.partition_tree import read_misfits
from alembic_index_ops.build.place import SMALL_BYTES, is_small_and_free, read_size
from alembic_index_ops.build.plan import CreatePlan, tags_of_new
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import refuse_foreign
from alembic_index_ops.build.statistics import analyze_if_asked
from alembic_index_ops.build.task import (
    Task,
    refusals_explained,
    render_settings,
    settings_to_build,
)
from alembic_index_ops.build.tree_plan import plan_whole
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.partitions import read_partitions
from alembic_index_ops.catalog.session import run, set_locally, sqlstate, transaction
from alembic_index_ops.catalog.tables import read_holder
from alembic_index_ops.catalog.tree import read_descendants
from alembic_index_ops.definition.compare import compare_definitions
from alembic_index_ops.definition.sql import (
    render_comment,
    render_create,
)
from alembic_index_ops.errors import VerificationError
from alembic_index_ops.events import BuiltAtOnce

if TYPE_CHECKING:
    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.definition.stored import Former


_IMPATIENT = "100ms"
ON_NEW_TABLE = "in the transaction that made the table"


def run_create_on_new_table(task: Task, wished: IndexSpec, comment: str | None) -> None:
    """Create the index in the transaction that made the table: there is nobody to wait for."""
    if read_holder(task.connection, task.name, task.table.schema) is not None:
        run_create_inside(task, wished, comment, ON_NEW_TABLE)
        return
    # The migration's own transaction is lost with a failure, so nothing can be listed then.
    with _explained(task, None), settings_to_build(task):
        _build(task, wished, CreatePlan(), comment, _read_of_partitions(task, wished))
    task.tell(BuiltAtOnce, reason=ON_NEW_TABLE)
    analyze_if_asked(task)


def run_create_inside(
    task: Task,
    wished: IndexSpec,
    comment: str | None,
    reason: str,
    *,
    replacing: bool = False,
    former: Former | None = None,
) -> bool:
    """Create the index in the transaction that is open, or in one of its own, at once.

    The table is locked against writers until that transaction ends. True where the index is kept
    as this revision found it, and its tags are due.
    """
    with ExitStack() as stack:
        stack.enter_context(_explained(task, wished))
        stack.enter_context(settings_to_build(task))
        # What CREATE INDEX takes; before the look, so that nobody is building during it.
        stack.enter_context(strongly_locked_table(task, "SHARE"))
        planned = partial(plan_whole, misfits=read_misfits(task, wished))
        plan, dependents = judge(task, wished, replacing, former, planned)
        if settle(task, plan):
            drop_leftovers_inside(task, leftovers_of(plan))
            return plan.keep is not None
        before = _read_of_partitions(task, wished)
        tell_corpse(task, wished, plan.corpse)
        if plan.take is not None:
            parts = read_successions(task, plan.take, plan.corpse)
            give_name(task, plan.take, plan, comment, dependents, parts)
        elif plan.corpse is not None:
            aside = _build_aside(task, wished, str(plan.build), before)
            parts = read_successions(task, aside, plan.corpse, before)
            give_name(task, aside, plan, comment, dependents, parts)
        else:
            _build(task, wished, plan, comment, before)
        drop_leftovers_inside(task, leftovers_of(plan))
    task.tell(BuiltAtOnce, reason=reason)
    analyze_if_asked(task)
    return False


def _build_aside(
    task: Task, wished: IndexSpec, aside: str, before: frozenset[int]
) -> ObservedIndex:
    run(task.connection, render_create(wished.named(aside)))
    _look_at_parts(replace(task, name=aside), wished, before)
    indexes = read_indexes(task.connection, table_oids=[task.table.oid])
    return next(index for index in indexes if index.name == aside)


@contextmanager
def _explained(task: Task, wished: IndexSpec | None) -> Iterator[None]:
    """What the server refuses, as one of our errors; the transaction undoes everything."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except JudgeAgain as again:
        raise again.failure(task, UNCHANGED) from again.cause
    except DBAPIError as error:
        raise build_failure(task, error, UNCHANGED, wished) from shown_cause(task, error)


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
            # A size waits for a leaf that is locked ACCESS EXCLUSIVE.
            with refusals_explained(task):
                set_locally(connection, lock_timeout=_IMPATIENT, **render_settings(task))
            run(connection, f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE NOWAIT")
            task.check_table()
            if not is_small_and_free(connection, table, task.name):
                return False
            which = "" if table.partitioned else "ONLY "
            run(connection, f"LOCK TABLE {which}{table} IN SHARE MODE NOWAIT")
            if read_size(connection, table) > SMALL_BYTES:
                return False
            _build(task, wished, CreatePlan(), comment, _read_of_partitions(task, wished))
    except VerificationError:
        # A partition has an index that PostgreSQL would take though it is another: undone, and
        # built leaf by leaf, each beside what is there.
        return False
    except DBAPIError as error:
        if sqlstate(error) in (*PASSING, NAME_TAKEN):
            return False
        raise build_failure(task, error, UNCHANGED, wished) from shown_cause(task, error)
    task.tell(BuiltAtOnce, reason=f"the table has at most {SMALL_BYTES // 1024} kB")
    analyze_if_asked(task)
    return True


def _build(
    task: Task,
    wished: IndexSpec,
    plan: CreatePlan,
    comment: str | None,
    before: frozenset[int],
) -> None:
    run(task.connection, render_create(wished))
    tags = tags_of_new(comment, task.revision, plan.corpse).render()
    if tags is not None:
        run(task.connection, render_comment(wished.name, task.table.schema, tags))
    _look_at_parts(task, wished, before)


def _look_at_parts(task: Task, wished: IndexSpec, before: frozenset[int]) -> None:
    """Of a tree just made: PostgreSQL may have made parts of it of what was there `before`."""
    if task.table.partitioned:
        _verify_leaves(task, wished)
        _adopt_leaves(task, before)


def _read_of_partitions(task: Task, wished: IndexSpec) -> frozenset[int]:
    """The OIDs of the indexes that the partitions have already. Raises UnsupportedError where one
    is a foreign table."""
    if not task.table.partitioned:
        return frozenset()
    partitions = [each.table for each in read_partitions(task.connection, task.table)]
    refuse_foreign(wished, task.table, [each for each in partitions if each.kind == "f"])
    oids = [each.oid for each in partitions]
    return frozenset(index.oid for index in read_indexes(task.connection, table_oids=oids))


def _adopt_leaves(task: Task, before: frozenset[int]) -> None:
    """Tag those that PostgreSQL took for parts of the new index: a downgrade gives them back."""
    if task.revision is None or not task.revision.upgrade:
        return
    for part in read_descendants(task.connection, task.name, task.table.schema):
        tags = parse_comment(part.comment)
        # What this very revision built is its own, to be dropped with the rest.
        if part.oid in before and tags.built_by != task.revision.id:
            adopted = tags.adopt(task.revision.id).render()
            run(task.connection, render_comment(part.name, part.schema, adopted))


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
                f" {'; '.join(map(str, problems))}. Nothing was changed; build it concurrently,"
                " which leaves that one beside ours, or repair (REINDEX INDEX CONCURRENTLY) or drop"
                " that one, with what it is part of; then run the migration again."
            )
