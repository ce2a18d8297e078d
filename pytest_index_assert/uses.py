"""Does the application's own statement use an index? What is asked of its plans, and the words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_index_assert.errors import RequirementError
from pytest_index_assert.explain import Explainer, Kind, explaining
from pytest_index_assert.plans import Node, has_sort, render_plan, walk
from pytest_index_assert.statement import Statement
from pytest_index_assert.used_indexes import Place, UsedIndex, find_used, name_of, read_used

if TYPE_CHECKING:
    from sqlalchemy import Engine

Mode = Literal["generic", "custom", "both"]
_MODES: Mapping[str, tuple[Kind, ...]] = {
    "generic": ("generic",),
    "custom": ("custom",),
    "both": ("generic", "custom"),
}

# A small table would be read as a whole whatever indexes it has.
_SETTINGS = {"enable_seqscan": "off", "max_parallel_workers_per_gather": "0"}
_NO_BITMAPS = {"enable_bitmapscan": "off"}
_NO_SORTS = {"enable_sort": "off", "enable_incremental_sort": "off"}
_ALL_PARTITIONS = {"enable_partition_pruning": "off", "constraint_exclusion": "off"}
_NO_INDEXES = {
    "enable_seqscan": "on",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    **_NO_BITMAPS,
}

_TRAP = """\
  With its values the statement is planned as required. The generic plan of a prepared statement
  knows none of them, and a partial index or a pattern has to. Write that value into the statement:
    sqlalchemy.literal("value", literal_execute=True)
  or ask for mode="custom", if the driver prepares no statements (as psycopg2)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What is asked of a statement's plans; without `indexes`, any index will do."""

    indexes: tuple[str, ...]
    index_only: bool
    no_sort: bool
    mode: Mode

    @property
    def label(self) -> str:
        """The call, for messages."""
        one = self.indexes[0] if len(self.indexes) == 1 else list(self.indexes)
        words = [f'index="{one}"' if isinstance(one, str) else f"index={one}"] * bool(self.indexes)
        words += ["index_only=True"] * self.index_only + ["no_sort=True"] * self.no_sort
        words += [f'mode="{self.mode}"'] * (self.mode != "both")
        return f"assert_query_uses({', '.join(words)})"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A plan, and what is missing in it."""

    kind: Kind
    plan: Node
    faults: tuple[str, ...]


def parse_usage(index: Any, index_only: Any, no_sort: Any, mode: Any) -> Usage:
    """Raises RequirementError where nothing is asked, or what cannot be."""
    items = index if isinstance(index, (list, tuple)) else [] if index is None else [index]
    names = tuple(map(name_of, items))
    if mode not in _MODES:
        raise RequirementError(
            f'assert_query_uses: mode is "generic", "custom" or "both", not {mode!r}'
        )
    if not (names or index_only or no_sort):
        raise RequirementError(
            'assert_query_uses: nothing is asked for; write index="...", index_only=True or'
            " no_sort=True"
        )
    return Usage(names, bool(index_only), bool(no_sort), mode)


def judge_usage(engine: Engine, statement: Statement, usage: Usage) -> str:
    """The text of what the plans lack; empty where they lack nothing.

    Raises RequirementError for a statement that the server does not plan.
    """
    with explaining(engine, statement) as (explainer, connection):
        known = read_used(connection)
        found = [find_used(name, known) for name in usage.indexes]
        absent = [line for _, lines in found for line in lines]
        if absent:
            return "\n".join([f"{usage.label}: {absent[0]}", *absent[1:]])
        indexes = [index for index, _ in found if index is not None]
        kinds = _MODES[usage.mode]
        if not explainer.arguments:
            kinds = ("custom",)
        plans = [_look(explainer, kind, indexes, usage) for kind in kinds]
        if kinds == ("generic",) and plans[0].faults and statement.values is not None:
            plans.append(_look(explainer, "custom", indexes, usage))
        failed = [plan for plan in plans if plan.faults and plan.kind in kinds]
        return "\n".join(_render(usage, statement, plans, indexes)) if failed else ""


def _look(explainer: Explainer, kind: Kind, indexes: Sequence[UsedIndex], usage: Usage) -> _Plan:
    settings = dict(_SETTINGS)
    settings |= _NO_BITMAPS if usage.index_only or usage.no_sort else {}
    settings |= _NO_SORTS if usage.no_sort else {}
    plan = _plan(explainer, kind, settings)
    faults = list(_faults(plan, indexes, usage))
    walks = [] if faults else list(_walks(plan, indexes))
    # A walk through the whole index is of use where it gives the order, or knows its few rows.
    if walks and not usage.index_only and not has_sort(plan):
        sorted_plan = _plan(explainer, kind, {**_SETTINGS, **_NO_INDEXES})
        if not any("Sort" in node["Node Type"] for node in walk(sorted_plan)):
            faults += [f'it walks through all of "{name}"' for name in walks]
    elif walks and not usage.index_only:
        faults += [f'it walks through all of "{name}"' for name in walks]
    return _Plan(kind, plan, tuple(faults))


def _plan(explainer: Explainer, kind: Kind, settings: Mapping[str, str]) -> Node:
    """The plan, of partitions that are read: those that the values asked for are not in, or that
    are left out when the statement starts, would not be seen."""
    plan = explainer.plan(kind, settings)
    left_out = kind == "generic" and any(node.get("Subplans Removed") for node in walk(plan))
    if left_out or not any(map(_is_scan, walk(plan))):
        plan = explainer.plan(kind, {**settings, **_ALL_PARTITIONS})
    return plan


def _is_scan(node: Node) -> bool:
    return "Relation Name" in node or "Index Name" in node


def _faults(plan: Node, indexes: Sequence[UsedIndex], usage: Usage) -> Iterator[str]:
    scans = [node for node in walk(plan) if "Index Name" in node]
    if not any(map(_is_scan, walk(plan))):
        yield "it reads no table: its conditions are never met"
        return
    if not _uses_any(plan, indexes):
        others = sorted({f'"{node["Index Name"]}"' for node in scans})
        instead = f"it uses {', '.join(others)}" if others else "it reads the table as a whole"
        yield f"it does not use {' or '.join(map(str, indexes))}; {instead}"
    if not indexes and any(node["Node Type"] == "Seq Scan" for node in walk(plan)):
        yield "it reads a table as a whole"
    ours = frozenset().union(*(index.parts for index in indexes))
    asked = [node for node in scans if not ours or _place(node, "Index Name") in ours]
    if usage.index_only and any(node["Node Type"] != "Index Only Scan" for node in asked):
        yield "it reads the table beside the index"
    if usage.no_sort and any("Sort" in node["Node Type"] for node in walk(plan)):
        yield "it sorts"


def _uses_any(plan: Node, indexes: Sequence[UsedIndex]) -> bool:
    """Whether the plan uses one of them, on every partition that it reads."""
    if not indexes:
        return True
    ours = frozenset().union(*(index.parts for index in indexes))
    partitions = frozenset().union(*(index.tables for index in indexes if len(index.tables) > 1))
    used, read, served = False, set(), set()
    for node in walk(plan):
        used = used or _place(node, "Index Name") in ours
        relation = _place(node, "Relation Name")
        if relation in partitions and "Scan" in node["Node Type"]:
            read.add(relation)
            if any(_place(below, "Index Name") in ours for below in walk(node)):
                served.add(relation)
    return used and read == served


def _walks(plan: Node, indexes: Sequence[UsedIndex]) -> Iterator[str]:
    """The indexes of all rows that are read from end to end."""
    total = {part: index for index in indexes for part in index.parts if not index.predicate}
    nodes = [node for node in walk(plan) if _place(node, "Index Name") in total]
    scans = [(total[_place(node, "Index Name")], node) for node in nodes]
    if not any(index.is_searched(node) for index, node in scans):
        yield from dict.fromkeys(index.name for index, _ in scans)


def _place(node: Node, word: str) -> Place:
    return (node.get("Schema") or "", node.get(word) or "")


def _render(
    usage: Usage, statement: Statement, plans: Sequence[_Plan], indexes: Sequence[UsedIndex]
) -> Iterator[str]:
    worst = next(plan for plan in plans if plan.faults)
    which = f"the {worst.kind} plan" if len(plans) > 1 or usage.mode != "both" else "the plan"
    yield f"{usage.label}: {which}: {'; '.join(worst.faults)}"
    yield f"  statement: {' '.join(statement.sql.split())}"
    for plan in plans:
        met = "as required" if not plan.faults else "; ".join(plan.faults)
        yield f"  {plan.kind} plan ({met}):"
        yield from (f"    {line}" for line in render_plan(plan.plan))
    by_kind = {plan.kind: bool(plan.faults) for plan in plans}
    if by_kind == {"generic": True, "custom": False}:
        yield _TRAP
