"""From pytest's items and fixtures to verdicts, and back to FAILED and ERROR."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from alembic_index_ops import ObservedIndex
from pytest_index_assert.check import Verdict, check
from pytest_index_assert.connection import Engines, opening, reading
from pytest_index_assert.errors import RequirementError, failing_plainly
from pytest_index_assert.marker import NAME
from pytest_index_assert.memory import Memories, Memory
from pytest_index_assert.report import render_failures, render_met
from pytest_index_assert.requirement import Requirement, parse_requirement

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a marked item brings to its call: an engine, or the errors of its markers."""

    requirements: tuple[Requirement, ...] = ()
    engine: Engine | None = None
    errors: tuple[str, ...] = ()


_PREPARED = pytest.StashKey[_Prepared]()
_ENGINES = pytest.StashKey[Engines]()
_MEMORIES = pytest.StashKey[Memories]()
_PARSED = pytest.StashKey[dict[Any, Requirement]]()


def prepare(item: pytest.Item) -> None:
    """Read the item's markers, and resolve its database: no database is an ERROR."""
    requirements, errors = [], []
    parsed = item.config.stash.setdefault(_PARSED, {})
    for mark in reversed(list(item.iter_markers(NAME))):
        try:
            requirements.append(_parse_mark(mark, parsed))
        except RequirementError as error:
            errors.append(str(error))
    if errors:
        item.stash[_PREPARED] = _Prepared(errors=tuple(errors))
        return
    request: Any = getattr(item, "_request", None)
    if request is None:
        pytest.fail(f"{NAME} needs a test with fixtures, and {item!r} has none", pytrace=False)
    if item.config.getoption("setupplan", False):
        return
    engine = usable_engine(item.config, request.getfixturevalue("index_engine"))
    memory = item.config.stash.setdefault(_MEMORIES, Memories()).get(engine)
    if not memory.is_open:
        _keep_open(request, engine, memory)
    item.stash[_PREPARED] = _Prepared(tuple(requirements), engine)


def enforce(item: pytest.Item) -> None:
    """Fail the item with all that its requirements miss."""
    prepared = item.stash.get(_PREPARED, _Prepared())
    if prepared.errors:
        pytest.fail("\n\n".join(prepared.errors), pytrace=False)
    if prepared.engine is None:
        return
    memory = item.config.stash[_MEMORIES].get(prepared.engine)
    told = _recall(memory, prepared)
    if told is None:
        told = []
        for verdict in _met(prepared.engine, prepared.requirements):
            told.append(render_met(verdict))
            memory.learn(verdict.requirement, told[-1])
    item.user_properties += [(NAME, text) for text in told]


def _parse_mark(mark: pytest.Mark, parsed: dict[Any, Requirement]) -> Requirement:
    """The mark's requirement, the same one for marks that say the same."""
    key = (_frozen(mark.args), _frozen(tuple(mark.kwargs.items())))
    try:
        return parsed[key]
    except KeyError:
        parsed[key] = requirement = parse_requirement(mark.args, mark.kwargs)
        return requirement
    except TypeError:  # Something in it has no hash.
        return parse_requirement(mark.args, mark.kwargs)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _keep_open(request: Any, engine: Engine, memory: Memory) -> None:
    """Let the memory have a connection until `index_engine` is torn down.

    Who drops the database at that point must not find us in it. An engine that lives for one test
    only is asked without.
    """
    from sqlalchemy.pool import NullPool, QueuePool

    find = getattr(request, "_get_active_fixturedef", None)
    fixture = find("index_engine") if find is not None else None
    # Other pools have one connection, and it is the tests'.
    spare = isinstance(engine.pool, (NullPool, QueuePool))
    if fixture is not None and fixture.scope != "function" and spare:
        fixture.addfinalizer(memory.close)
        with failing_plainly(), opening(engine):
            memory.keep_open(engine)


def _recall(memory: Memory, prepared: _Prepared) -> list[str] | None:
    """What is known of the requirements, if all are met; None also where the server went away."""
    from sqlalchemy.exc import SQLAlchemyError

    assert prepared.engine is not None
    driver: Any = prepared.engine.dialect.loaded_dbapi
    try:
        return memory.recall(prepared.engine, prepared.requirements)
    except (SQLAlchemyError, driver.Error):
        memory.forget()
        return None


def usable_engine(config: pytest.Config, value: Any) -> Engine:
    """What `index_engine` returned, as an engine whose database answers; else the test fails."""
    with failing_plainly():
        return config.stash.setdefault(_ENGINES, Engines()).get(value)


def require(engine: Engine, requirements: Iterable[Requirement]) -> tuple[ObservedIndex, ...]:
    """The indexes that meet the requirements; fails the test with all that is missing."""
    verdicts = _met(engine, requirements)
    return tuple(verdict.index for verdict in verdicts if verdict.index is not None)


def _met(engine: Engine, requirements: Iterable[Requirement]) -> list[Verdict]:
    verdicts = read_verdicts(engine, requirements)
    message = render_failures(verdicts)
    if message:
        failure: Any = pytest.fail.Exception(message, pytrace=False)
        # For whoever has more to tell about them.
        failure.unmet_verdicts = [each for each in verdicts if each.outcome == "unmet"]
        raise failure
    return verdicts


def read_verdicts(engine: Engine, requirements: Iterable[Requirement]) -> list[Verdict]:
    """What became of each requirement, on a connection of its own."""
    with failing_plainly(), reading(engine) as connection:
        return [check(connection, requirement) for requirement in requirements]
