"""How long a query pattern takes, and by which index, as the server itself tells.

https://www.postgresql.org/docs/current/sql-explain.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, Executable, text

from example_project.demo.pattern import Document, Pattern

RUNS = 5
# Reading the clock at every row would cost a scan more than an index look-up.
EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"


@dataclass(frozen=True)
class Measurement:
    """One pattern in one state of the database.

    `milliseconds` is the median execution time on the server, without planning and without sending
    the rows. `matched` of `read` rows passed the filters of the scans.
    """

    milliseconds: float
    indexes: tuple[str, ...]
    matched: int
    read: int


def read_arguments(engine: Engine, documents: Sequence[Document]) -> dict[Pattern, Sequence[Any]]:
    """Typical arguments for every pattern, drawn once, so that both measurements ask the same."""
    with engine.connect() as connection:
        return {
            pattern: connection.execute(text(pattern.arguments)).one() if pattern.arguments else ()
            for document in documents
            for pattern in document.patterns
        }


def run_patterns(
    engine: Engine, arguments: dict[Pattern, Sequence[Any]], *, runs: int = RUNS
) -> dict[Pattern, Measurement]:
    """Measure every pattern; nothing that a pattern writes is kept."""
    with engine.connect() as connection:
        return {
            pattern: run_statement(connection, pattern.statement(*values), runs=runs)
            for pattern, values in arguments.items()
        }


def run_statement(connection: Connection, statement: Executable, *, runs: int) -> Measurement:
    """The median of `runs`, after one that only warms the caches."""
    explanations = [run_explain(connection, statement) for _ in range(runs + 1)][1:]
    nodes = list(plan_nodes(explanations[-1]["Plan"]))
    scans = [node for node in nodes if "Scan" in node["Node Type"] and "Relation Name" in node]
    matched = sum(row_count(scan, "Actual Rows") for scan in scans)
    return Measurement(
        milliseconds=median(explanation["Execution Time"] for explanation in explanations),
        indexes=tuple(dict.fromkeys(node["Index Name"] for node in nodes if "Index Name" in node)),
        matched=matched,
        read=matched + sum(row_count(scan, "Rows Removed by Filter") for scan in scans),
    )


def run_explain(connection: Connection, statement: Executable) -> dict[str, Any]:
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(connection, compile_kwargs={"render_postcompile": True})
    with connection.begin() as transaction:
        result = connection.exec_driver_sql(f"{EXPLAIN} {compiled}", compiled.params)
        explanation: dict[str, Any] = result.scalar_one()[0]
        transaction.rollback()
    return explanation


def plan_nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node and everything below it, the outermost first."""
    yield node
    for child in node.get("Plans", ()):
        yield from plan_nodes(child)


def row_count(node: dict[str, Any], counter: str) -> int:
    """A counter of a plan node over all its loops; the server reports it per loop."""
    per_loop: float = node.get(counter, 0)
    loops: float = node["Actual Loops"]
    return round(per_loop * loops)
