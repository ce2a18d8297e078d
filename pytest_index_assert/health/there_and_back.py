"""Every revision up, down and up again; runs in the process that runs env.py.

One step of one revision at a time, so that branches, merges and concurrent operations, which
commit, are nothing special: what has to be the same is what the catalog has when a run has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_index_assert.health.fingerprint import Fingerprint, compare, read_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alembic.runtime.migration import MigrationStep
    from alembic.script import Script, ScriptDirectory
    from sqlalchemy import Engine

    # Runs env.py with these steps, and returns the name of the version table.
    Run = Callable[[Sequence[MigrationStep]], str]

What = Literal["up", "down", "trace", "irreversible", "half", "again", "other"]

Told = tuple[str, str | None]
"""A change in words, and the statement that undoes it, where one statement does."""


@dataclass(frozen=True, slots=True)
class Trip:
    """What became of a revision, where that is worth telling.

    `up`: it cannot be applied. `down`: its downgrade fails. `trace`: that leaves the database other
    than it was. `irreversible`: that raises NotImplementedError. `half`: so it does, after having
    changed something. `again`: it cannot be applied a second time. `other`: that makes another
    database than the first time. `lost`: the database is not good for more; a new one is needed.
    """

    revision: str
    what: What
    error: str | None = None
    changes: tuple[Told, ...] = ()
    lost: bool = False


def travel(
    script: ScriptDirectory,
    revisions: Sequence[Script],
    engine: Engine,
    run: Run,
    after: Sequence[str],
) -> Iterator[Trip]:
    """Trips of these revisions, in this order, in which they can be applied.

    Those of `after` are only applied. Ends with the first one after which all is lost.
    """
    for revision in revisions:
        if revision.revision in after:
            run([_step(script, revision, up=True)])
            continue
        for trip in _travel(script, revision, engine, run):
            yield trip
            if trip.lost:
                return


def _travel(script: ScriptDirectory, revision: Script, engine: Engine, run: Run) -> Iterator[Trip]:
    name = revision.revision
    up, down = (_step(script, revision, up=way) for way in (True, False))
    version_table = run([])
    before = _read(engine, version_table)
    try:
        run([up])
    except Exception as error:
        yield Trip(name, "up", _words(error), lost=True)
        return
    applied = _read(engine, version_table)
    try:
        run([down])
    except Exception as error:
        now = _differences(applied, _read(engine, version_table))
        irreversible = isinstance(error, NotImplementedError)
        what: What = "down"
        if irreversible:
            what = "half" if now else "irreversible"
        yield Trip(name, what, _words(error), now, lost=bool(now))
        return
    trace = _differences(before, _read(engine, version_table))
    if trace:
        yield Trip(name, "trace", changes=trace)
    try:
        run([up])
    except Exception as error:
        yield Trip(name, "again", _words(error), lost=True)
        return
    other = _differences(applied, _read(engine, version_table))
    if other:
        yield Trip(name, "other", changes=other)


def _step(script: ScriptDirectory, revision: Script, *, up: bool) -> MigrationStep:
    from alembic.runtime.migration import MigrationStep

    make = MigrationStep.upgrade_from_script if up else MigrationStep.downgrade_from_script
    return make(script.revision_map, revision)


def _read(engine: Engine, version_table: str) -> Fingerprint:
    with engine.connect() as connection:
        return read_fingerprint(connection, version_table)


def _differences(before: Fingerprint, after: Fingerprint) -> tuple[Told, ...]:
    return tuple((str(change), change.undo) for change in compare(before, after))


def _words(error: BaseException) -> str:
    original: Any = getattr(error, "orig", None)
    first = str(original or error).strip().splitlines() or [""]
    return f"{type(original or error).__name__}: {first[0]}"
