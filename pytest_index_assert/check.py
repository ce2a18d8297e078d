"""Reads what a requirement is about, and judges it: requirement + connection -> Verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from alembic_index_ops import (
    ArgumentError,
    CannotJudgeError,
    Implication,
    IndexOpsError,
    IndexSpec,
    LockTimeoutError,
    ObservedIndex,
    Table,
    TableNotFoundError,
    UnsupportedError,
    normalise,
    prove_implications,
    read_indexes,
)
from pytest_index_assert.facets import Level, Proof
from pytest_index_assert.match import (
    Candidate,
    Doubt,
    judge,
    named,
    questions,
    rank,
    same_definition,
)
from pytest_index_assert.naming import default_name
from pytest_index_assert.relation import Relation, find_table, read_relation
from pytest_index_assert.requirement import Requirement
from pytest_index_assert.serving import ask, essence
from pytest_index_assert.shape import QueryShape, propose

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one requirement.

    `candidates` are the indexes of `table`, the nearest first; `elsewhere` are indexes of the
    same name or definition on other tables; `problem` says why there was nothing to compare.
    `proposal` is an index that would meet the requirement.
    """

    requirement: Requirement
    outcome: Literal["met", "unmet"] | Doubt
    table: Table | None = None
    candidates: tuple[Candidate, ...] = ()
    elsewhere: tuple[ObservedIndex, ...] = ()
    problem: str | None = None
    proposal: IndexSpec | None = None

    @property
    def index(self) -> ObservedIndex | None:
        """The index that meets the requirement, where one does."""
        return self.candidates[0].index if self.outcome == "met" else None

    @property
    def level(self) -> Level | None:
        """The strictest level that this index reaches; None where a query is served."""
        return self.candidates[0].level if self.outcome == "met" else None


def check(connection: Connection, requirement: Requirement) -> Verdict:
    """Judge one requirement by what the database has now."""
    from sqlalchemy.exc import DBAPIError

    table: Table | None = None
    try:
        table = find_table(connection, requirement)
        if table is None:
            return _unmet(connection, Verdict(requirement, "unmet"), None)
        relation = read_relation(connection, table)
        wanted = _as_stored(connection, requirement, relation)
        candidates, proposal = _judge(connection, requirement, wanted, relation)
    except (TableNotFoundError, UnsupportedError, ArgumentError) as error:
        verdict = Verdict(requirement, "unmet", table, problem=str(error))
        return _unmet(connection, verdict, None)
    except (CannotJudgeError, LockTimeoutError) as error:
        connection.rollback()
        return Verdict(requirement, "cannot be judged", table, problem=str(error))
    except DBAPIError as error:
        connection.rollback()
        problem = f"the server refuses to be read: {error.orig}"
        return Verdict(requirement, "cannot be judged", table, problem=problem)
    if candidates and candidates[0].met:
        return Verdict(requirement, "met", table, candidates)
    verdict = Verdict(requirement, "unmet", table, candidates, proposal=proposal)
    for candidate in candidates:
        if candidate.doubt is not None:
            # That the right index is here and cannot be recognised matters more than its like.
            return replace(verdict, outcome=candidate.doubt, problem=candidate.problem)
    return _unmet(connection, verdict, wanted)


def _judge(
    connection: Connection,
    requirement: Requirement,
    wanted: IndexSpec | None,
    relation: Relation,
) -> tuple[tuple[Candidate, ...], IndexSpec | None]:
    """The table's indexes, the nearest first, and one that would do."""
    if requirement.shape is not None:
        return _judge_shape(connection, requirement, requirement.shape, relation)
    asked = questions(requirement, wanted, relation)
    proofs = _prove(connection, relation.table, wanted.predicate if wanted else None, asked)
    return judge(requirement, wanted, relation, proofs), requirement.definition


def _prove(
    connection: Connection, table: Table, required: str | None, asked: tuple[str | None, ...]
) -> dict[str | None, Proof]:
    """What the planner knows of the required predicate and each of the found ones."""
    triples = [
        Implication(table, stronger, weaker)
        for found in asked
        for stronger, weaker in (
            (required, found),
            (found, required),
            # An empty predicate is met by all, so that nothing is apart from it.
            (f"({required}\n) AND ({found}\n)" if required and found else "true", "false"),
        )
    ]
    answers = iter(prove_implications(connection, triples))
    return {found: _proof(next(answers), next(answers), next(answers)) for found in asked}


def _proof(
    forth: bool | IndexOpsError, back: bool | IndexOpsError, apart: bool | IndexOpsError
) -> Proof:
    for answer in (forth, back):
        if isinstance(answer, IndexOpsError):
            return Proof(problem=str(answer))
    return Proof(implied=bool(forth), equal=bool(forth and back), disjoint=apart is True)


def _judge_shape(
    connection: Connection, requirement: Requirement, shape: QueryShape, relation: Relation
) -> tuple[tuple[Candidate, ...], IndexSpec | None]:
    keys = (*shape.eq, *shape.range, *shape.order_by)
    _check_columns(relation, [key.column for key in keys if key.column is not None])
    _check_columns(relation, shape.index_only)
    table = relation.table
    name = requirement.name or default_name(table.name, keys)
    proposal = propose(shape, name, table.name, requirement.schema)
    specs = [proposal, *(index.spec for index in relation.all_indexes)]
    answers = ask(connection, table, shape, specs)

    def compare(index: ObservedIndex) -> Candidate:
        answer = answers[essence(index.spec)]
        return Candidate(
            index,
            fits=answer.serves,
            facets=answer.facets,
            differences=answer.differences,
            doubt=None if answer.problem is None else "cannot be judged",
            problem=None if answer.problem is None else str(answer.problem),
            lacking=sum(not facet.met for facet in answer.facets),
        )

    problems = [answers[essence(index.spec)].problem for index in relation.indexes]
    if problems and problems[0] is not None and None not in problems:
        raise problems[0]  # It is the query's, not that of an index.
    candidates = [named(requirement, compare(index)) for index in relation.indexes]
    ranked = rank(candidates, relation.leaves, lambda _, index: compare(index))
    return ranked, proposal if answers[essence(proposal)].serves else None


def _as_stored(
    connection: Connection, requirement: Requirement, relation: Relation
) -> IndexSpec | None:
    definition = requirement.definition
    if definition is None:
        return None
    named = [key.column for key in definition.key_columns if key.column is not None]
    _check_columns(relation, (*named, *definition.included_columns))
    return normalise(connection, relation.table, [replace(definition, tablespace=None)])[0]


def _check_columns(relation: Relation, columns: Iterable[str]) -> None:
    for column in columns:
        if column not in relation.columns:
            raise ArgumentError(f'{relation.table} has no column "{column}"')


def _unmet(connection: Connection, verdict: Verdict, wanted: IndexSpec | None) -> Verdict:
    try:
        everything = read_indexes(connection)
    except LockTimeoutError:
        connection.rollback()
        return verdict
    found = _elsewhere(verdict, wanted, everything)
    return replace(verdict, elsewhere=tuple(found))


def _elsewhere(
    verdict: Verdict, wanted: IndexSpec | None, everything: Iterable[ObservedIndex]
) -> list[ObservedIndex]:
    requirement = verdict.requirement
    here = None if verdict.table is None else verdict.table.oid
    found = []
    for index in everything:
        if index.table_oid == here:
            continue
        same_name = index.name == requirement.name
        spec = wanted or requirement.definition
        same = (
            index.table == requirement.table
            and spec is not None
            and same_definition(requirement, spec, index.spec, normalised=wanted is not None)
        )
        if same_name or same:
            found.append(index)
    return found
