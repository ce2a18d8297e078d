"""What two indexes have to share to be the same to every query and constraint. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alembic_index_ops import KeyColumn, ObservedIndex, is_leftover
from pytest_index_assert.health.schema import Schema

_PLAIN_PARAMETERS = frozenset({"btree", "hash"})


@dataclass(frozen=True, slots=True)
class Shape:
    """An index without its name. A btree is read in both directions, so its first key is always
    ascending here, and the others are turned round with it.

    `parameters` are the storage parameters of methods where they change what can be found, and how
    well. `enforces` says what it enforces: nothing, or uniqueness of a kind.
    """

    method: str
    keys: tuple[KeyColumn, ...]
    included: frozenset[str]
    predicate: str | None
    parameters: tuple[tuple[str, str], ...]
    enforces: tuple[bool, bool, bool]


def shape_of(schema: Schema, index: ObservedIndex) -> Shape:
    """The shape of an index."""
    spec = index.spec
    keys = spec.key_columns
    if spec.access_method == "btree" and keys[0].descending:
        keys = tuple(
            replace(key, descending=not key.descending, nulls_first=not key.nulls_first)
            for key in keys
        )
    return Shape(
        method=spec.access_method,
        keys=keys,
        included=frozenset(spec.included_columns),
        predicate=spec.predicate,
        parameters=() if spec.access_method in _PLAIN_PARAMETERS else spec.storage_parameters,
        enforces=(spec.unique, spec.nulls_not_distinct, index.oid in schema.deferrable),
    )


def is_comparable(index: ObservedIndex) -> bool:
    """Whether anybody can be asked to drop it, or to keep it: it works, and is no leftover."""
    return index.usable and not is_leftover(index)


def may_go(schema: Schema, index: ObservedIndex) -> bool:
    """Whether nothing but queries needs the index.

    A constraint, a foreign key that points at it, a replica identity and the order of CLUSTER do;
    and a part of a partitioned index goes with that.
    """
    return not (
        index.constraint_type is not None
        or index.oid in schema.referenced
        or index.replica_identity
        or index.clustered
        or index.parent_oid is not None
    )


def describe(index: ObservedIndex) -> str:
    """The index that stays, as a message names it."""
    words = {"p": "the primary key's ", "u": "a unique constraint's ", "x": "an exclusion's "}
    return f'{words.get(index.constraint_type or "", "")}"{index.name}"'
