"""The indexes of a table as a small table of ticks and crosses, the nearest first. Pure text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alembic_index_ops import IndexSpec, ObservedIndex, describe_key
from pytest_index_assert.facets import Facet
from pytest_index_assert.match import Candidate

WIDTH = 100
_INDENT = "    "
_SHOWN = 10
_WORD = 16
_CONSTRAINTS = {"p": "primary key", "u": "unique constraint", "x": "exclusion constraint"}


def describe_index(spec: IndexSpec) -> str:
    """A definition in SQL's words, without the names: `UNIQUE btree (a, b DESC) WHERE ...`."""
    parts = ["UNIQUE"] if spec.unique else []
    parts.append(f"{spec.access_method} ({', '.join(map(describe_key, spec.key_columns))})")
    if spec.included_columns:
        parts.append(f"INCLUDE ({', '.join(spec.included_columns)})")
    if spec.nulls_not_distinct:
        parts.append("NULLS NOT DISTINCT")
    if spec.predicate is not None:
        parts.append(f"WHERE {spec.predicate}")
    return " ".join(parts)


def describe_observed(index: ObservedIndex) -> str:
    """An index of the database by name: definition, constraint behind it, INVALID."""
    parts = [f'"{index.name}": {describe_index(index.spec)}']
    if index.constraint_type in _CONSTRAINTS:
        parts.append(_CONSTRAINTS[index.constraint_type])
    if not index.usable:
        parts.append(index.state)
    return ", ".join(parts)


def render_ranking(candidates: Sequence[Candidate], name: str | None) -> Iterator[str]:
    """A line that heads the columns, and one for each index; none is longer than WIDTH."""
    if not candidates:
        return
    rows = [_facets(candidate, name) for candidate in candidates[:_SHOWN]]
    words = [_cut(facet.word, _WORD) for facet in rows[0]]
    yield f"{_INDENT}{' '.join(words)}"
    for candidate, facets in zip(candidates, rows, strict=False):
        marks = [
            ("✓" if facet.met else "✗").center(len(word))
            for word, facet in zip(words, facets, strict=False)
        ]
        yield _cut(f"{_INDENT}{' '.join(marks)}  {describe_observed(candidate.index)}", WIDTH)
    if len(candidates) > _SHOWN:
        yield f"{_INDENT}and {len(candidates) - _SHOWN} more"


def _facets(candidate: Candidate, name: str | None) -> tuple[Facet, ...]:
    valid = Facet("valid", candidate.index.usable and not candidate.leaf_faults)
    by_name = (Facet("name", candidate.index.name == name),) if name is not None else ()
    return (*by_name, *candidate.facets, valid)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
