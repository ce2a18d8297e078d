"""Wished index + observed indexes -> how it is created. Pure: reads nothing, runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from alembic_index_ops.build.leftovers import find_debris
from alembic_index_ops.build.naming import aside_names, own_asides
from alembic_index_ops.build.provenance import Provenance, parse_comment
from alembic_index_ops.build.refusals import (
    differs,
    foreign,
    nothing_to_replace,
    refuse_replacing,
    refuse_swapping,
)
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Holder, Table
from alembic_index_ops.definition.compare import Difference
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.stored import Former, dump_former, load_former
from alembic_index_ops.errors import (
    CannotJudgeError,
    DefinitionDiffersError,
    IndexNotFoundError,
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

    Exactly one of `present`, `adopt`, `keep`, `take` and `build` says what the index becomes of:
    it is there already, it is there by another's hand, it is left as this revision found it, a
    finished build aside gets the name, or it is built (under the name `build`). Then `corpse`,
    the INVALID or replaced index that has the name, is moved out of it, and `debris` is dropped.
    `statistics`: targets by column number that the restored index had before it was replaced.
    """

    present: ObservedIndex | None = None
    adopt: ObservedIndex | None = None
    keep: ObservedIndex | None = None
    take: ObservedIndex | None = None
    build: str | None = None
    corpse: ObservedIndex | None = None
    debris: tuple[ObservedIndex, ...] = field(default=())
    statistics: tuple[tuple[int, int], ...] = ()


Compare = Callable[[ObservedIndex], Sequence[Difference]]


def plan_create(
    wished: IndexSpec,
    state: State,
    revision: Revision | None,
    compare: Compare,
    dependents: Dependents | None = None,
) -> CreatePlan:
    """The plan; nobody is building on the table while it is made.

    `compare` says how an observed index differs from the wished one; it is asked only where
    that decides something. With `dependents` a valid index of another definition is replaced.
    Raises NameTakenError, DefinitionDiffersError, ReplaceRefusedError, IndexNotFoundError.
    """
    current = _current(wished.name, state)
    debris = find_debris(wished.name, state)
    if current is not None and current.usable:
        if dependents is not None and _was_adopted(current, revision):
            return CreatePlan(keep=current, debris=debris)
        differences = _compare_ours(current, compare, revision)
        if not differences:
            return plan_as_asked(current, revision, debris)
        if dependents is None:
            raise DefinitionDiffersError(differs(wished, state.table, current, differences))
        refuse_swapping(wished, current, state.table, dependents)
    elif current is not None:
        refuse_replacing(current, state.table)
    elif dependents is not None:
        raise IndexNotFoundError(nothing_to_replace(wished.name, state))
    finished = find_finished(wished, state, compare)
    if finished is not None:
        rest = tuple(index for index in debris if index is not finished)
        return CreatePlan(take=finished, corpse=current, debris=rest)
    return CreatePlan(build=free_aside(wished, state), corpse=current, debris=debris)


def plan_as_asked(
    current: ObservedIndex,
    revision: Revision | None,
    debris: tuple[ObservedIndex, ...] = (),
) -> CreatePlan:
    """The plan for an index that is there as asked: left, or adopted from another's hand."""
    if revision is None or not revision.upgrade or _is_ours(current, revision):
        return CreatePlan(present=current, debris=debris)
    return CreatePlan(adopt=current, debris=debris)


def find_finished(wished: IndexSpec, state: State, compare: Compare) -> ObservedIndex | None:
    """A build aside of this definition that an earlier run finished, and did not name.

    Its name holds the hash of the wished definition: what the server cannot judge is taken.
    """
    return next(filter(lambda index: index.usable, builds_of(wished, state, compare)), None)


def builds_of(wished: IndexSpec, state: State, compare: Compare) -> Iterator[ObservedIndex]:
    """The builds aside of this definition, finished or not; no part of a tree is one."""
    names = own_asides(wished, len(state.indexes))
    return (
        index
        for index in state.indexes
        if index.name in names
        and index.parent_oid is None
        and index.constraint_type is None
        and _is_same(index, compare)
    )


def _is_same(index: ObservedIndex, compare: Compare) -> bool:
    try:
        return not compare(index)
    except CannotJudgeError:
        return True


def free_aside(wished: IndexSpec, state: State) -> str:
    """The first name aside that no index of the table has."""
    taken = {index.name for index in state.indexes}
    return next(name for name in aside_names(wished) if name not in taken)


def tags_of_new(
    comment: str | None,
    revision: Revision | None,
    corpse: ObservedIndex | None,
    lost: tuple[tuple[int, int], ...] = (),
) -> Provenance:
    """The comment of an index just built; `lost`: statistics targets that it cannot take over.

    Whose an index is does not change because it was INVALID and had to be built anew: what
    others wrote on it (a comment, tags) lives on, and who builds it then has adopted it.
    """
    before = parse_comment(corpse.comment if corpse is not None else None)
    theirs = before.comment
    if comment is not None:
        before = replace(before, comment=comment or None)
    if revision is None:
        return before
    if corpse is not None and corpse.usable:
        if revision.upgrade:
            overwritten = None if before.comment == theirs else theirs or ""
            return _remember(before, revision, Former(corpse.spec, overwritten, lost))
        return before.restore(revision.id)
    if before.built_by == revision.id or not (before.built_by or before.adopted_by):
        return replace(before, built_by=revision.id)
    return before.adopt(revision.id) if revision.upgrade else before


def _remember(tags: Provenance, revision: Revision, former: Former) -> Provenance:
    """The tags with what the index was before the revision, maybe for the second time, replaced it:
    the first definition and the first comment that it overwrote."""
    stored = tags.before(revision.id)
    if stored is not None:
        try:
            first = load_former(stored)
        except ValueError:  # it was edited, of which restoring tells
            return tags
        former = first if first.comment is not None else replace(first, comment=former.comment)
    return tags.replace_by(revision.id, dump_former(former))


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
    return (
        tags.built_by == revision.id
        or revision.id in tags.adopted_by
        or tags.before(revision.id) is not None
    )


def _was_adopted(index: ObservedIndex, revision: Revision | None) -> bool:
    """Whether this downgrade's revision found the index as it is, and replaced nothing."""
    if revision is None or revision.upgrade:
        return False
    return revision.id in parse_comment(index.comment).adopted_by
