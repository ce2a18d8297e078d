"""Reading EXPLAIN (FORMAT JSON): nodes, conditions, and a plan in short. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from alembic_index_ops.catalog import TRIAL_PREFIX

Node = Mapping[str, Any]

# What may look like a parameter and is none: strings, quoted names.
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
# 14 to 16: $0 is the first; from 17 on: (InitPlan 1).col1.
_OLD, _NEW = re.compile(r"(?<![\w$])\$(\d+)"), re.compile(r"\(InitPlan (\d+)\)\.col1")
_PRESENT = re.compile(r"(?!.* AND )\(.* IS NOT NULL\)")
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Order By", "Sort Key")


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for below in node.get("Plans", ()):
        yield from walk(below)


def with_schemas(plan: Node, verbose: Node, schema: str | None = None) -> Node:
    """The plan with the "Schema" that its VERBOSE form tells of each scan; of a bitmap's, the
    schema of the table above."""
    schema = verbose.get("Schema", schema)
    below = zip(plan.get("Plans", ()), verbose.get("Plans", ()), strict=True)
    plans = [with_schemas(*pair, schema) for pair in below]
    return {**plan, "Schema": schema, **({"Plans": plans} if plans else {})}


def main_nodes(node: Node) -> Iterator[Node]:
    """The node and all below it, without those of subqueries."""
    yield node
    for below in node.get("Plans", ()):
        if below.get("Parent Relationship") not in ("InitPlan", "SubPlan"):
            yield from main_nodes(below)


def index_scans(plan: Node) -> list[Node]:
    """The nodes that read the index on trial; a condition may read indexes of other tables."""
    return [
        node for node in main_nodes(plan) if node.get("Index Name", "").startswith(TRIAL_PREFIX)
    ]


def has_sort(plan: Node) -> bool:
    """Whether anything is sorted."""
    return any("Sort" in node["Node Type"] for node in main_nodes(plan))


def is_index_only(plan: Node) -> bool:
    """Whether the table's rows are left alone."""
    return any(node["Node Type"] == "Index Only Scan" for node in index_scans(plan))


def index_conditions(plan: Node) -> tuple[str, ...]:
    """What the index is searched for, as the server writes it; IS NOT NULL alone is no search."""
    conditions = [node["Index Cond"] for node in index_scans(plan) if "Index Cond" in node]
    return tuple(each for each in conditions if not _PRESENT.fullmatch(_QUOTED.sub("", each)))


def searched_subqueries(plan: Node) -> frozenset[int]:
    """The uncorrelated subqueries whose values the index is searched for, numbered from 1."""
    numbers: set[int] = set()
    for condition in index_conditions(plan):
        bare = _QUOTED.sub("", condition)
        numbers |= {int(number) + 1 for number in _OLD.findall(bare)}
        numbers |= {int(number) for number in _NEW.findall(bare)}
    return frozenset(numbers)


def render_plan(plan: Node, depth: int = 0) -> Iterator[str]:
    """A line for each node: what it is, of what, and its conditions."""
    words = [plan["Node Type"]]
    if "Index Name" in plan:
        words.append(f'using "{plan["Index Name"]}"')
    if "Relation Name" in plan:
        words.append(f'on "{plan["Relation Name"]}"')
    shown = [
        f"{word}: {', '.join(plan[word]) if isinstance(plan[word], list) else plan[word]}"
        for word in _CONDITIONS
        if word in plan and not (word == "Recheck Cond" and "Filter" in plan)
    ]
    yield "  " * depth + " ".join(words) + (f" ({'; '.join(shown)})" if shown else "")
    for below in plan.get("Plans", ()):
        yield from render_plan(below, depth + 1)
