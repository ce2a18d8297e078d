"""Can this index, alone, serve that query? Asked of the planner on an empty clone of the table.

Each value that the query is compared with is an uncorrelated subquery, `(SELECT CAST(NULL AS
type))`: to the planner as unknown as a bound parameter of a generic plan, and numbered in the plan
in the order of the query.
https://www.postgresql.org/docs/current/indexes-multicolumn.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alembic_index_ops import (
    Difference,
    IndexOpsError,
    IndexSpec,
    KeyColumn,
    Table,
    describe_key,
)
from alembic_index_ops.catalog import Query, plan_alone
from alembic_index_ops.definition import render_key, render_value
from pytest_index_assert.facets import Facet
from pytest_index_assert.plans import (
    Node,
    has_sort,
    index_conditions,
    index_scans,
    is_index_only,
    searched_subqueries,
)
from pytest_index_assert.shape import QueryShape

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BITMAPS = {"enable_bitmapscan": "on"}
_NO_SORTS = {"enable_bitmapscan": "off", "enable_sort": "off", "enable_incremental_sort": "off"}

# A subquery that returns nothing has the expression's type, and evaluates nothing.
_TYPES = """
WITH RECURSIVE base (position, oid) AS (
  SELECT position, CAST(CAST(type AS regtype) AS oid) FROM (VALUES {values}) v (position, type)
  UNION ALL
  SELECT b.position, t.typbasetype FROM base b
  JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname) FROM base b
