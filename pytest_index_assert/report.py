"""A failure as a person wants to read it: what is required, the nearest miss, and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from textwrap import indent

from alembic_index_ops import (
    IndexSpec,
    ObservedIndex,
    Table,
    describe_key,
    render_create_call,
    render_drop_call,
)
from pytest_index_assert.check import Verdict
from pytest_index_assert.match import Candidate, LeafFault
from pytest_index_assert.requirement import default_name

_CONSTRAINTS = {"p": "primary key", "u": "unique constraint", "x": "exclusion constraint"}
_SHOWN = 3


def render_failures(verdicts: Iterable[Verdict]) -> str:
    """The text of all that is not met, one paragraph each."""
    failed = [verdict for verdict in verdicts if verdict.outcome != "met"]
    return "\n\n".join(render_failure(verdict) for verdict in failed)


def render_failure(verdict: Verdict) -> str:
    """One requirement that is not met, or cannot be judged."""
    requirement = verdict.requirement
    lines = [_headline(verdict)]
    if requirement.reason:
        lines.append(f"  reason: {requirement.reason}")
    if requirement.definition is not None:
        required = describe_index(requirement.definition)
        named = f'"{requirement.name}": ' if requirement.name else ""
        lines.append(f"  required: {named}{required}")
    if verdict.outcome == "unmet":
        lines += _nearest(verdict.candidates)
        lines += _elsewhere(verdict)
        lines += _fix(verdict)
    return "\n".join(lines)


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


def _headline(verdict: Verdict) -> str:
    label, table = verdict.requirement.label, verdict.table
    if verdict.outcome == "cannot be judged":
        return f"{label} cannot be judged: {verdict.problem}"
    return f"{label} is not met: {verdict.problem or _cause(verdict, table)}"


def _cause(verdict: Verdict, table: Table | None) -> str:
    name = verdict.requirement.name
    if table is None:
        place = verdict.requirement.schema
        where = f'schema "{place}"' if place else "the search path"
        return f'there is no index "{name}" in {where}'
    nearest = verdict.candidates[0] if verdict.candidates else None
    if nearest is None:
        return f'{table} has no index "{name}"' if name else f"{table} has no index"
    if nearest.level is None:
        if nearest.index.name == name:
            return f'index "{name}" of {table} has another definition'
        if name and len(nearest.differences) == 1:
            return f'the index of {table} with this definition is not named "{name}"'
        return f"no index of {table} has this definition"
    if nearest.leaf_faults:
        return f'index "{nearest.index.name}" of {table} does not cover every partition'
    return f'index "{nearest.index.name}" of {table} is {nearest.index.state}'


def _nearest(candidates: tuple[Candidate, ...]) -> Iterator[str]:
    if not candidates:
        return
    nearest, *others = candidates
    yield f"  nearest: {describe_observed(nearest.index)}"
    for difference in nearest.differences:
        yield f"    {difference}"
    for fault in nearest.leaf_faults:
        yield f"    {_describe_fault(fault)}"
    for other in others:
        yield f"  other: {describe_observed(other.index)}"


def _describe_fault(fault: LeafFault) -> str:
    where = f"partition {fault.table}"
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


def _fix(verdict: Verdict) -> Iterator[str]:
    calls = list(_calls(verdict))
    if calls:
        yield "  to make it:"
        yield from (indent(call, "    ") for call in calls)


def _calls(verdict: Verdict) -> Iterator[str]:
    requirement, wanted = verdict.requirement, verdict.requirement.definition
    nearest = verdict.candidates[0] if verdict.candidates else None
    if verdict.problem is not None:
        return
    if nearest is not None and nearest.leaf_faults:
        yield from _leaf_calls(nearest, wanted or nearest.index.spec)
    elif nearest is not None and nearest.level is not None and requirement.name is None:
        yield render_create_call((wanted or nearest.index.spec).named(nearest.index.name))
    elif wanted is not None:
        taken = {candidate.index.name for candidate in verdict.candidates}
        if requirement.name is None:
            yield render_create_call(wanted.named(_free_name(wanted, taken)))
            return
        if wanted.name in taken:
            yield render_drop_call(wanted.name, wanted.table, wanted.schema)
        yield render_create_call(wanted)
    elif nearest is not None:
        yield render_create_call(nearest.index.spec)


def _free_name(wanted: IndexSpec, taken: set[str]) -> str:
    """The default name, or one like it that no index of the table has: others may need those."""
    name, number = wanted.name, 2
    while name in taken:
        name = default_name(wanted.table, [*wanted.key_columns, str(number)])
        number += 1
    return name


def _leaf_calls(nearest: Candidate, wanted: IndexSpec) -> Iterator[str]:
    # A partition's index that is attached cannot be dropped, so it is repaired, or joined by one
    # of the partition's own.
    for fault in nearest.leaf_faults[:_SHOWN]:
        found = fault.nearest
        if found is not None and not found.differences:
            parts = (found.index.schema, found.index.name)
            name = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
            yield f"REINDEX INDEX CONCURRENTLY {name};"
            continue
        name = default_name(fault.table.name, wanted.key_columns)
        if found is not None and found.index.name == name:
            name = default_name(fault.table.name, [*wanted.key_columns, "again"])
        spec = replace(wanted, name=name, table=fault.table.name, schema=fault.table.schema)
        yield render_create_call(replace(spec, storage_parameters=(), tablespace=None))
    more = len(nearest.leaf_faults) - _SHOWN
    if more > 0:
        yield f"# and the same on {more} more"
