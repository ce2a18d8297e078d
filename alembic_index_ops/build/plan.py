"""Wished index + observed indexes -> what to do. Pure: reads nothing, runs nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from alembic_index_ops.build.naming import (
    aside_names,
    is_aside,
    is_aside_of,
    is_proven_aside,
    name_before,
    script_name,
)
from alembic_index_ops.build.provenance import Provenance, parse_comment
from alembic_index_ops.build.refusals import differs, foreign, refuse_dropping, refuse_replacing
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Holder, Table
from alembic_index_ops.definition.compare import Difference
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import (
    CannotJudgeError,
    DefinitionDiffersError,
    DropRefusedError,
    NameTakenError,
)


@dataclass(frozen=True, slots=True)
class Revision:
    """The revision that runs, and its direction."""

    id: str
    upgrade: bool


@dataclass(frozen=True, slots=True)
class State:
    """What a build finds: the table, all its indexes, and who has the index's name."""

    table: Table
    indexes: Sequence[ObservedIndex]
    holder: Holder | None

    def named(self, name: str) -> ObservedIndex | None:
        """The table's index of that name."""
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """How to get from what is there to the wished index.

    Exactly one of `present`, `adopt`, `take` and `build` says what the index becomes of:
    it is there already, it is there by another's hand, a finished build aside gets the name,
    or it is built (under the name `build`). Then `corpse`, the INVALID index that has the
    name, is moved out of it, and `debris` is dropped.
    """

    present: ObservedIndex | None = None
    adopt: ObservedIndex | None = None
    take: ObservedIndex | None = None
    build: str | None = None
    corpse: ObservedIndex | None = None
    debris: tuple[ObservedIndex, ...] = field(default=())


Compare = Callable[[ObservedIndex], Sequence[Difference]]


def plan_create(
    wished: IndexSpec, state: State, revision: Revision | None, compare: Compare
) -> CreatePlan:
    """The plan; nobody is building on the table while it is made.

    `compare` says how an observed index differs from the wished one; it is asked only where
    that decides something. Raises NameTakenError or DefinitionDiffersError.
    """
    current = _current(wished.name, state)
    debris = tuple(_debris(wished.name, state))
    if current is not None and current.usable:
        differences = _compare_ours(current, compare, revision)
        if differences:
            raise DefinitionDiffersError(differs(wished, state.table, current, differences))
        if revision is None or not revision.upgrade or _is_ours(current, revision):
            return CreatePlan(present=current, debris=debris)
        return CreatePlan(adopt=current, debris=debris)
    if current is not None:
        refuse_replacing(current, state.table)
    names = list(islice(aside_names(wished), len(debris) + 1))
    # Its name holds the hash of the wished definition, so there is nothing left to compare.
    finished = next(
        (
            index
            for index in state.indexes
            if index.usable and index.name in (*names, script_name(wished))
        ),
        None,
    )
    if finished is not None:
        rest = tuple(index for index in debris if index is not finished)
        return CreatePlan(take=finished, corpse=current, debris=rest)
    taken = {index.name for index in state.indexes}
    free = next(name for name in aside_names(wished) if name not in taken)
    return CreatePlan(build=free, corpse=current, debris=debris)


@dataclass(frozen=True, slots=True)
class DropPlan:
    """What a drop does: `drop` the index, or `keep` it with new tags (`kept_because`), or,
    with neither, find that there is none (`nearest` names)."""

    drop: ObservedIndex | None = None
    keep: ObservedIndex | None = None
    kept_because: str = ""
    nearest: tuple[str, ...] = ()
    debris: tuple[ObservedIndex, ...] = ()


def plan_drop(name: str, state: State, revision: Revision | None) -> DropPlan:
    """The plan. Raises DropRefusedError for what is another's: a constraint's index, a replica
    identity's, a partition's part of its parent's index, or another table's."""
    debris = tuple(_debris(name, state))
    if state.holder is None:
        names = [index.name for index in state.indexes]
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        return DropPlan(nearest=tuple(nearest), debris=debris)
    index = state.named(name)
    if index is None:
        raise DropRefusedError(
            foreign(name, state.table, state.holder, "it is left alone; correct the operation")
        )
    refuse_dropping(index, state.table)
    if revision is not None and not revision.upgrade:
        tags = parse_comment(index.comment)
        if revision.id in tags.adopted_by:
            return DropPlan(
                keep=index,
                kept_because=f"{revision.id} found it there and did not build it",
                debris=debris,
            )
        if tags.needed_by_others(revision.id):
            return DropPlan(
                keep=index,
                kept_because=f"also needed by {', '.join(tags.adopted_by)}",
                debris=debris,
            )
    return DropPlan(drop=index, debris=debris)


def tags_of_new(
    comment: str | None, revision: Revision | None, corpse: ObservedIndex | None
) -> Provenance:
    """The comment of an index just built.

    Whose an index is does not change because it was INVALID and had to be built anew: what
    others wrote on it (a comment, tags) lives on, and who builds it then has adopted it.
    """
    before = parse_comment(corpse.comment if corpse is not None else None)
    if comment is not None:
        before = replace(before, comment=comment)
    if revision is None:
        return before
    if before.built_by == revision.id or not (before.built_by or before.adopted_by):
        return replace(before, built_by=revision.id)
    return before.adopt(revision.id) if revision.upgrade else before


def _current(name: str, state: State) -> ObservedIndex | None:
    if state.holder is None:
        return None
    index = state.named(name)
    if index is None:
        raise NameTakenError(
            foreign(
                name,
                state.table,
                state.holder,
                "nothing was changed; give the index another name",
            )
        )
    return index


def _debris(name: str, state: State) -> list[ObservedIndex]:
    """What our builds left on this table, of this index and of others."""
    return [
        index
        for index in state.indexes
        if index.name != name
        and index.parent_oid is None
        and not index.partitioned
        and index.constraint_type is None
        and not index.replica_identity
        and _is_leftover(name, index)
    ]


def _is_leftover(name: str, index: ObservedIndex) -> bool:
    """A valid index has to be proven ours; of INVALID ones, this index's go by their name."""
    if is_aside_of(index.name, name):
        return not index.usable or is_proven_aside(index.spec, name, index.oid)
    return (
        not index.usable
        and is_aside(index.name)
        and is_proven_aside(index.spec, name_before(index.name), index.oid)
    )


def _compare_ours(
    current: ObservedIndex, compare: Compare, revision: Revision | None
) -> Sequence[Difference]:
    """The differences; what this revision built is as asked where the server cannot judge."""
    try:
        return compare(current)
    except CannotJudgeError:
        if revision is not None and parse_comment(current.comment).built_by == revision.id:
            return ()
        raise


def _is_ours(index: ObservedIndex, revision: Revision) -> bool:
    tags = parse_comment(index.comment)
    return tags.built_by == revision.id or revision.id in tags.adopted_by
