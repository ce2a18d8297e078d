"""A name + observed indexes -> what a drop does. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from alembic_index_ops.build.leftovers import find_debris
from alembic_index_ops.build.plan import Revision, State
from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.build.refusals import foreign, refuse_dropping
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.errors import DropRefusedError


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
    debris = find_debris(name, state)
    if state.holder is None:
        names = [index.name for index in state.indexes]
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        return DropPlan(nearest=tuple(nearest), debris=debris)
    index = state.named(name)
    if index is None:
        raise DropRefusedError(
            foreign(name, state.table, state.holder, "it is left alone; correct the operation")
        )
    because = kept_because(index, revision)
    if because:
        return DropPlan(keep=index, kept_because=because, debris=debris)
    refuse_dropping(index, state.table)
    return DropPlan(drop=index, debris=debris)


def kept_because(index: ObservedIndex, revision: Revision | None) -> str:
    """Why this downgrade leaves the index (or its constraint) where it is; empty to drop it."""
    if revision is None or revision.upgrade:
        return ""
    tags = parse_comment(index.comment)
    if revision.id in tags.adopted_by:
        return f"{revision.id} found it there and did not build it"
    if tags.needed_by_others(revision.id):
        return f"also needed by {', '.join(tags.adopted_by)}"
    return ""
