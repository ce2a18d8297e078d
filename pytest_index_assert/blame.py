"""Which revision made an index, and which one lost it: history + requirement -> lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import takewhile

from alembic_index_ops import describe_key
from pytest_index_assert.check import Verdict
from pytest_index_assert.history import Change, History, Place, describe_place
from pytest_index_assert.ranking import describe_index

_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Life:
    """All that happened to one index, the first thing first."""

    changes: tuple[Change, ...]

    @property
    def places(self) -> frozenset[Place]:
        """Every place that it had."""
        return frozenset(change.place for change in self.changes)

    @property
    def definitions(self) -> frozenset[str]:
        """Every definition that it had."""
        return frozenset(change.definition for change in self.changes)


def render_blame(history: History, verdict: Verdict) -> str:
    """What to add to the failure of a requirement that is not met; the nearest index first."""
    lines = ["  blame:"]
    lives = find_lives(history, verdict)
    for life in lives[:_SHOWN]:
        lines.append(f"    {describe_place(life.changes[-1].place)}")
        lines += [f"      {_describe(change)}" for change in life.changes]
    if not lives:
        lines.append("    no revision has created an index like it")
    if history.failure is not None:
        after = f"after {history.last}" if history.last else "at its first revision"
        lines.append(f"    the history could be walked no further, {after}: {history.failure}")
    return "\n".join(lines)


def find_lives(history: History, verdict: Verdict) -> list[Life]:
    """The indexes to tell of: of the required name or definition, else the nearest ones."""
    lives = [life for life in _lives(history) if _concerns(life, verdict)]
    requirement = verdict.requirement
    asked = [
        life
        for life in lives
        if any(name == requirement.name for _, _, name in life.places)
        or any(_is_required(definition, verdict) for definition in life.definitions)
    ]
    # The one that was lost last tells most.
    asked.reverse()
    if asked:
        return asked
    nearest = [candidate.index for candidate in verdict.candidates[:1]]
    places = {(index.schema, index.table, index.name) for index in nearest}
    alike = [life for life in lives if _common(life, verdict)]
    alike.sort(key=lambda life: _common(life, verdict), reverse=True)
    return [life for life in alike if life.places & places] or alike


def _lives(history: History) -> list[Life]:
    """The changes by index. One that is made anew under a name goes on with that name's life."""
    lives: list[list[Change]] = []
    by_place: dict[Place, list[Change]] = {}
    for change in history.changes:
        life = by_place.pop(change.was, None)
        if life is None:
            life = []
            lives.append(life)
        life.append(change)
        by_place[change.place] = life
    return [Life(tuple(life)) for life in lives]


def _concerns(life: Life, verdict: Verdict) -> bool:
    """Whether it was on the required table; the schema counts where it is known."""
    requirement, table = verdict.requirement, verdict.table
    if table is not None:
        return any(place[:2] == (table.schema, table.name) for place in life.places)
    if requirement.table is None:
        return any(name == requirement.name for _, _, name in life.places)
    return any(
        name == requirement.table and requirement.schema in (None, schema)
        for schema, name, _ in life.places
    )


def _is_required(definition: str, verdict: Verdict) -> bool:
    requirement = verdict.requirement
    if requirement.definition is None:
        return False
    required = describe_index(requirement.definition)
    return definition == required or (
        requirement.unique is None and definition.removeprefix("UNIQUE ") == required
    )


def _common(life: Life, verdict: Verdict) -> int:
    """With how many required keys it has begun, at most."""
    definition, shape = verdict.requirement.definition, verdict.requirement.shape
    if shape is not None:
        asked = {_column(describe_key(key)) for key in (*shape.eq, *shape.range, *shape.order_by)}
        return max(_leading([asked] * len(change.keys), change.keys) for change in life.changes)
    keys = [] if definition is None else definition.key_columns
    wanted = [{_column(describe_key(key))} for key in keys]
    return max(_leading(wanted, change.keys) for change in life.changes)


def _leading(wanted: Sequence[Set[str]], found: Sequence[str]) -> int:
    """How many of the keys found are, from the first on, one of those wanted in their place."""
    pairs = zip(wanted, found, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _column(pair[1]) in pair[0], pairs))


def _column(key: str) -> str:
    return key.split()[0]


def _describe(change: Change) -> str:
    by = f"{change.kind} by {change.revision} ({change.path})"
    told = change.definition if change.kind == "created" else change.detail
    return f"{by}: {told}" if told else by
