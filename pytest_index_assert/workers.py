"""The run behind pytest's config, shared by all the workers of pytest-xdist."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_index_assert.options import Options
from pytest_index_assert.run import WORKER_INPUT, Run, begin_run, join_run

if TYPE_CHECKING:
    from pytest_index_assert.own_server import Workplace

KEPT = pytest.StashKey[list[str]]()

_RUN = pytest.StashKey[Run]()


def run_of(config: pytest.Config) -> Run:
    """The run; it ends with this process's part in it, except for a database that is kept."""
    run = config.stash.get(_RUN, None)
    if run is None:
        workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
        run = config.stash[_RUN] = begin_run() if workerinput is None else join_run(workerinput)
        ending = run
        config.add_cleanup(lambda: ending.end(leave=bool(config.stash[KEPT])))
    return run


def tell_worker(node: Any) -> None:
    """Let a worker of pytest-xdist join the run, where that could have a server."""
    from pytest_index_assert.embedded import is_installed

    if is_installed():
        node.workerinput[WORKER_INPUT] = str(run_of(node.config).directory)


def workplace_of(request: pytest.FixtureRequest, options: Options) -> Workplace:
    """What the plugin's own databases need to know of pytest, from this moment on."""
    from pytest_index_assert.own_server import Workplace

    config, session = request.config, request.session
    failed_before = session.testsfailed
    return Workplace(
        run_of(config),
        _archives(config),
        lambda: options.keep and session.testsfailed > failed_before,
        config.stash[KEPT].append,
    )


def _archives(config: pytest.Config) -> Path | None:
    """Where servers are left for the next run; None without a cache that can be written."""
    cache: Any = getattr(config, "cache", None)
    # pytest itself warns of a cache that is read-only.
    with suppress(OSError):
        return None if cache is None else Path(cache.mkdir("index_assert"))
    return None
