"""Plans of queries on empty clones: what the planner does where a table has one index alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops.catalog.clones import try_all
from alembic_index_ops.catalog.refusal import Matter, Refusal, to_error
from alembic_index_ops.catalog.trials import Made, Query, Trial
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import IndexOpsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

TRIAL_PREFIX = "alembic_index_ops_"
"""What the names of the indexes begin with in these plans."""

# A role or a database may have others.
_SETTINGS = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "constraint_exclusion": "off",
    "max_parallel_workers_per_gather": "0",
}


def plan_alone(
    connection: Connection,
    asked: Sequence[tuple[Table, IndexSpec, Query]],
    settings: Mapping[str, str],
) -> tuple[Mapping[str, Any] | IndexOpsError, ...]:
    """The plan of each query where its index is the only one, or why there is none, in order.

    The plan is the topmost node of EXPLAIN (FORMAT JSON, COSTS OFF). Scans of all rows are
    switched off, so that whatever the index can do, it does; `settings` hold beside that. The
    error is an ArgumentError for what the server refuses, a CannotJudgeError where it refuses the
    clone, and a LockTimeoutError where the table stays locked.
    """
    trials = [
        Trial(table, replace(spec, name=f"{TRIAL_PREFIX}{number}", table=table.name), query)
        for number, (table, spec, query) in enumerate(asked)
    ]
    plans = try_all(connection, trials, _read_plans, {**_SETTINGS, **settings})
    result: list[Mapping[str, Any] | IndexOpsError] = []
    for number, (table, _, query) in enumerate(asked):
        answer = plans[f"{TRIAL_PREFIX}{number}"]
        if isinstance(answer, Refusal):
            result.append(to_error(connection, answer, _matter(table, query)))
        else:
            result.append(answer)
    return tuple(result)


def _read_plans(_: Connection, made: Mapping[str, Made]) -> dict[str, Mapping[str, Any]]:
    return {index: each.plan[0]["Plan"] for index, each in made.items()}


def _matter(table: Table, query: Query) -> Matter:
    order = f" ORDER BY {query.order}\n" if query.order is not None else ""
    return Matter(
        f"the query on {table}",
        object="it",
        cure="its columns and conditions",
        deed="plan it",
        query=f"SELECT {query.output}\n FROM {table} WHERE ({query.condition}\n){order}",
    )
