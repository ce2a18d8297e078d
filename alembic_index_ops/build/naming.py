"""The names a build uses before and after an index has its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alembic_index_ops.definition.spec import NAME_BYTES, IndexSpec, digest, shorten

_BUILDING, _REPLACED = "building", "replaced"
_SUFFIX = re.compile(rf"_(?:{_BUILDING}|{_REPLACED})_[0-9a-f]{{8}}")
_SUFFIX_BYTES = len("_building_") + 8


def stem(index_name: str) -> str:
    """What all names aside of this index start with; different for different long names."""
    return shorten(index_name, NAME_BYTES - _SUFFIX_BYTES)


def aside_names(spec: IndexSpec) -> Iterator[str]:
    """Names to build under, best first; the same ones in each run of the same definition."""
    attempt = 0
    while True:
        yield f"{stem(spec.name)}_{_BUILDING}_{digest(spec, attempt)}"
        attempt += 1


def replaced_name(index_name: str, distinction: object) -> str:
    """The name for an index that is moved out of its name, to be dropped."""
    return f"{stem(index_name)}_{_REPLACED}_{digest(distinction)}"


def is_aside(name: str) -> bool:
    """Whether a name has the form of one of ours, of whatever index."""
    return any(_SUFFIX.fullmatch(name, start) for start in _suffix_starts(name))


def is_aside_of(name: str, index_name: str) -> bool:
    """Whether a name is one of those of this index, in any definition."""
    start = stem(index_name)
    return name.startswith(start) and _SUFFIX.fullmatch(name, len(start)) is not None


def _suffix_starts(name: str) -> Iterator[int]:
    yield from (len(name) - len(f"_{word}_") - 8 for word in (_BUILDING, _REPLACED))
