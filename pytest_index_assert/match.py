"""A requirement against what the database has. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from alembic_index_ops import Difference, IndexSpec, ObservedIndex, Table, compare_definitions
from pytest_index_assert.requirement import Requirement

Level = Literal["exact", "equivalent"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table and its indexes; `leaves` are the partitions that hold rows, at any depth."""

    table: Table
    columns: frozenset[str]
    indexes: tuple[ObservedIndex, ...]
    leaves: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class LeafFault:
    """A partition that the index does not cover: nothing, something else, or INVALID there."""

    table: Table
    nearest: Candidate | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing index beside the requirement: what it reaches, and what keeps it from it.

    `lacking` is how many of the required key columns are none of its own.
    """

    index: ObservedIndex
    level: Level | None
    differences: tuple[Difference, ...]
    lacking: int = 0
    leaf_faults: tuple[LeafFault, ...] = ()

    @property
    def met(self) -> bool:
        """True where the index is what was required, usable, on every partition."""
        return self.level is not None and self.index.usable and not self.leaf_faults

    @property
    def distance(self) -> tuple[int, int, bool, int, bool, str]:
        """Sorts the nearest first."""
        return (
            self.lacking,
            len(self.differences),
            not self.index.usable,
            len(self.leaf_faults),
            self.level == "equivalent",
            self.index.name,
        )


def judge(
    requirement: Requirement, wanted: IndexSpec | None, relation: Relation
) -> tuple[Candidate, ...]:
    """Every index of the table beside the requirement, the nearest first.

    `wanted` is the definition as the server stores it, None where only a name is required.
    """
    candidates = []
    for index in relation.indexes:
        if wanted is None and index.name != requirement.name:
            continue
        candidate = _compare(requirement, wanted or index.spec, index, requirement.name)
        if candidate.level is not None:
            faults = _leaf_faults(requirement, wanted or index.spec, relation.leaves)
            candidate = replace(candidate, leaf_faults=tuple(faults))
        candidates.append(candidate)
    return tuple(sorted(candidates, key=lambda candidate: candidate.distance))


def same_definition(
    requirement: Requirement, wanted: IndexSpec, found: IndexSpec, *, normalised: bool = True
) -> Level | None:
    """The level at which `found` is `wanted`; None where it is something else.

    `exact` is the definition itself, `equivalent` also the whole key order reversed, which a
    btree serves by walking backwards.
    """
    found = _blind(requirement, wanted, found)
    if not compare_definitions(wanted, found, normalised=normalised):
        return "exact"
    if requirement.match == "exact" or wanted.access_method != "btree":
        return None
    if not compare_definitions(_reversed(wanted), found, normalised=normalised):
        return "equivalent"
    return None


def _compare(
    requirement: Requirement, wanted: IndexSpec, index: ObservedIndex, name: str | None
) -> Candidate:
    level = same_definition(requirement, wanted, index.spec)
    differences: tuple[Difference, ...] = ()
    if level is None:
        differences = compare_definitions(wanted, _blind(requirement, wanted, index.spec))
    if name is not None and index.name != name:
        level = None
        differences = (Difference("name", name, index.name), *differences)
    labels = {key.label for key in index.spec.key_columns}
    lacking = 0 if index.name == name else sum(k.label not in labels for k in wanted.key_columns)
    return Candidate(index, level, differences, lacking)


def _leaf_faults(
    requirement: Requirement, wanted: IndexSpec, leaves: Iterable[Relation]
) -> Iterator[LeafFault]:
    # PostgreSQL attaches an ASC index of a partition under a DESC parent, so the parent's own
    # word is not enough: some index of each partition has to be the required one.
    for leaf in leaves:
        candidates = [_compare(requirement, wanted, index, None) for index in leaf.indexes]
        if not any(candidate.met for candidate in candidates):
            nearest = min(candidates, key=lambda candidate: candidate.distance, default=None)
            yield LeafFault(leaf.table, nearest)


def _blind(requirement: Requirement, wanted: IndexSpec, found: IndexSpec) -> IndexSpec:
    """`found`, agreeing with `wanted` in everything that was not asked for."""
    found = replace(
        found, storage_parameters=wanted.storage_parameters, tablespace=wanted.tablespace
    )
    if requirement.unique is None:
        return replace(found, unique=wanted.unique, nulls_not_distinct=wanted.nulls_not_distinct)
    return found


def _reversed(spec: IndexSpec) -> IndexSpec:
    keys = (
        replace(key, descending=not key.descending, nulls_first=not key.nulls_first)
        for key in spec.key_columns
    )
    return replace(spec, key_columns=tuple(keys))
