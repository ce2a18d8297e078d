"""What an index is asked for, one by one: which of it another definition has. Pure.

A facet is a short word and whether it is as required. All of a level's facets make the level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alembic_index_ops import IndexSpec, KeyColumn, QualifiedName

Level = Literal["exact", "equivalent", "at_least"]
LEVELS: tuple[Level, ...] = ("exact", "equivalent", "at_least")


@dataclass(frozen=True, slots=True)
class Proof:
    """What the planner proved of a required predicate and a found one.

    `implied`: each row of the required one is in the found one. `equal`: and the other way round.
    `disjoint`: no row is in both. `problem` says why nothing could be asked.
    """

    implied: bool = False
    equal: bool = False
    disjoint: bool = False
    problem: str | None = None


SAME = Proof(implied=True, equal=True)
UNPROVED = Proof()

Proofs = Mapping[str | None, Proof]
"""By the found predicate; the required one is the same for all."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One attribute of an index, in a word, and whether it is as required."""

    word: str
    met: bool


def compare_facets(
    wanted: IndexSpec, found: IndexSpec, level: Level, proof: Proof
) -> tuple[Facet, ...]:
    """The facets of a definition at a level; both as the server stores them."""
    keys, others = wanted.key_columns, found.key_columns
    return (
        Facet("method", wanted.access_method == found.access_method),
        Facet("keys", _has_keys(wanted, found, level)),
        Facet("order", _has_order(wanted, found, level)),
        Facet("class", all(map(_same_class, keys, others))),
        Facet("unique", _uniqueness(wanted) == _uniqueness(found)),
        Facet("include", _has_included(wanted, found, level)),
        Facet("where", _has_predicate(wanted, found, level, proof)),
    )


def in_its_order(wanted: IndexSpec, found: IndexSpec, level: Level) -> IndexSpec:
    """`wanted`, with the whole of its order reversed where `found` serves that."""
    if wanted.access_method != "btree" or level == "exact" or _ordered_alike(wanted, found):
        return wanted
    turned = reverse(wanted)
    return turned if _ordered_alike(turned, found) else wanted


def reverse(spec: IndexSpec) -> IndexSpec:
    """The btree that a backward scan reads as this one."""
    keys = (
        replace(key, descending=not key.descending, nulls_first=not key.nulls_first)
        for key in spec.key_columns
    )
    return replace(spec, key_columns=tuple(keys))


def _has_keys(wanted: IndexSpec, found: IndexSpec, level: Level) -> bool:
    labels = [key.label for key in wanted.key_columns]
    others = [key.label for key in found.key_columns]
    # UNIQUE (a, b) does not keep a unique: more keys are another promise.
    if level == "at_least" and not wanted.unique:
        others = others[: len(labels)]
    return labels == others


def _has_order(wanted: IndexSpec, found: IndexSpec, level: Level) -> bool:
    return _ordered_alike(in_its_order(wanted, found, level), found)


def _ordered_alike(wanted: IndexSpec, found: IndexSpec) -> bool:
    return all(map(_same_order, wanted.key_columns, found.key_columns))


def _same_order(wanted: KeyColumn, found: KeyColumn) -> bool:
    return (wanted.descending, wanted.nulls_first) == (found.descending, found.nulls_first)


def _same_class(wanted: KeyColumn, found: KeyColumn) -> bool:
    return _class(wanted) == _class(found)


def _class(key: KeyColumn) -> Sequence[object]:
    # PostgreSQL has one operator class under two names: Django writes the first.
    two_names = key.operator_class == QualifiedName("varchar_pattern_ops")
    operator_class = QualifiedName("text_pattern_ops") if two_names else key.operator_class
    return operator_class, key.operator_class_parameters, key.collation


def _uniqueness(spec: IndexSpec) -> tuple[bool, bool]:
    return spec.unique, spec.nulls_not_distinct


def _has_included(wanted: IndexSpec, found: IndexSpec, level: Level) -> bool:
    asked, there = set(wanted.included_columns), set(found.included_columns)
    if level != "at_least":
        return asked == there
    if found.access_method == "btree":
        # A key column is read from the index as well as an included one.
        there |= {key.column for key in found.key_columns if key.column is not None}
    return asked <= there


def _has_predicate(wanted: IndexSpec, found: IndexSpec, level: Level, proof: Proof) -> bool:
    if wanted.predicate == found.predicate:
        return True
    return {"exact": False, "equivalent": proof.equal, "at_least": proof.implied}[level]