JOIN pg_catalog.pg_type t ON t.oid = b.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype <> 'd' ORDER BY b.position
"""


Asked = tuple[Table, IndexSpec, Query]
Plan = Node | IndexOpsError


@dataclass(frozen=True, slots=True)
class Answer:
    """What an index does for a query, and what keeps it from serving it."""

    facets: tuple[Facet, ...] = ()
    differences: tuple[Difference, ...] = ()
    problem: IndexOpsError | None = None

    @property
    def serves(self) -> bool:
        """True where the query needs nothing but this index."""
        return self.problem is None and all(facet.met for facet in self.facets)


@dataclass(frozen=True, slots=True)
class _Term:
    """A condition of the query on one key, and the numbers of the subqueries in it."""

    key: KeyColumn
    sql: str
    numbers: frozenset[int]
    equal: bool


def essence(spec: IndexSpec) -> IndexSpec:
    """What matters to a query, the same for the index of a table and those of its partitions."""
    return replace(
        spec,
        name="index",
        table="table",
        schema=None,
        # GiST is unique behind a constraint only.
        unique=spec.unique and spec.access_method == "btree",
        nulls_not_distinct=False,
        storage_parameters=(),
        tablespace=None,
    )


def ask(
    connection: Connection, table: Table, shape: QueryShape, specs: Iterable[IndexSpec]
) -> dict[IndexSpec, Answer]:
    """The answer of each index, by its essence.

    Raises the server's error where an expression is none of the table's.
    """
    asked = tuple(dict.fromkeys(map(essence, specs)))
    terms = tuple(_terms(shape, _read_types(connection, table, (*shape.eq, *shape.range))))
    condition = " AND ".join(term.sql for term in terms) or "true"
    if shape.where is not None:
        condition += f" AND ({shape.where}\n)"
    query = Query(
        condition,
        output=", ".join(render_value(KeyColumn(name)) for name in shape.index_only) or "ctid",
        order=", ".join(map(render_key, shape.order_by)) or None,
        not_null=True,
    )
    partial = [spec for spec in asked if spec.predicate is not None]
    probes = [(table, replace(spec, **_PROBE), replace(query, order=None)) for spec in partial]
    probed = dict(zip(partial, plan_alone(connection, probes, _NO_SORTS), strict=True))
    trials = {
        spec: list(_trials(table, _made_total(spec, probed.get(spec)), query))
        for spec in asked
        if not isinstance(probed.get(spec), IndexOpsError)
    }
    plans = _read_plans(connection, trials, keeps_order=bool(query.order or shape.index_only))
    return {
        spec: _answer(shape, terms, spec, probed.get(spec), plans.get(spec, ())) for spec in asked
    }


# An index of which only the predicate decides whether it is used.
_PROBE: dict[str, Any] = {
    "key_columns": (KeyColumn(expression="1"),),
    "included_columns": (),
    "access_method": "btree",
    "unique": False,
}


def _is_implied(probe: Plan | None) -> bool:
    return probe is None or (not isinstance(probe, IndexOpsError) and bool(index_scans(probe)))


def _made_total(spec: IndexSpec, probe: Plan | None) -> IndexSpec:
    """Without a predicate that hides what the keys could do."""
    return spec if _is_implied(probe) else replace(spec, predicate=None)


def _trials(table: Table, spec: IndexSpec, query: Query) -> Iterator[Asked]:
    """The index itself; of a btree also its first key alone, which tells where a search starts."""
    yield table, spec, query
    if spec.access_method == "btree" and len(spec.key_columns) > 1:
        first = replace(spec, key_columns=spec.key_columns[:1], included_columns=(), unique=False)
        yield table, first, replace(query, output="ctid", order=None)


def _read_plans(
    connection: Connection, trials: Mapping[IndexSpec, Sequence[Asked]], keeps_order: bool
) -> dict[IndexSpec, Sequence[Plan]]:
    plans: dict[IndexSpec, Sequence[Plan]] = {}
    for bitmaps in (False, True):
        # GIN and BRIN know no other scan; it keeps no order.
        chosen = [
            spec
            for spec in trials
            if (spec.access_method != "btree" and not keeps_order) is bitmaps
        ]
        asked = [each for spec in chosen for each in trials[spec]]
        answers = iter(plan_alone(connection, asked, _BITMAPS if bitmaps else _NO_SORTS))
        plans |= {spec: [next(answers) for _ in trials[spec]] for spec in chosen}
    return plans


def _answer(
    shape: QueryShape,
    terms: Sequence[_Term],
    spec: IndexSpec,
    probe: Plan | None,
    plans: Sequence[Plan],
) -> Answer:
    for each in (probe, *plans):
        if isinstance(each, IndexOpsError):
            return Answer(problem=each)
    whole, *first = (plan for plan in plans if not isinstance(plan, IndexOpsError))
    used = bool(index_scans(whole))
    # A btree without a condition on its first key is read from end to end, and a condition on a
    # later one checked at each entry: EXPLAIN shows it as Index Cond all the same.
    in_the_way = bool(first) and not index_conditions(first[0])
    facets, differences = [], []

    def judge(word: str, met: bool, wanted: str, found: str) -> None:
        facets.append(Facet(word, met))
        if not met:
            differences.append(Difference(word, wanted, found))

    for term in terms:
        word, wanted = term.key.label, "eq" if term.equal else "range"
        if term.equal and spec.access_method == "brin":
            judge(word, False, wanted, "brin, which knows blocks, not rows")
        elif term.numbers <= searched_subqueries(whole):
            judge(word, not in_the_way, wanted, f"{spec.key_columns[0].label} in the way")
        else:
            included = term.key.column in spec.included_columns
            judge(word, False, wanted, "an included column" if included else "Filter")
    if shape.order_by:
        order = ", ".join(map(describe_key, shape.order_by))
        judge("order", used and not has_sort(whole), order, "Sort")
    if shape.index_only:
        columns = ", ".join(shape.index_only)
        judge("index only", is_index_only(whole), columns, "the table is read")
    judge("where", _is_implied(probe), shape.where or "all rows", str(spec.predicate))
    return Answer(tuple(facets), tuple(differences))


def _terms(shape: QueryShape, types: Sequence[str]) -> Iterator[_Term]:
    number = 0
    for position, key in enumerate((*shape.eq, *shape.range)):
        equal = position < len(shape.eq)
        operators = ("=",) if equal else (">=", "<")
        value, unknown = render_value(key), f"(SELECT CAST(NULL AS {types[position]}))"
        numbers = frozenset(range(number + 1, number + 1 + len(operators)))
        number += len(operators)
        sql = " AND ".join(f"{value} {operator} {unknown}" for operator in operators)
        yield _Term(key, sql, numbers, equal)


def _read_types(connection: Connection, table: Table, keys: Sequence[KeyColumn]) -> list[str]:
    """The type of each key, below its domains, as SQL names it."""
    if not keys:
        return []
    values = ", ".join(
        f"({position}, pg_typeof((SELECT {render_value(key)} FROM {table} WHERE false)))"
        for position, key in enumerate(keys)
    )
    # An expression is the user's SQL, in which neither ":" nor "%" is special.
    rows = connection.exec_driver_sql(
        _TYPES.replace("{values}", values), execution_options={"no_parameters": True}
    )
    return [str(row[0]) for row in rows]
