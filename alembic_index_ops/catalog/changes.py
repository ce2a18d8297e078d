"""Declared indexes against observed ones: which were added, removed, and changed.

The server is asked about all tables at once, and only of what is not evidently equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.dependencies import read_used_columns
from alembic_index_ops.catalog.proof import prove_equal
from alembic_index_ops.catalog.twin import normalise_all
from alembic_index_ops.definition.compare import Difference, compare_definitions
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import ArgumentError, IndexOpsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.catalog.tables import Table


@dataclass(frozen=True, slots=True)
class Comparison:
    """The indexes that a table is declared to have, and those that it has, each by its name."""

    table: Table
    declared: Sequence[IndexSpec]
    observed: Sequence[ObservedIndex]


@dataclass(frozen=True, slots=True)
class Changed:
    """An index that is there, and not as declared."""

    declared: IndexSpec
    observed: ObservedIndex
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a table's indexes lack to be as declared; `unjudged` says what could not be compared."""

    added: tuple[IndexSpec, ...]
    removed: tuple[ObservedIndex, ...]
    changed: tuple[Changed, ...]
    unjudged: tuple[IndexOpsError, ...]


Judgement = tuple[Difference, ...] | IndexOpsError


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A declared index and the observed one of its name; each pair is its own key."""

    table: Table
    declared: IndexSpec
    observed: ObservedIndex


@dataclass(frozen=True, slots=True)
class _Survey:
    """What is evident of one table; each of `differing` differs as it is worded."""

    added: tuple[IndexSpec, ...]
    removed: tuple[ObservedIndex, ...]
    differing: tuple[_Pair, ...]


def read_changes(connection: Connection, comparisons: Iterable[Comparison]) -> tuple[Changes, ...]:
    """The changes of each table, in the same order, as the server judges them.

    Two wordings of one expression or predicate are no change; an INVALID index is one. What the
    server refuses to build on the table as it is now differs from what it has. The comparisons are
    taken one by one, and nothing is kept of what is evidently equal.
    """
    surveys = [_survey(comparison) for comparison in comparisons]
    judged = _judge(connection, [pair for survey in surveys for pair in survey.differing])
    return tuple(_changes(survey, judged) for survey in surveys)


def _survey(comparison: Comparison) -> _Survey:
    declared = {spec.name: spec for spec in comparison.declared}
    observed = {index.name: index for index in comparison.observed}
    both = [
        _Pair(comparison.table, spec, observed[name])
        for name, spec in declared.items()
        if name in observed
    ]
    return _Survey(
        added=tuple(spec for name, spec in declared.items() if name not in observed),
        removed=tuple(index for name, index in observed.items() if name not in declared),
        differing=tuple(pair for pair in both if not pair.observed.usable or _worded(pair)),
    )


def _worded(pair: _Pair) -> tuple[Difference, ...]:
    """How the two differ as they are worded."""
    return compare_definitions(pair.declared, pair.observed.spec)


def _judge(connection: Connection, pairs: Sequence[_Pair]) -> dict[_Pair, Judgement]:
    """How each observed index differs from the declared one."""
    judged: dict[_Pair, Judgement] = {pair: _worded(pair) for pair in pairs}
    unsure = [pair for pair in pairs if judged[pair] and not pair.declared.evidently_plain]
    stored = _normalise(connection, unsure)
    judged |= {pair: _compare_stored(answer, pair) for pair, answer in stored.items()}
    judged |= dict.fromkeys(_only_worded_otherwise(connection, judged, stored), ())
    return {pair: _with_state(judgement, pair) for pair, judgement in judged.items()}


def _normalise(
    connection: Connection, pairs: Sequence[_Pair]
) -> dict[_Pair, IndexSpec | IndexOpsError]:
    """Each declared definition as the server would store it.

    It is asked once for all tables where the same words are about columns of the same types: what
    it makes of them is the same there. (Only the columns that the observed index uses count: a
    definition about others is another one.)
    """
    used = read_used_columns(connection, [pair.observed.oid for pair in pairs])
    alike: dict[object, list[_Pair]] = {}
    for pair in pairs:
        words = replace(pair.declared, name="ix", table="t", schema=None, tablespace=None)
        types = frozenset(used[pair.observed.oid].items())
        alike.setdefault((words, types), []).append(pair)
    answers = _ask(connection, [group[0] for group in alike.values()])
    found = {}
    for first, *others in alike.values():
        answer = found[first] = answers[first]
        if isinstance(answer, IndexSpec):
            for pair in others:
                tablespace = pair.declared.tablespace
                found[pair] = replace(answer, tablespace=tablespace)
    return found | _ask(connection, [pair for pair in pairs if pair not in found])


def _ask(connection: Connection, pairs: Sequence[_Pair]) -> dict[_Pair, IndexSpec | IndexOpsError]:
    answers = normalise_all(connection, [(pair.table, pair.declared) for pair in pairs])
    return dict(zip(pairs, answers, strict=True))


def _compare_stored(stored: IndexSpec | IndexOpsError, pair: _Pair) -> Judgement:
    if isinstance(stored, ArgumentError):
        # About a column or a type that this very revision is to add, or a mistake: what is there
        # is something else in both cases.
        return (Difference("definition", f"what the server refuses now ({stored})", "another"),)
    if isinstance(stored, IndexOpsError):
        return stored
    return compare_definitions(stored, pair.observed.spec)


def _only_worded_otherwise(
    connection: Connection,
    judged: Mapping[_Pair, Judgement],
    stored: Mapping[_Pair, IndexSpec | IndexOpsError],
) -> list[_Pair]:
    """The pairs whose predicates are all that differs, and proved equal by the planner."""
    asked = {}
    for pair, answer in stored.items():
        judgement, theirs = judged[pair], pair.observed.predicate
        if isinstance(answer, IndexOpsError) or isinstance(judgement, IndexOpsError):
            continue
        attributes = [difference.attribute for difference in judgement]
        if attributes == ["predicate"] and answer.predicate is not None and theirs is not None:
            asked[pair] = (pair.table, answer.predicate, theirs)
    proofs = prove_equal(connection, list(asked.values()))
    return [pair for pair, proved in zip(asked, proofs, strict=True) if proved is True]


def _with_state(judgement: Judgement, pair: _Pair) -> Judgement:
    if pair.observed.usable or isinstance(judgement, IndexOpsError):
        return judgement
    return (Difference("state", "valid", pair.observed.state), *judgement)


def _changes(survey: _Survey, judged: Mapping[_Pair, Judgement]) -> Changes:
    changed, unjudged = [], []
    for pair in survey.differing:
        judgement = judged[pair]
        if isinstance(judgement, IndexOpsError):
            unjudged.append(judgement)
        elif judgement:
            changed.append(Changed(pair.declared, pair.observed, judgement))
    return Changes(survey.added, survey.removed, tuple(changed), tuple(unjudged))
