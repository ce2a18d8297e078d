"""Deployers that run the same command at once, each in a process of its own."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.forks import Fork, Forks

LIMIT_SECONDS = 60.0


class Deployer:
    """Runs `alembic ...` on the project in `directory`, one command at a time."""

    def __init__(self, directory: Path, log: Path) -> None:
        self._forks = Forks(directory, log)
        self._run: Fork | None = None

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._forks.log.read_text()

    def start(self, *arguments: str) -> None:
        """Start a command."""
        self._run = self._forks.start(*arguments)

    def join(self) -> int:
        """Wait for its end; the exit status, negative after a signal."""
        assert self._run is not None
        assert self._run.join(LIMIT_SECONDS), f"it hangs:\n{self.output}"
        assert self._run.status is not None
        return self._run.status

    def kill(self) -> None:
        """Kill it, if it runs; when this returns, it has ended."""
        if self._run is not None:
            self._run.signal(signal.SIGKILL)
            self.join()

    def close(self) -> None:
        """End the process that starts the commands."""
        self._forks.close()


class Deployers:
    """Some of them, for one project after the other; starting one takes a second.

    `directory` is where they look for the project.
    """

    def __init__(self, home: Path, count: int) -> None:
        self.directory = home / "project"
        self._them = [Deployer(self.directory, home / f"log{number}") for number in range(count)]

    @contextmanager
    def for_one_test(self) -> Iterator[list[Deployer]]:
        """Them, with an empty directory; at the end none of them runs."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        try:
            yield self._them
        finally:
            for each in self._them:
                each.kill()

    def close(self) -> None:
        """End them."""
        for each in self._them:
            each.close()


def at_once(them: Sequence[Deployer], *arguments: str) -> list[int]:
    """All of them run the same command, and end; their exit statuses."""
    for each in them:
        each.start(*arguments)
    return [each.join() for each in them]
