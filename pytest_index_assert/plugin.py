"""What pytest loads in every run: hooks and fixtures, and nothing heavy."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_index_assert.fixtures import (
    assert_index,
    assert_indexes,
    assert_no_index,
    assert_only_indexes,
    assert_query_uses,
    index_alembic_config,
    index_catalog,
    index_engine,
    index_engine_per_test,
)
from pytest_index_assert.marker import NAME
from pytest_index_assert.options import read_options, register_options
from pytest_index_assert.workers import KEPT, tell_worker

__all__ = [
    "assert_index",
    "assert_indexes",
    "assert_no_index",
    "assert_only_indexes",
    "assert_query_uses",
    "index_alembic_config",
    "index_catalog",
    "index_engine",
    "index_engine_per_test",
]

pytest_plugins = ["pytest_index_assert.health.plugin"]

_KEPT_BY_WORKER = "index_assert_kept"


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_index_assert import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    register_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{NAME}(table, *columns, ...): the migrated database has this index, valid, or the test"
        " fails (alembic-index-ops)",
    )
    config.stash[KEPT] = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every fixture of the item is there; the database is got ready, or the test is an ERROR."""
    if item.get_closest_marker(NAME) is not None:
        from pytest_index_assert.enforce import prepare

        prepare(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Before the body runs: a requirement that is not met makes the test FAILED."""
    if item.get_closest_marker(NAME) is not None:
        from pytest_index_assert.enforce import enforce

        enforce(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """With --index-assert-blame, a requirement that is not met tells its history."""
    verdicts = getattr(call.excinfo and call.excinfo.value, "unmet_verdicts", ())
    if verdicts and read_options(item.config).blame:
        from pytest_index_assert.walk import add_blame

        add_blame(item, verdicts, call.excinfo)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells the controller what it leaves behind."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_KEPT_BY_WORKER] = session.config.stash[KEPT]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    tell_worker(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    kept: list[str] = getattr(node, "workeroutput", {}).get(_KEPT_BY_WORKER, [])
    node.config.stash[KEPT].extend(kept)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash[KEPT]:
        terminalreporter.write_line(f"index-assert: {line}")
