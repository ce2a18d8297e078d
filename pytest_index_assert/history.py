"""What each revision did to the indexes: snapshots -> changes, and the history of them all.

Loaded by the migration's own process too, which takes the snapshots.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from alembic_index_ops import ObservedIndex

Place = tuple[str, str, str]
"""Schema, table and name of an index."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision did to one index.

    `place` is where the index is afterwards, or was when it was dropped; `was` where it had been
    before. `definition` and `keys` are in SQL's words, `detail` in ours.
    """

    revision: str
    path: str
    kind: Literal["created", "changed", "renamed", "dropped"]
    place: Place
    was: Place
    definition: str
    keys: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The changes of all revisions, in the order in which Alembic applies them.

    `failure` says why it ends early, if it does, and `last` after which revision.
    """

    changes: tuple[Change, ...] = ()
    last: str | None = None
    failure: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> History:
        changes = (
            Change(
                **{
                    **change,
                    "place": tuple(change["place"]),
                    "was": tuple(change["was"]),
                    "keys": tuple(change["keys"]),
                }
            )
            for change in value["changes"]
        )
        return cls(tuple(changes), value["last"], value["failure"])


class Recorder:
    """Called by Alembic after each revision, with its connection; gathers the history."""

    def __init__(self, directory: str) -> None:
        self.started = False
        self.history = History()
        self._directory = directory
        self._before: tuple[ObservedIndex, ...] = ()

    def __call__(self, *, ctx: Any, step: Any, **_: Any) -> None:
        from alembic_index_ops import read_indexes

        after = read_indexes(ctx.connection)
        path = os.path.relpath(step.up_revision.path, self._directory)
        found = compare_snapshots(str(step.up_revision_id), path, self._before, after)
        self.history = History((*self.history.changes, *found), str(step.up_revision_id))
        self._before = after


def compare_snapshots(
    revision: str, path: str, before: Iterable[ObservedIndex], after: Iterable[ObservedIndex]
) -> tuple[Change, ...]:
    """What a revision changed. An index is the same one by its place, else by its oid."""
    old = {_place(index): index for index in before}
    new = {_place(index): index for index in after}
    moved = {index.oid: place for place, index in old.items() if place not in new}
    found: list[Change] = []
    for place, index in new.items():
        was = place if place in old else moved.pop(index.oid, None)
        if was is None:
            found.append(_change(revision, path, "created", index, place))
            continue
        if was != place:
            detail = f"it had been {describe_place(was)}"
            found.append(_change(revision, path, "renamed", index, was, detail))
        detail = "; ".join(_differences(old[was], index))
        if detail:
            found.append(_change(revision, path, "changed", index, place, detail))
    dropped = [old[place] for place in moved.values()]
    found += [_change(revision, path, "dropped", index, _place(index)) for index in dropped]
    return tuple(found)


def describe_place(place: Place) -> str:
    """As messages show it: `"ix_jobs" on "public"."jobs"`."""
    schema, table, name = place
    return f'"{name}" on "{schema}"."{table}"'


def _differences(before: ObservedIndex, after: ObservedIndex) -> Iterator[str]:
    from alembic_index_ops import compare_definitions

    for difference in compare_definitions(after.spec, before.spec):
        yield f"{difference.attribute}: {difference.found} became {difference.wanted}"
    if before.usable != after.usable:
        yield f"{before.state} became {after.state}"


def _change(
    revision: str, path: str, kind: Any, index: ObservedIndex, was: Place, detail: str = ""
) -> Change:
    from alembic_index_ops import describe_key
    from pytest_index_assert.ranking import describe_index

    keys = tuple(describe_key(key) for key in index.spec.key_columns)
    return Change(
        revision, path, kind, _place(index), was, describe_index(index.spec), keys, detail
    )


def _place(index: ObservedIndex) -> Place:
    return index.schema, index.table, index.name
