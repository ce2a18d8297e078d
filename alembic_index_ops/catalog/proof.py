"""The planner's proof that one predicate implies another.

An empty clone of the table has one index, whose predicate is the weaker one. The planner may use
it for the rows of the stronger one exactly when it proves that each of them is in the index. It
proves less than is true: "no" means that it knows no proof.
https://www.postgresql.org/docs/current/indexes-partial.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic_index_ops.catalog.clones import try_all
from alembic_index_ops.catalog.refusal import Matter, Refusal, to_error
from alembic_index_ops.catalog.trials import Made, Query, Trial
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.errors import IndexOpsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.tables import Table

_PREFIX = "alembic_index_ops_"
_KEY = (KeyColumn(expression="1"),)  # whatever columns the table has, an index can have this

# A role or a database may have others. Where index scans are off too, they are no better than the
# sequential scan; with constraint_exclusion, contradictions would be proofs here and not there.
_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_tidscan": "off",
    "enable_indexscan": "on",
    "constraint_exclusion": "off",
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True, slots=True)
class Implication:
    """That each row of the table that meets `stronger` meets `weaker`.

    They are SQL, as in an index's predicate; None is the predicate of an index of all rows.
    """

    table: Table
    stronger: str | None
    weaker: str | None

    def __str__(self) -> str:
        return f'whether "{self.stronger or "true"}" implies "{self.weaker}" on {self.table}'


def prove_implications(
    connection: Connection, asked: Sequence[Implication]
) -> tuple[bool | IndexOpsError, ...]:
    """Whether the planner proves each implication, or why that cannot be said, in order.

    True is certain, False is not: there are implications that the planner does not see. The error
    is an ArgumentError for a predicate that the server refuses, a CannotJudgeError where it
    refuses the clone or cannot tell, and a LockTimeoutError where the table stays locked. What
    ends the session or the statement as a whole is raised.
    """
    trials = [
        Trial(implication.table, _index(number, implication), Query(implication.stronger or "true"))
        for number, implication in enumerate(asked)
        if implication.weaker is not None
    ]
    proven = try_all(connection, trials, _read_proofs, _SETTINGS)
    result: list[bool | IndexOpsError] = []
    for number, implication in enumerate(asked):
        answer = proven.get(f"{_PREFIX}{number}", True)
        if isinstance(answer, Refusal):
            result.append(to_error(connection, answer, _matter(implication)))
        else:
            result.append(answer)
    return tuple(result)


def prove_equal(
    connection: Connection, asked: Sequence[tuple[Table, str | None, str | None]]
) -> tuple[bool | IndexOpsError, ...]:
    """Whether the planner proves that the two predicates of a table hold for the same rows.

    Both directions of `prove_implications`; what cannot be said of one cannot be said.
    """
    forth = [Implication(*each) for each in asked]
    back = [Implication(table, second, first) for table, first, second in asked]
    answers = prove_implications(connection, [*forth, *back])
    return tuple(
        next((each for each in both if isinstance(each, IndexOpsError)), all(both))
        for both in zip(answers[: len(asked)], answers[len(asked) :], strict=True)
    )


def _read_proofs(_: Connection, made: Mapping[str, Made]) -> dict[str, bool]:
    return {index: _is_proof(each.plan[0]["Plan"], index) for index, each in made.items()}


def _is_proof(plan: Mapping[str, Any], index: str) -> bool:
    """Whether the plan reads the rows by the index, or knows that there are none."""
    if plan["Node Type"] == "Result" and plan.get("One-Time Filter") == "false":
        return True
    # A subquery of the condition's may read the clone too, under another alias than its own.
    return any(
        node.get("Index Name") == index and node.get("Alias") == node["Relation Name"]
        for node in _nodes(plan)
    )


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _index(number: int, implication: Implication) -> IndexSpec:
    return IndexSpec(
        name=f"{_PREFIX}{number}",
        table=implication.table.name,
        key_columns=_KEY,
        predicate=implication.weaker,
    )


def _matter(implication: Implication) -> Matter:
    conditions = f"({implication.stronger or 'true'}\n) AND ({implication.weaker}\n)"
    return Matter(
        str(implication),
        object="one of the two",
        cure="the predicate",
        deed="take both",
        query=f"SELECT FROM {implication.table} WHERE {conditions}",
    )
