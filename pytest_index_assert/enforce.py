"""From pytest's items and fixtures to verdicts, and back to FAILED and ERROR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from alembic_index_ops import IndexSpec, ObservedIndex, from_index
from pytest_index_assert.check import Verdict, check
from pytest_index_assert.connection import Engines, reading
from pytest_index_assert.errors import RequirementError, failing_plainly
from pytest_index_assert.marker import NAME
from pytest_index_assert.report import describe_observed, render_failures
from pytest_index_assert.requirement import Requirement, parse_requirement

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pytest_index_assert.fixtures import Declared


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a marked item brings to its call: an engine, or the errors of its markers."""

    requirements: tuple[Requirement, ...] = ()
    engine: Engine | None = None
    errors: tuple[str, ...] = ()


_PREPARED = pytest.StashKey[_Prepared]()
_ENGINES = pytest.StashKey[Engines]()


def prepare(item: pytest.Item) -> None:
    """Read the item's markers, and resolve its database: no database is an ERROR."""
    requirements, errors = [], []
    for mark in reversed(list(item.iter_markers(NAME))):
        try:
            requirements.append(parse_requirement(mark.args, mark.kwargs))
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
    item.stash[_PREPARED] = _Prepared(tuple(requirements), engine)


def enforce(item: pytest.Item) -> None:
    """Fail the item with all that its requirements miss."""
    prepared = item.stash.get(_PREPARED, _Prepared())
    if prepared.errors:
        pytest.fail("\n\n".join(prepared.errors), pytrace=False)
    if prepared.engine is not None:
        _require(prepared.engine, prepared.requirements)


def usable_engine(config: pytest.Config, value: Any) -> Engine:
    """What `index_engine` returned, as an engine whose database answers; else the test fails."""
    with failing_plainly():
        return config.stash.setdefault(_ENGINES, Engines()).get(value)


class Assertions:
    """The assertions that the fixtures hand out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def assert_index(self, *arguments: Any, **keywords: Any) -> ObservedIndex:
        """The index that meets the requirement; fails the test where none does."""
        __tracebackhide__ = True
        requirement = _parse("assert_index", arguments, keywords)
        return _require(self._engine, [requirement])[0]

    def assert_no_index(self, *arguments: Any, **keywords: Any) -> None:
        """Fails the test where such an index exists, valid or not."""
        __tracebackhide__ = True
        requirement = _parse("assert_no_index", arguments, keywords)
        verdict = _check(self._engine, [requirement])[0]
        found = [candidate.index for candidate in verdict.candidates if candidate.level is not None]
        if found:
            named = "\n".join(f"  found: {describe_observed(index)}" for index in found)
            pytest.fail(f"{requirement.label}: {verdict.table} has one\n{named}", pytrace=False)
        if verdict.problem is not None:
            # Absent because of a typing error would be absent for ever.
            pytest.fail(f"{requirement.label} cannot be judged: {verdict.problem}", pytrace=False)

    def assert_indexes(self, declared: Declared | Iterable[Declared]) -> tuple[ObservedIndex, ...]:
        """The declared indexes; one failure lists all that are not there."""
        __tracebackhide__ = True
        with failing_plainly():
            requirements = [Requirement.of(spec) for spec in _specs(declared)]
        return _require(self._engine, requirements)


def _parse(caller: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Requirement:
    with failing_plainly():
        return parse_requirement(arguments, keywords, caller)


def _require(engine: Engine, requirements: Iterable[Requirement]) -> tuple[ObservedIndex, ...]:
    verdicts = _check(engine, requirements)
    message = render_failures(verdicts)
    if message:
        pytest.fail(message, pytrace=False)
    return tuple(verdict.index for verdict in verdicts if verdict.index is not None)


def _check(engine: Engine, requirements: Iterable[Requirement]) -> list[Verdict]:
    with failing_plainly(), reading(engine) as connection:
        return [check(connection, requirement) for requirement in requirements]


def _specs(declared: Any) -> Iterator[IndexSpec]:
    """The indexes of metadata, a declarative base, a table, an index, or many of these."""
    from sqlalchemy import Index, MetaData, Table

    if isinstance(declared, IndexSpec):
        yield declared
    elif isinstance(declared, Index):
        # How it is stored and where is nothing that a test requires.
        yield replace(from_index(declared), storage_parameters=(), tablespace=None)
    elif isinstance(declared, Table):
        for index in sorted(declared.indexes, key=lambda index: str(index.name)):
            yield from _specs(index)
    elif isinstance(declared, MetaData):
        for table in declared.sorted_tables:
            yield from _specs(table)
    elif isinstance(getattr(declared, "__table__", None), Table):
        yield from _specs(declared.__table__)
    elif isinstance(getattr(declared, "metadata", None), MetaData):
        yield from _specs(declared.metadata)
    elif isinstance(declared, Iterable):
        for one in declared:
            yield from _specs(one)
    else:
        raise RequirementError(
            f"assert_indexes: {declared!r} declares no indexes; give metadata, tables, models or"
            " indexes"
        )
