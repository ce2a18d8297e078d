"""The hooks of the health checks; loaded by every pytest run, so what is heavy is imported late.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_index_assert.health.selecting import DIRECTORIES, NODE, make_collector, take_out
from pytest_index_assert.health.settings import baseline_path, is_updating

_ASKED = pytest.StashKey[Sequence[str]]()
_JUDGED = pytest.StashKey[list[dict[str, Any]]]()
_LINES = pytest.StashKey[list[str]]()
_REPORTED = "index_assert_health"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ASKED] = take_out(config.args, config.invocation_params.dir)
    config.stash[_JUDGED], config.stash[_LINES] = [], []
    config.stash[DIRECTORIES] = {}
    config.pluginmanager.register(_Audience(config))
    config.pluginmanager.register(_Collecting())
    if is_updating(config) and baseline_path(config) is None:
        raise pytest.UsageError(
            "--index-assert-health-update-baseline has no file to write; name it by"
            " --index-assert-health-baseline, or index_assert_health_baseline in the ini file"
        )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """After all that the session collects come our items, which may live in its directories."""
    report = yield
    if isinstance(collector, pytest.Directory):
        collector.config.stash[DIRECTORIES][collector.path] = collector
    if isinstance(collector, pytest.Session) and report.passed and report.result is not None:
        ours = make_collector(collector, collector.config.stash[_ASKED])
        if ours is not None:
            report.result = [*report.result, ours]
    return report


class _Collecting:
    """Collects our items also where `--lf` passes over all files without a failure."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> pytest.CollectReport | None:
        if collector.name != NODE or not isinstance(collector, pytest.Module):
            return None
        from pytest_index_assert.health.collecting import report_of

        return report_of(collector)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was found travels with the report, also from a worker of pytest-xdist."""
    report = yield
    if call.when == "call" and item.nodeid.startswith(f"{NODE}::"):
        from pytest_index_assert.health.judging import JUDGED

        judged = item.stash.get(JUDGED, None)
        if judged is not None:
            setattr(report, _REPORTED, judged.as_plain())
    return report


class _Audience:
    """Hears the reports of all workers, for the end of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        judged = getattr(report, _REPORTED, None)
        if judged is not None:
            self._config.stash[_JUDGED].append(judged)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The one process that heard of all findings writes the baseline, and tells what is stale."""
    judged = session.config.stash[_JUDGED]
    if judged and not hasattr(session.config, "workerinput"):
        from pytest_index_assert.health.ending import end

        session.config.stash[_LINES] = end(session.config, judged)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(f"index-assert: {line}")
