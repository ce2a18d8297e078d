"""Which indexes autogenerate compares: the model's, and of the database's those nobody else has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.reindex import find_left_by_reindex
from alembic_index_ops.definition.indexes import from_index

if TYPE_CHECKING:
    from sqlalchemy import Index, Table

    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.definition.spec import IndexSpec


@dataclass(frozen=True, slots=True)
class Declared:
    """An index of the model, and its definition."""

    index: Index
    spec: IndexSpec


@dataclass(frozen=True, slots=True)
class Comparable:
    """A table's indexes that are to be compared, by their names."""

    declared: dict[str, Declared]
    observed: dict[str, ObservedIndex]


def read_declared(table: Table | None) -> list[Declared]:
    """The indexes of a model's table, in the order of their names."""
    indexes = () if table is None else table.indexes
    found = [Declared(index, from_index(index)) for index in indexes]
    return sorted(found, key=lambda declared: declared.spec.name)


def comparable(
    declared: Iterable[Declared], observed: Sequence[ObservedIndex], members: frozenset[int]
) -> Comparable:
    """Leave out what is not the model's to say.

    Those are a constraint's index, a partition's part of its parent's, what belongs to an
    extension (`members`: OIDs), and what a build of ours or a REINDEX has under a name aside.
    """
    named = {each.spec.name: each for each in declared}
    others = {
        index.name
        for index in observed
        if index.parent_oid is not None or index.oid in members or index.table_oid in members
    }
    passing = {index.oid for index in find_left_by_reindex(observed)}
    passing |= {index.oid for index in observed if is_aside(index.name)}
    return Comparable(
        declared={name: each for name, each in named.items() if name not in others},
        observed={
            index.name: index
            for index in observed
            if index.name not in others
            and index.constraint_type is None
            and (index.name in named or index.oid not in passing)
        },
    )
