"""A failure as a person wants to read it: what is required, what is there, and the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from alembic_index_ops import Table
from pytest_index_assert.check import Verdict
from pytest_index_assert.fix import render_fix
from pytest_index_assert.match import Candidate, LeafFault
from pytest_index_assert.ranking import describe_index, describe_observed, render_ranking
from pytest_index_assert.shape import describe_shape

History = Callable[[Verdict], Iterable[str]]
"""Lines about since when a requirement is not met; they stand below the indexes."""

_SHOWN = 3


def _untold(_: Verdict) -> Sequence[str]:
    return ()


def render_failures(verdicts: Iterable[Verdict], history: History = _untold) -> str:
    """The text of all that is not met, one paragraph each."""
    failed = [verdict for verdict in verdicts if verdict.outcome != "met"]
    return "\n\n".join(render_failure(verdict, history) for verdict in failed)


def render_failure(verdict: Verdict, history: History = _untold) -> str:
    """One requirement that is not met, not provable, or cannot be judged."""
    lines = [_headline(verdict)]
    if verdict.requirement.reason:
        lines.append(f"  reason: {verdict.requirement.reason}")
    lines += _required(verdict)
    if verdict.outcome != "cannot be judged":
        lines += _indexes(verdict)
        lines += [f"  {line}" for line in history(verdict)]
        lines += _elsewhere(verdict)
        lines += render_fix(verdict)
    return "\n".join(lines)


def render_met(verdict: Verdict) -> str:
    """Which index meets a requirement, and at which level."""
    index = verdict.index
    assert index is not None
    by = f"({verdict.level})" if verdict.level is not None else "(serves)"
    return f"{verdict.requirement.label} is met by {describe_observed(index)} {by}"


def render_presence(verdict: Verdict) -> str:
    """The text of what must not be there and is, or may be; empty where it certainly is not."""
    label = verdict.requirement.label
    found = [candidate.index for candidate in verdict.candidates if candidate.fits]
    if found:
        lines = [f"{label}: {verdict.table} has one"]
        lines += [f"  found: {describe_observed(index)}" for index in found]
        return "\n".join(lines)
    doubtful = [candidate.index for candidate in verdict.candidates if candidate.doubt]
    if verdict.outcome == "not provable":
        lines = [f"{label} is not provable: the planner knows no proof for or against"]
        lines += [f"  perhaps: {describe_observed(index)}" for index in doubtful]
        return "\n".join(lines)
    if verdict.problem is not None:
        # Absent because of a typing error would be absent for ever.
        return f"{label} cannot be judged: {verdict.problem}"
    return ""


def _headline(verdict: Verdict) -> str:
    label = verdict.requirement.label
    if verdict.outcome == "unmet":
        return f"{label} is not met: {verdict.problem or _cause(verdict, verdict.table)}"
    if verdict.outcome == "not provable":
        return f"{label} is not provable: {_doubt(verdict)}"
    return f"{label} cannot be judged: {verdict.problem}"


def _doubt(verdict: Verdict) -> str:
    doubtful = next(c for c in verdict.candidates if c.doubt is not None)
    proof = "implies" if verdict.requirement.match == "at_least" else "holds for the same rows as"
    return (
        f'the planner does not prove that where= {proof} the predicate of "{doubtful.index.name}",'
        " and nothing else keeps that index from being the required one. Write where= as the index"
        " has it, if that is meant"
    )


def _cause(verdict: Verdict, table: Table | None) -> str:
    name = verdict.requirement.name
    if table is None:
        place = verdict.requirement.schema
        where = f'schema "{place}"' if place else "the search path"
        return f'there is no index "{name}" in {where}'
    nearest = verdict.candidates[0] if verdict.candidates else None
    if nearest is None:
        return f'{table} has no index "{name}"' if name else f"{table} has no index"
    if not nearest.fits:
        return _why_none_fits(verdict, table, nearest)
    if nearest.leaf_faults:
        return f'index "{nearest.index.name}" of {table} does not cover every {_part(table)}'
    return f'index "{nearest.index.name}" of {table} is {nearest.index.state}'


def _why_none_fits(verdict: Verdict, table: Table, nearest: Candidate) -> str:
    name, shape = verdict.requirement.name, verdict.requirement.shape
    if nearest.index.name == name:
        what = "does not serve this query" if shape else "has another definition"
        return f'index "{name}" of {table} {what}'
    if name and all(facet.met for facet in nearest.facets):
        what = "that serves this query" if shape else "with this definition"
        return f'the index of {table} {what} is not named "{name}"'
    return f"no index of {table} {'serves this query' if shape else 'has this definition'}"


def _required(verdict: Verdict) -> Iterator[str]:
    requirement = verdict.requirement
    named = f'"{requirement.name}": ' if requirement.name else ""
    if requirement.definition is not None:
        yield f"  required: {named}{describe_index(requirement.definition)}"
    elif requirement.shape is not None:
        yield f"  required: {named}an index that serves {describe_shape(requirement.shape)}"


def _indexes(verdict: Verdict) -> Iterator[str]:
    if not verdict.candidates:
        return
    yield f"  the indexes of {verdict.table}, the nearest first:"
    yield from render_ranking(verdict.candidates, verdict.requirement.name)
    nearest = verdict.candidates[0]
    yield f"  nearest: {describe_observed(nearest.index)}"
    if nearest.level is not None and not all(facet.met for facet in nearest.facets):
        yield f'    it is what is required at match="{nearest.level}"'
    for difference in nearest.differences:
        yield f"    {difference}"
    for fault in nearest.leaf_faults:
        yield f"    {_part(verdict.table)} {_describe_fault(fault)}"


def _part(table: Table | None) -> str:
    return "partition" if table is None or table.partitioned else "child table"


def _describe_fault(fault: LeafFault) -> str:
    where = str(fault.table)
    if fault.nearest is None:
        return f"{where}: no index"
    index = fault.nearest.index
    if fault.nearest.differences:
        differences = "; ".join(map(str, fault.nearest.differences))
        return f'{where}: nearest is "{index.name}": {differences}'
    return f'{where}: "{index.name}" is {index.state}'


def _elsewhere(verdict: Verdict) -> Iterator[str]:
    requirement = verdict.requirement
    for index in verdict.elsewhere[:_SHOWN]:
        words = ["the same name" if index.name == requirement.name else "the same definition"]
        if requirement.table in (None, index.table):
            words.append(f'moved to schema "{index.schema}"?')
        else:
            words.append("on another table")
        place = f'"{index.schema}"."{index.table}"'
        yield f"  elsewhere: {place} has {describe_observed(index)} ({', '.join(words)})"
    more = len(verdict.elsewhere) - _SHOWN
    if more > 0:
        yield f"  elsewhere: and {more} more"
