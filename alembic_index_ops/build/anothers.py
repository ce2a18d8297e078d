"""Parts of a tree that were there before it, made by another hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alembic_index_ops.build.provenance import parse_comment
from alembic_index_ops.catalog.indexes import ObservedIndex


def find_anothers(
    tree: ObservedIndex, parts: Iterable[ObservedIndex], revision: str | None = None
) -> list[ObservedIndex]:
    """Those of the tree's parts that it only took in, the upper levels first.

    Such a one is tagged so (by `revision`, where one is given), or PostgreSQL attached it when its
    table became a partition, though its order is another, or the parameters of its operator classes
    are (those it makes itself are as ours), or it is part of such a one.
    """
    below: dict[int | None, list[ObservedIndex]] = {}
    for part in parts:
        below.setdefault(part.parent_oid, []).append(part)
    found: dict[int, ObservedIndex] = {}
    takers: dict[int, frozenset[str]] = {}
    parents = [tree]
    for parent in parents:
        for part in below.get(parent.oid, ()):
            parents.append(part)
            tags = parse_comment(part.comment)
            given = frozenset(tags.adopted_by if revision is None else [revision])
            above = takers.get(parent.oid)
            if (
                given.intersection(tags.adopted_by)
                or (part.indoption, part.parameters) != (tree.indoption, tree.parameters)
                or (above is not None and tags.built_by not in above)
            ):
                found[part.oid] = part
                takers[part.oid] = given | (above or frozenset())
    return list(found.values())
