"""A requirement against what the database has. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from alembic_index_ops import Difference, IndexSpec, ObservedIndex, Table, compare_definitions
from pytest_index_assert.facets import (
    LEVELS,
    SAME,
    UNPROVED,
    Facet,
    Level,
    Proof,
    Proofs,
    compare_facets,
    in_its_order,
    reverse,
)
from pytest_index_assert.relation import Relation
from pytest_index_assert.requirement import Requirement

Doubt = Literal["not provable", "cannot be judged"]


@dataclass(frozen=True, slots=True)
class LeafFault:
    """A partition that the index does not cover: nothing, something else, or INVALID there."""

    table: Table
    nearest: Candidate | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing index beside the requirement: what it reaches, and what keeps it from it.

    `fits`: it is what is asked for, be it usable or not. `level`: the strictest at which its
    definition is the required one. `doubt`: only its predicate is in question, and `problem` why.
    `lacking` is how many of the required key columns are none of its own.
    """

    index: ObservedIndex
    fits: bool
    level: Level | None = None
    facets: tuple[Facet, ...] = ()
    differences: tuple[Difference, ...] = ()
    doubt: Doubt | None = None
    problem: str | None = None
    lacking: int = 0
    leaf_faults: tuple[LeafFault, ...] = ()

    @property
    def met(self) -> bool:
        """True where the index is what was required, usable, on every partition."""
        return self.fits and self.index.usable and not self.leaf_faults

    @property
    def distance(self) -> tuple[bool, int, int, bool, int, int, str]:
        """Sorts the nearest first."""
        return (
            not self.met,
            self.lacking,
            sum(not facet.met for facet in self.facets) + len(self.differences),
            not self.index.usable,
            len(self.leaf_faults),
            len(LEVELS) if self.level is None else LEVELS.index(self.level),
            self.index.name,
        )


def judge(
    requirement: Requirement, wanted: IndexSpec | None, relation: Relation, proofs: Proofs
) -> tuple[Candidate, ...]:
    """Every index of the table beside the requirement, the nearest first.

    `wanted` is the definition as the server stores it, None where only a name is required.
    `proofs` answer what `questions` asks.
    """

    def compare(index: ObservedIndex) -> Candidate:
        return _compare(requirement, wanted or index.spec, index, proofs)

    asked = [
        index for index in relation.indexes if wanted is not None or index.name == requirement.name
    ]
    candidates = [named(requirement, compare(index)) for index in asked]
    return rank(
        candidates,
        relation.leaves,
        # Only a name is required: each partition has to have what that index is.
        lambda candidate, index: _compare(
            requirement, wanted or candidate.index.spec, index, proofs
        ),
    )


def rank(
    candidates: Iterable[Candidate],
    leaves: Iterable[Relation],
    compare: Callable[[Candidate, ObservedIndex], Candidate],
) -> tuple[Candidate, ...]:
    """The candidates, with what the partitions lack of those that fit, the nearest first."""
    leaves = tuple(leaves)

    def covered(candidate: Candidate) -> Candidate:
        faults = tuple(_leaf_faults(candidate, leaves, compare)) if candidate.fits else ()
        return replace(candidate, leaf_faults=faults)

    return tuple(sorted(map(covered, candidates), key=lambda candidate: candidate.distance))


def named(requirement: Requirement, candidate: Candidate) -> Candidate:
    """The candidate, which does not fit where another name is required."""
    name = requirement.name
    if name is None:
        return candidate
    if candidate.index.name == name:
        return replace(candidate, lacking=0)
    return replace(
        candidate,
        fits=False,
        doubt=None,
        differences=(Difference("name", name, candidate.index.name), *candidate.differences),
    )


def questions(
    requirement: Requirement, wanted: IndexSpec | None, relation: Relation
) -> tuple[str | None, ...]:
    """The predicates on which alone it depends what an index reaches, other than the wanted one."""
    if wanted is None:
        return ()
    found = (_blind(requirement, wanted, index.spec) for index in relation.all_indexes)
    asked = {
        spec.predicate: None
        for spec in found
        if spec.predicate != wanted.predicate and _reached(wanted, spec, SAME) is not None
    }
    return tuple(asked)


def same_definition(
    requirement: Requirement, wanted: IndexSpec, found: IndexSpec, *, normalised: bool
) -> bool:
    """Whether `found`, of whatever table, reads like `wanted`, or like it reversed."""
    found = _blind(requirement, wanted, found)
    turns = wanted.access_method == "btree" and requirement.match != "exact"
    either = (wanted, reverse(wanted)) if turns else (wanted,)
    return any(not compare_definitions(each, found, normalised=normalised) for each in either)


def _compare(
    requirement: Requirement, wanted: IndexSpec, index: ObservedIndex, proofs: Proofs
) -> Candidate:
    match, found = requirement.match, _blind(requirement, wanted, index.spec)
    proof = proofs.get(found.predicate, UNPROVED)
    facets = compare_facets(wanted, found, match, proof)
    labels = {key.label for key in found.key_columns}
    candidate = Candidate(
        index,
        fits=all(facet.met for facet in facets),
        level=_reached(wanted, found, proof),
        facets=facets,
        lacking=sum(key.label not in labels for key in wanted.key_columns),
    )
    if candidate.fits:
        return candidate
    differences = _differences(wanted, found, match, facets)
    only_where = [facet.word for facet in facets if not facet.met] == ["where"]
    candidate = replace(candidate, differences=differences)
    if not only_where or match == "exact":
        return candidate
    if proof.problem is not None:
        return replace(candidate, doubt="cannot be judged", problem=proof.problem)
    if wanted.predicate is None or found.predicate is None or proof.disjoint:
        return candidate
    return replace(candidate, doubt="not provable")


def _reached(wanted: IndexSpec, found: IndexSpec, proof: Proof) -> Level | None:
    for level in LEVELS:
        if all(facet.met for facet in compare_facets(wanted, found, level, proof)):
            return level
    return None


def _leaf_faults(
    candidate: Candidate,
    leaves: Iterable[Relation],
    compare: Callable[[Candidate, ObservedIndex], Candidate],
) -> Iterator[LeafFault]:
    # PostgreSQL attaches an ASC index of a partition under a DESC parent, so the parent's own
    # word is not enough: some index of each partition has to be the required one.
    for leaf in leaves:
        candidates = [compare(candidate, index) for index in leaf.indexes]
        if not any(each.met for each in candidates):
            nearest = min(candidates, key=lambda each: each.distance, default=None)
            yield LeafFault(leaf.table, nearest)


def _blind(requirement: Requirement, wanted: IndexSpec, found: IndexSpec) -> IndexSpec:
    """`found`, agreeing with `wanted` in everything that was not asked for."""
    found = replace(
        found, storage_parameters=wanted.storage_parameters, tablespace=wanted.tablespace
    )
    if requirement.unique is None:
        return replace(found, unique=wanted.unique, nulls_not_distinct=wanted.nulls_not_distinct)
    return found


def _differences(
    wanted: IndexSpec, found: IndexSpec, level: Level, facets: Iterable[Facet]
) -> tuple[Difference, ...]:
    """What differs and matters at the level."""
    met = {facet.word for facet in facets if facet.met}
    if "keys" in met:
        found = replace(found, key_columns=found.key_columns[: len(wanted.key_columns)])
    if "include" in met and level == "at_least":
        found = replace(found, included_columns=wanted.included_columns)
    if "where" in met:
        found = replace(found, predicate=wanted.predicate)
    return compare_definitions(in_its_order(wanted, found, level), found)
