"""What is tried on clones, and which trials share a transaction. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic_index_ops.catalog.tables import Table
    from alembic_index_ops.definition.spec import IndexSpec

# The server keeps this many subtransactions of a session at hand (64); with more, others have to
# look them up. Each clone is one, and each index. It bounds the locks as well: about five each.
PORTION = 60


@dataclass(frozen=True, slots=True)
class Query:
    """A query of one table, in SQL: what it returns, of which rows, in which order.

    With `not_null` the columns have the table's NOT NULL, which its rows need not meet (NOT VALID,
    18+).
    """

    condition: str = "true"
    output: str = "ctid"
    order: str | None = None
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """An index to be made on a clone of the table, under a name that no other trial has.

    With a `query`, the server plans it while this is the only index. The queries of one call are
    alike in `not_null`.
    """

    table: Table
    index: IndexSpec
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """An index that the server took: the clone it is on, and the plan of the trial's query."""

    clone_oid: int
    plan: Any


def crowds(trials: Sequence[Trial]) -> Iterator[list[Trial]]:
    """Portions of several tables; in none are two of one name, which cannot have clones at once."""
    ranks: dict[str, dict[int, int]] = {}
    for trial in trials:
        others = ranks.setdefault(trial.table.name, {})
        others.setdefault(trial.table.oid, len(others))

    def rank(trial: Trial) -> int:
        return ranks[trial.table.name][trial.table.oid]

    for _, group in groupby(sorted(trials, key=rank), key=rank):
        yield from _portions(group)


def alone(trials: Iterable[Trial]) -> Iterator[list[Trial]]:
    """Portions of one table each."""
    for group in by_table(trials):
        yield from _portions(group)


def by_table(trials: Iterable[Trial]) -> list[list[Trial]]:
    """The trials of each table."""
    tables: dict[int, list[Trial]] = {}
    for trial in trials:
        tables.setdefault(trial.table.oid, []).append(trial)
    return list(tables.values())


def _portions(trials: Iterable[Trial]) -> Iterator[list[Trial]]:
    portion: list[Trial] = []
    tables: set[int] = set()
    for trial in trials:
        tables.add(trial.table.oid)
        if len(portion) + 1 + len(tables) > PORTION:
            yield portion
            portion, tables = [], {trial.table.oid}
        portion.append(trial)
    if portion:
        yield portion
