"""Does the application's own statement use an index? What is asked of its plans, and the words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from pytest_index_assert.errors import RequirementError
from pytest_index_assert.explain import Explainer, Kind, explaining
from pytest_index_assert.plans import Node, has_sort, render_plan, walk
from pytest_index_assert.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

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
_NO_INDEXES = {
    "enable_seqscan": "on",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    **_NO_BITMAPS,
}

_INDEXES = """
SELECT c.relname, pg_get_expr(i.indpred, i.indrelid), i.indisvalid AND i.indisready,
  ARRAY(SELECT p.relname FROM pg_catalog.pg_class p WHERE p.oid = c.oid OR p.oid IN (
    SELECT relid FROM pg_partition_tree(c.oid))),
  ARRAY(SELECT t.relname FROM pg_catalog.pg_class t WHERE t.oid = i.indrelid OR t.oid IN (
    SELECT relid FROM pg_partition_tree(i.indrelid)))
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'
"""

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
class _Index:
    """An index by name: its predicate, and the names that it and its table have in plans."""

    name: str
    predicate: str | None
    usable: bool
    parts: frozenset[str]
    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A plan, and what is missing in it."""

    kind: Kind
    plan: Node
    faults: tuple[str, ...]


def parse_usage(index: Any, index_only: Any, no_sort: Any, mode: Any) -> Usage:
    """Raises RequirementError where nothing is asked, or what cannot be."""
    names = (index,) if isinstance(index, str) else tuple(index or ())
    if not all(isinstance(name, str) and name for name in names):
        raise RequirementError(f"assert_query_uses: index= is a name, or a list, not {index!r}")
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
        known = _read_indexes(connection)
        absent = [line for name in usage.indexes for line in _absence(name, known)]
        if absent:
            return "\n".join([f"{usage.label}: {absent[0]}", *absent[1:]])
        indexes = [known[name] for name in usage.indexes]
        kinds = _MODES[usage.mode]
        if not explainer.arguments:
            kinds = ("custom",)
        plans = [_look(explainer, kind, indexes, usage) for kind in kinds]
        if kinds == ("generic",) and plans[0].faults and statement.values is not None:
            plans.append(_look(explainer, "custom", indexes, usage))
        failed = [plan for plan in plans if plan.faults and plan.kind in kinds]
        return "\n".join(_render(usage, statement, plans, indexes)) if failed else ""


def _look(explainer: Explainer, kind: Kind, indexes: Sequence[_Index], usage: Usage) -> _Plan:
    settings = dict(_SETTINGS)
    settings |= _NO_BITMAPS if usage.index_only or usage.no_sort else {}
    settings |= _NO_SORTS if usage.no_sort else {}
    plan = explainer.plan(kind, settings)
    faults = list(_faults(plan, indexes, usage))
    walks = [] if faults else list(_walks(plan, indexes))
    # A walk through the whole index is of use where it gives the order, or knows its few rows.
    if walks and not usage.index_only and not has_sort(plan):
        sorted_plan = explainer.plan(kind, {**_SETTINGS, **_NO_INDEXES})
        if not any("Sort" in node["Node Type"] for node in walk(sorted_plan)):
            faults += [f'it walks through all of "{name}"' for name in walks]
    elif walks and not usage.index_only:
        faults += [f'it walks through all of "{name}"' for name in walks]
    return _Plan(kind, plan, tuple(faults))


def _faults(plan: Node, indexes: Sequence[_Index], usage: Usage) -> Iterator[str]:
    scans = [node for node in walk(plan) if "Index Name" in node]
    if not _uses_any(plan, indexes):
        others = sorted({f'"{node["Index Name"]}"' for node in scans})
        instead = f"it uses {', '.join(others)}" if others else "it reads the table as a whole"
        yield f"it does not use {' or '.join(map(_shown, indexes))}; {instead}"
    if not indexes and any(node["Node Type"] == "Seq Scan" for node in walk(plan)):
        yield "it reads a table as a whole"
    ours = frozenset().union(*(index.parts for index in indexes))
    asked = [node for node in scans if not ours or node["Index Name"] in ours]
    if usage.index_only and any(node["Node Type"] != "Index Only Scan" for node in asked):
        yield "it reads the table beside the index"
    if usage.no_sort and any("Sort" in node["Node Type"] for node in walk(plan)):
        yield "it sorts"


def _uses_any(plan: Node, indexes: Sequence[_Index]) -> bool:
    """Whether the plan uses one of them, on every partition that it reads."""
    if not indexes:
        return True
    ours = frozenset().union(*(index.parts for index in indexes))
    tables = frozenset().union(*(index.tables for index in indexes if len(index.tables) > 1))
    used = False
    for node in walk(plan):
        if node.get("Index Name") in ours:
            used = True
        elif node.get("Relation Name") in tables and node["Node Type"] in (
            "Seq Scan",
            "Index Scan",
            "Index Only Scan",
        ):
            return False
    return used


def _walks(plan: Node, indexes: Sequence[_Index]) -> Iterator[str]:
    """The indexes of all rows that are read from end to end."""
    total = {part: index.name for index in indexes for part in index.parts if not index.predicate}
    nodes = [node for node in walk(plan) if node.get("Index Name") in total]
    if not any("Index Cond" in node for node in nodes):
        yield from dict.fromkeys(total[node["Index Name"]] for node in nodes)


def _shown(index: _Index) -> str:
    where = f" (of the rows WHERE {index.predicate})" if index.predicate else ""
    return f'"{index.name}"{where}'


def _render(
    usage: Usage, statement: Statement, plans: Sequence[_Plan], indexes: Sequence[_Index]
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
        yield (
            "  With its values the statement is planned as required. The generic plan of a prepared"
            " statement does not know"
        )
        yield (
            "  them, and a partial index or a pattern needs to. Write the value into the statement:"
        )
        yield '    sqlalchemy.literal("value", literal_execute=True)'
        yield ('  or, where the driver sends no prepared statements, ask for mode="custom".')


def _absence(name: str, known: Mapping[str, _Index]) -> Iterator[str]:
    index = known.get(name)
    if index is None:
        near = get_close_matches(name, known, 3)
        hint = f"; there is {', '.join(near)}" if near else ""
        yield f'there is no index "{name}"{hint}'
    elif not index.usable:
        yield f'index "{name}" is INVALID: no plan uses it'
        quoted = name.replace('"', '""')
        yield f'  to make it valid: REINDEX INDEX CONCURRENTLY "{quoted}";'


def _read_indexes(connection: Connection) -> dict[str, _Index]:
    rows = connection.exec_driver_sql(_INDEXES).all()
    return {
        str(name): _Index(str(name), predicate, bool(usable), frozenset(parts), frozenset(tables))
        for name, predicate, usable, parts, tables in rows
    }
