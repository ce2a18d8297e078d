"""Wished index + a partitioned table's indexes -> what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alembic_index_ops.build.plan import (
    Compare,
    CreatePlan,
    Revision,
    State,
    builds_of,
    plan_create,
)
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.definition.compare import Difference
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.sql import render_drop
from alembic_index_ops.errors import VerificationError


@dataclass(frozen=True, slots=True)
class Misfit:
    """A part of a tree that is not as the tree's root is, and how it differs."""

    part: ObservedIndex
    table: Table
    differences: Sequence[Difference]


Misfits = Mapping[int, Misfit]
"""By the OID of the root; it can only be replaced, with its tree."""


def describe_misfit(misfit: Misfit) -> str:
    """Which part, and what is wrong with it."""
    return (
        f'"{misfit.part.name}" of partition {misfit.table} is part of it and is not as asked:'
        f" {'; '.join(map(str, misfit.differences))}"
    )


def plan_tree(
    wished: IndexSpec,
    state: State,
    revision: Revision | None,
    compare: Compare,
    dependents: Dependents | None = None,
    misfits: Misfits | None = None,
) -> CreatePlan:
    """As `plan_create`; an INVALID tree of the wished definition is unfinished work, to be taken.

    `build` is the index's own name where nothing else has it: nobody uses a tree before it is
    valid. An INVALID one of another definition is refused, and replaced, as a valid one would be:
    finished, it would be one. One that has a misfit is replaced: nobody uses it yet either.
    """
    misfits = misfits or {}
    current = state.named(wished.name)
    if current is None or not current.partitioned or current.usable:
        plan = plan_whole(wished, state, revision, compare, dependents, misfits)
    else:
        finished = current._replace(valid=True, ready=True, live=True)
        as_if = replace(
            state,
            indexes=[finished if index is current else index for index in state.indexes],
        )
        if dependents is None and current.oid in misfits:
            dependents = Dependents()
        plan = plan_whole(wished, as_if, None, compare, dependents, misfits)
        if plan.present is not None:
            return CreatePlan(take=current, debris=plan.debris)
        plan = replace(plan, corpse=current)
    if plan.build is None:
        return plan
    unfinished = next(builds_of(wished, state, _whole(compare, misfits)), None)
    if unfinished is not None:
        rest = tuple(index for index in plan.debris if index is not unfinished)
        return replace(plan, build=None, take=unfinished, debris=rest)
    return plan if plan.corpse is not None else replace(plan, build=wished.name)


def plan_whole(
    wished: IndexSpec,
    state: State,
    revision: Revision | None,
    compare: Compare,
    dependents: Dependents | None = None,
    misfits: Misfits | None = None,
) -> CreatePlan:
    """As `plan_create`; a tree with a misfit is of another definition.

    Raises VerificationError where a valid one is not to be replaced.
    """
    misfits = misfits or {}
    current = state.named(wished.name)
    if current is not None and current.usable and current.oid in misfits and dependents is None:
        raise VerificationError(
            f'index "{wished.name}" on {state.table} is valid, but'
            f" {describe_misfit(misfits[current.oid])}. PostgreSQL does not look at the order when"
            " it attaches. Nothing was changed; have it made anew, once, with op.replace_index and"
            f" the same arguments, or by {render_drop(wished.name, state.table.schema)} before this"
            " migration runs again."
        )
    return plan_create(wished, state, revision, _whole(compare, misfits), dependents)


def _whole(compare: Compare, misfits: Misfits) -> Compare:
    def compare_whole(index: ObservedIndex) -> Sequence[Difference]:
        differences = compare(index)
        if not differences and index.oid in misfits:
            return misfits[index.oid].differences
        return differences

    return compare_whole
