"""The fixtures. This module is loaded by every pytest run, so what is heavy is imported late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_index_assert.errors import failing_plainly
from pytest_index_assert.options import Options, read_options

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine, Executable, Index, MetaData, Table

    from alembic_index_ops import IndexSpec, ObservedIndex
    from pytest_index_assert.facets import Level
    from pytest_index_assert.marker import Column, Condition
    from pytest_index_assert.own_server import Workplace
    from pytest_index_assert.uses import Mode

    Declared = MetaData | Table | Index | IndexSpec | type[Any]
    Listed = str | Sequence[Column] | Index | IndexSpec | pytest.MarkDecorator


class AssertIndex(Protocol):
    """`assert_index("content_jobs", "org_id", "created_at DESC")`: the marker as a function."""

    def __call__(
        self,
        table: str | None = None,
        *columns: Column | Sequence[Column],
        schema: str | None = None,
        name: str | None = None,
        include: Sequence[str] = (),
        unique: bool | None = None,
        using: str = "btree",
        where: Condition | None = None,
        nulls_not_distinct: bool = False,
        match: Level = "equivalent",
        eq: Sequence[Column] | None = None,
        range: Sequence[Column] | None = None,
        order_by: Sequence[Column] | None = None,
        query_where: Condition | None = None,
        index_only: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> ObservedIndex:
        """The index that meets the requirement; fails the test where none does."""


class AssertNoIndex(Protocol):
    """`assert_no_index("content_jobs", "org_id")`: the marker's arguments, the other way round."""

    def __call__(
        self,
        table: str | None = None,
        *columns: Column | Sequence[Column],
        schema: str | None = None,
        name: str | None = None,
        include: Sequence[str] = (),
        unique: bool | None = None,
        using: str = "btree",
        where: Condition | None = None,
        nulls_not_distinct: bool = False,
        match: Level = "equivalent",
        eq: Sequence[Column] | None = None,
        range: Sequence[Column] | None = None,
        order_by: Sequence[Column] | None = None,
        query_where: Condition | None = None,
        index_only: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Fails the test where such an index exists, valid or not."""


class AssertIndexes(Protocol):
    """`assert_indexes(Base.metadata)`: every index that the models declare is required."""

    def __call__(self, declared: Declared | Iterable[Declared]) -> tuple[ObservedIndex, ...]:
        """The indexes, in the order declared; one failure lists all that are not there."""


class AssertOnlyIndexes(Protocol):
    """`assert_only_indexes("jobs", ["ix_jobs_org", ["status"]])`: these, and no others."""

    def __call__(
        self,
        table: str,
        indexes: Iterable[Listed],
        *,
        schema: str | None = None,
        constraints: bool = False,
    ) -> None:
        """Fails the test unless each listed index is there, and no other one.

        An item is an index's name, a list of columns, `requires_index(...)`, or a model's index.
        Those behind constraints may be listed; unlisted, they are too many only with
        `constraints=True`.
        """


class AssertQueryUses(Protocol):
    """`assert_query_uses(select(Job).where(...), index="ix_jobs_org")`: the planner can use it."""

    def __call__(
        self,
        statement: Executable | str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        index: str | Index | IndexSpec | Sequence[str | Index | IndexSpec] | None = None,
        index_only: bool = False,
        no_sort: bool = False,
        mode: Mode = "both",
    ) -> None:
        """Fails the test unless the statement's plans use the index (one of them, of several).

        An index is given by its name, "schema.name", or as a model has it.
        The statement is planned on the migrated database as the application's driver prepares it,
        and never executed: `"generic"` is the plan that knows no parameter, `"custom"` the one
        with the values of `params` or of the statement itself, `"both"` asks for both. Reading
        whole tables is switched off, so this proves that the planner *can* use the index, whatever
        is in the tables; how much it gains there is another question. A walk through all of an
        index counts where it gives the order. `index_only` asks that the table is left alone,
        `no_sort` that nothing is sorted.
        """


class IndexCatalog:
    """The indexes of the database, read anew at each call: a test may have dropped one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(
        self, table: str | None = None, *, schema: str | None = None
    ) -> tuple[ObservedIndex, ...]:
        """Every index of a table, of a schema, or (with neither) of the whole database."""
        from alembic_index_ops import read_indexes
        from pytest_index_assert.connection import reading

        with reading(self._engine) as connection:
            return read_indexes(connection, table=table, schema=schema)


@pytest.fixture(scope="session")
def index_alembic_config(request: pytest.FixtureRequest) -> Config:
    """The project's Alembic configuration. Override it to configure Alembic by code."""
    from pytest_index_assert.database import find_alembic_config

    with failing_plainly():
        return find_alembic_config(read_options(request.config))


@pytest.fixture(scope="session")
def index_engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An engine on the migrated database.

    Override it, at any scope, with a fixture that returns an Engine, an AsyncEngine or a URL; a
    plugin has the hook `pytest_index_assert_engine`.
    """
    from pytest_index_assert.database import open_database

    supplied = request.config.hook.pytest_index_assert_engine(config=request.config)
    if supplied is not None:
        yield supplied
        return
    with failing_plainly(), open_database(*_sources(request)) as engine:
        yield engine


@pytest.fixture
def index_engine_per_test(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on a migrated database of the test's own, to change as it likes.

    It is a clone that the plugin makes on its own server, and drops afterwards.
    """
    from pytest_index_assert.database import open_own_database

    with failing_plainly(), open_own_database(*_sources(request)) as engine:
        yield engine


def _sources(
    request: pytest.FixtureRequest,
) -> tuple[Options, Callable[[], Config], Callable[[], Workplace]]:
    """What says where a database comes from; the last two only where it is asked."""
    from pytest_index_assert.workers import workplace_of

    options = read_options(request.config)
    return (
        options,
        lambda: request.getfixturevalue("index_alembic_config"),
        lambda: workplace_of(request, options),
    )


@pytest.fixture
def index_catalog(index_engine: Any, pytestconfig: pytest.Config) -> IndexCatalog:
    """`index_catalog.read("content_jobs")`: the indexes that the database has now."""
    from pytest_index_assert.enforce import usable_engine

    return IndexCatalog(usable_engine(pytestconfig, index_engine))


@pytest.fixture
def assert_index(index_engine: Any, pytestconfig: pytest.Config) -> AssertIndex:
    """`assert_index("content_jobs", "org_id")` returns the index, or fails the test."""
    from pytest_index_assert.assertions import Assertions

    return Assertions(pytestconfig, index_engine).assert_index


@pytest.fixture
def assert_no_index(index_engine: Any, pytestconfig: pytest.Config) -> AssertNoIndex:
    """`assert_no_index("content_jobs", "org_id")` fails the test where there is such an index."""
    from pytest_index_assert.assertions import Assertions

    return Assertions(pytestconfig, index_engine).assert_no_index


@pytest.fixture
def assert_indexes(index_engine: Any, pytestconfig: pytest.Config) -> AssertIndexes:
    """`assert_indexes(Base.metadata)`: every index that the models declare is required."""
    from pytest_index_assert.assertions import Assertions

    return Assertions(pytestconfig, index_engine).assert_indexes


@pytest.fixture
def assert_only_indexes(index_engine: Any, pytestconfig: pytest.Config) -> AssertOnlyIndexes:
    """`assert_only_indexes("jobs", ["ix_jobs_org", ["status"]])`: these, and no others."""
    from pytest_index_assert.assertions import Assertions

    return Assertions(pytestconfig, index_engine).assert_only_indexes


@pytest.fixture
def assert_query_uses(index_engine: Any, pytestconfig: pytest.Config) -> AssertQueryUses:
    """`assert_query_uses(select(Job).where(...), index="ix_jobs_org")`: the planner can use it."""
    from pytest_index_assert.assertions import Assertions

    return Assertions(pytestconfig, index_engine).assert_query_uses
