"""The fixtures. This module is loaded by every pytest run, so what is heavy is imported late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest

from pytest_index_assert.errors import failing_plainly
from pytest_index_assert.options import read_options

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine, Index, MetaData, Table

    from alembic_index_ops import IndexSpec, ObservedIndex
    from pytest_index_assert.marker import Column, Condition

    Declared = MetaData | Table | Index | IndexSpec | type[Any]

KEPT = pytest.StashKey[list[str]]()


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
        match: Literal["exact", "equivalent"] = "equivalent",
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
        match: Literal["exact", "equivalent"] = "equivalent",
        reason: str | None = None,
    ) -> None:
        """Fails the test where such an index exists, valid or not."""


class AssertIndexes(Protocol):
    """`assert_indexes(Base.metadata)`: every index that the models declare is required."""

    def __call__(self, declared: Declared | Iterable[Declared]) -> tuple[ObservedIndex, ...]:
        """The indexes, in the order declared; one failure lists all that are not there."""


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

    Override it, at any scope, with a fixture that returns an Engine, an AsyncEngine or a URL.
    """
    from pytest_index_assert.database import open_database

    kept = request.config.stash.setdefault(KEPT, [])
    options = read_options(request.config)
    with (
        failing_plainly(),
        open_database(
            options, lambda: request.getfixturevalue("index_alembic_config"), kept.append
        ) as engine,
    ):
        yield engine


@pytest.fixture
def index_catalog(index_engine: Any, pytestconfig: pytest.Config) -> IndexCatalog:
    """`index_catalog.read("content_jobs")`: the indexes that the database has now."""
    from pytest_index_assert.enforce import usable_engine

    return IndexCatalog(usable_engine(pytestconfig, index_engine))


@pytest.fixture
def assert_index(index_engine: Any, pytestconfig: pytest.Config) -> AssertIndex:
    """`assert_index("content_jobs", "org_id")` returns the index, or fails the test."""
    from pytest_index_assert.enforce import Assertions, usable_engine

    return Assertions(usable_engine(pytestconfig, index_engine)).assert_index


@pytest.fixture
def assert_no_index(index_engine: Any, pytestconfig: pytest.Config) -> AssertNoIndex:
    """`assert_no_index("content_jobs", "org_id")` fails the test where there is such an index."""
    from pytest_index_assert.enforce import Assertions, usable_engine

    return Assertions(usable_engine(pytestconfig, index_engine)).assert_no_index


@pytest.fixture
def assert_indexes(index_engine: Any, pytestconfig: pytest.Config) -> AssertIndexes:
    """`assert_indexes(Base.metadata)`: every index that the models declare is required."""
    from pytest_index_assert.enforce import Assertions, usable_engine

    return Assertions(usable_engine(pytestconfig, index_engine)).assert_indexes
