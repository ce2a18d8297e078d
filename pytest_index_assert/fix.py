"""What to write so that a requirement is met: the operation, and its SQL. Pure text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import indent

from alembic_index_ops import IndexSpec, render_create, render_create_call
from alembic_index_ops.definition import render_drop
from pytest_index_assert.check import Verdict
from pytest_index_assert.match import Candidate
from pytest_index_assert.naming import default_name

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Step:
    """What to do, as an operation and as SQL: None where there is none that does it."""

    call: str | None
    sql: str | None


def render_fix(verdict: Verdict) -> Iterator[str]:
    """The lines that end a failure; none where nothing is known to help."""
    steps = [] if verdict.problem is not None else list(_steps(verdict))
    if not steps:
        return
    calls = [step.call for step in steps if step.call is not None]
    if calls:
        yield "  to make it:"
        yield from (indent(call, "    ") for call in calls)
    statements = [step.sql for step in steps if step.sql is not None]
    if statements:
        yield "  or in SQL:" if calls else "  to make it, in SQL:"
    yield from (f"    {statement}" for statement in statements)
    nearest = verdict.candidates[0] if verdict.candidates else None
    more = 0 if nearest is None else len(nearest.leaf_faults) - _SHOWN
    if more > 0 and len(steps) > 1:
        yield f"  and the same on {more} more of them"


def _steps(verdict: Verdict) -> Iterator[_Step]:
    requirement, wanted = verdict.requirement, verdict.proposal
    nearest = verdict.candidates[0] if verdict.candidates else None
    if nearest is not None and _is_tree_unfinished(nearest):
        door = "replace_index" if nearest.index.usable else None
        spec = replace(nearest.index.spec, schema=requirement.schema)
        yield _Step(render_create_call(spec, door_name=door), None)
    elif nearest is not None and nearest.leaf_faults:
        yield from _leaf_steps(nearest, wanted or nearest.index.spec)
    elif nearest is not None and nearest.fits and not nearest.index.usable:
        yield _Step(_repair(verdict, nearest), _reindex(nearest))
    elif wanted is not None:
        taken = {candidate.index.name for candidate in verdict.candidates}
        if requirement.name is None:
            yield _create(verdict, wanted.named(_free_name(wanted, taken)))
            return
        create = _create(verdict, wanted)
        if wanted.name not in taken:
            yield create
            return
        drop = render_drop(wanted.name, _schema(verdict), concurrently=_plain(verdict))
        yield _Step(render_create_call(wanted, door_name="replace_index"), f"{drop};")
        yield _Step(None, create.sql)


def _is_tree_unfinished(nearest: Candidate) -> bool:
    """Whether the index of a partitioned table lacks parts, or has some of another definition."""
    index = nearest.index
    if not index.partitioned or index.constraint_type is not None or not nearest.fits:
        return False
    found = [fault.nearest for fault in nearest.leaf_faults]
    return not all(each is not None and each.fits for each in found) or not index.usable


def _create(verdict: Verdict, spec: IndexSpec) -> _Step:
    placed = replace(spec, schema=_schema(verdict))
    sql = render_create(placed, concurrently=_plain(verdict))
    return _Step(render_create_call(spec), f"{sql};")


def _repair(verdict: Verdict, nearest: Candidate) -> str | None:
    wanted = verdict.requirement.definition
    if wanted is None and verdict.requirement.shape is not None:
        schema = verdict.requirement.schema
        place = f', schema="{schema}"' if schema else ""
        return f'op.reindex_concurrently("{nearest.index.name}"{place})'
    return render_create_call((wanted or nearest.index.spec).named(nearest.index.name))


def _schema(verdict: Verdict) -> str | None:
    return verdict.requirement.schema if verdict.table is None else verdict.table.schema


def _plain(verdict: Verdict) -> bool:
    """Whether the table takes CONCURRENTLY."""
    return verdict.table is None or not verdict.table.partitioned


def _free_name(wanted: IndexSpec, taken: set[str]) -> str:
    """The default name, or one like it that no index of the table has: others may need those."""
    name, number = wanted.name, 2
    while name in taken:
        name = default_name(wanted.table, [*wanted.key_columns, str(number)])
        number += 1
    return name


def _leaf_steps(nearest: Candidate, wanted: IndexSpec) -> Iterator[_Step]:
    # A partition's index that is attached cannot be dropped, so it is repaired, or joined by one
    # of the partition's own.
    for fault in nearest.leaf_faults[:_SHOWN]:
        found = fault.nearest
        if found is not None and found.fits:
            yield _Step(None, _reindex(found))
            continue
        name = default_name(fault.table.name, wanted.key_columns)
        if found is not None and found.index.name == name:
            name = default_name(fault.table.name, [*wanted.key_columns, "again"])
        spec = replace(
            wanted,
            name=name,
            table=fault.table.name,
            schema=fault.table.schema,
            storage_parameters=(),
            tablespace=None,
        )
        yield _Step(render_create_call(spec), render_create(spec, concurrently=True) + ";")


def _reindex(candidate: Candidate) -> str:
    parts = (candidate.index.schema, candidate.index.name)
    name = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    return f"REINDEX INDEX CONCURRENTLY {name};"
