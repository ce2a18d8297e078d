"""Whether a run collects items of ours, and which it names; cheap, as every run asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pytest_index_assert.health.settings import chosen_words, is_asked

NODE = "index-assert"

DIRECTORIES = pytest.StashKey[dict[Path, pytest.Directory]]()
"""The directories that have been collected; their fixtures are seen from below them."""


class HealthCollector(pytest.Collector):
    """Collected after all else, so that every conftest.py has been read.

    `names` are those of the items asked for by node id; without, `words` choose health checks.
    """

    words: str = ""
    names: tuple[str, ...] = ()

    def collect(self) -> Iterator[pytest.Collector]:
        """The module of our items, where there are any."""
        required = self.config.hook.pytest_index_assert_requirements.get_hookimpls()
        if self.names or required or self.words:
            from pytest_index_assert.health.collecting import make_place

            yield make_place(self.session, self.words, self.names)


def take_out(arguments: list[str], directory: Path) -> list[str]:
    """Remove what names items of ours from pytest's arguments, where it looks for files by them."""
    if (directory / NODE).exists():
        return []
    asked = [each for each in arguments if each == NODE or each.startswith(f"{NODE}::")]
    arguments[:] = [each for each in arguments if each not in asked]
    return asked


def make_collector(session: pytest.Session, asked: Sequence[str]) -> HealthCollector | None:
    """The collector to add to the session; `asked` are the arguments that name items of ours.

    None where all arguments name files or tests, and the command line asks for no health checks.
    """
    config = session.config
    start = config.invocation_params.dir
    files = all("::" in each or (start / each).is_file() for each in config.args)
    if files and not asked and not is_asked(config):
        return None
    collector = HealthCollector.from_parent(session, name=NODE, nodeid=NODE)
    collector.words = chosen_words(config)
    if NODE in asked:
        collector.words = collector.words or "all"
    else:
        collector.names = tuple(each.partition("::")[2] for each in asked)
    return collector
