"""The assertions that the fixtures hand out: arguments in, a failure of the test out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from alembic_index_ops import IndexSpec, ObservedIndex, from_index
from pytest_index_assert.closed import judge_inventory, parse_listed
from pytest_index_assert.connection import find_dialect, reading
from pytest_index_assert.enforce import read_verdicts, require, usable_engine
from pytest_index_assert.errors import RequirementError, failing_plainly
from pytest_index_assert.report import render_presence
from pytest_index_assert.requirement import Requirement, parse_requirement
from pytest_index_assert.statement import compile_statement
from pytest_index_assert.uses import judge_usage, parse_usage

if TYPE_CHECKING:
    from pytest_index_assert.fixtures import Declared


class Assertions:
    """The assertions that the fixtures hand out."""

    def __init__(self, config: pytest.Config, value: Any) -> None:
        self._engine = usable_engine(config, value)
        self._dialect = find_dialect(value)

    def assert_index(self, *arguments: Any, **keywords: Any) -> ObservedIndex:
        """The index that meets the requirement; fails the test where none does."""
        __tracebackhide__ = True
        requirement = _parse("assert_index", arguments, keywords)
        return require(self._engine, [requirement])[0]

    def assert_no_index(self, *arguments: Any, **keywords: Any) -> None:
        """Fails the test where such an index exists, valid or not."""
        __tracebackhide__ = True
        requirement = _parse("assert_no_index", arguments, keywords)
        message = render_presence(read_verdicts(self._engine, [requirement])[0])
        if message:
            pytest.fail(message, pytrace=False)

    def assert_only_indexes(
        self,
        table: str,
        indexes: Iterable[Any],
        *,
        schema: str | None = None,
        constraints: bool = False,
    ) -> None:
        """Fails the test unless these are the indexes of the table, all of them."""
        __tracebackhide__ = True
        with failing_plainly():
            listed = parse_listed(table, indexes, schema)
            with reading(self._engine) as connection:
                message = judge_inventory(connection, table, listed, schema, constraints)
        if message:
            pytest.fail(message, pytrace=False)

    def assert_query_uses(
        self,
        statement: Any,
        params: Any = None,
        *,
        index: Any = None,
        index_only: bool = False,
        no_sort: bool = False,
        mode: Any = "both",
    ) -> None:
        """Fails the test unless the statement's plans are as asked."""
        __tracebackhide__ = True
        with failing_plainly():
            usage = parse_usage(index, index_only, no_sort, mode)
            compiled = compile_statement(statement, params, self._dialect)
            message = judge_usage(self._engine, compiled, usage)
        if message:
            pytest.fail(message, pytrace=False)

    def assert_indexes(self, declared: Declared | Iterable[Declared]) -> tuple[ObservedIndex, ...]:
        """The declared indexes; one failure lists all that are not there."""
        __tracebackhide__ = True
        with failing_plainly():
            requirements = [Requirement.of(spec) for spec in _specs(declared)]
        return require(self._engine, requirements)


def _parse(caller: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Requirement:
    with failing_plainly():
        return parse_requirement(arguments, keywords, caller)


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
