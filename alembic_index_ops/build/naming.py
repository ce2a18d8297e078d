"""The names a build uses before and after an index has its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from alembic_index_ops.definition.spec import NAME_BYTES, IndexSpec, digest, shorten

_BUILDING, _REPLACED = "building", "replaced"
_SUFFIX = re.compile(rf"_(?:{_BUILDING}|{_REPLACED})_[0-9a-f]{{8}}")
_SUFFIX_BYTES = len("_building_") + 8
_SCRIPT = "script"
_PROVEN_ATTEMPTS = 8


def stem(index_name: str) -> str:
    """What all names aside of this index start with; different for different long names."""
    return shorten(index_name, NAME_BYTES - _SUFFIX_BYTES)


def aside_names(spec: IndexSpec) -> Iterator[str]:
    """Names to build under, best first; the same ones in each run of the same definition."""
    attempt = 0
    while True:
        yield _building_name(spec, attempt)
        attempt += 1


def script_name(spec: IndexSpec) -> str:
    """The name that a script builds under."""
    return _building_name(spec, _SCRIPT)


def own_asides(spec: IndexSpec, indexes: int) -> frozenset[str]:
    """The names that builds of this very definition can have, on a table of so many indexes."""
    return frozenset({script_name(spec), *islice(aside_names(spec), indexes)})


def is_proven_aside(index: IndexSpec, index_name: str, oid: int) -> bool:
    """Whether the name of an index can only come from us: its digits are those of its own
    definition (as the name aside of `index_name`), or of its OID (moved out of that name).

    A definition that the server stores in other words than it was written in proves nothing.
    """
    wished = replace(index, name=index_name)
    building = {_building_name(wished, attempt) for attempt in (*range(_PROVEN_ATTEMPTS), _SCRIPT)}
    replaced = {replaced_name(index_name, distinction) for distinction in (oid, _SCRIPT)}
    return index.name in building | replaced


def name_before(aside: str) -> str:
    """The name that a name aside starts with: the index's own, unless that was cut."""
    return _SUFFIX.sub("", aside)


def _building_name(spec: IndexSpec, attempt: object) -> str:
    # The index is in its table's schema, whether or not the definition says which that is.
    definition = replace(spec, schema=None)
    return f"{stem(spec.name)}_{_BUILDING}_{digest(definition, attempt)}"


def replaced_name(index_name: str, distinction: object) -> str:
    """The name for an index that is moved out of its name, to be dropped."""
    return f"{stem(index_name)}_{_REPLACED}_{digest(distinction)}"


def is_moved_out(name: str, oid: int) -> bool:
    """Whether the digits of a name are those of the OID of the index: moved out of its name."""
    return name == replaced_name(name_before(name), oid)


def is_aside(name: str) -> bool:
    """Whether a name has the form of one of ours, of whatever index."""
    return any(_SUFFIX.fullmatch(name, start) for start in _suffix_starts(name))


def is_aside_of(name: str, index_name: str) -> bool:
    """Whether a name is one of those of this index, in any definition."""
    start = stem(index_name)
    return name.startswith(start) and _SUFFIX.fullmatch(name, len(start)) is not None


def _suffix_starts(name: str) -> Iterator[int]:
    yield from (len(name) - len(f"_{word}_") - 8 for word in (_BUILDING, _REPLACED))
