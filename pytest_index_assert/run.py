"""One run of pytest, with all the workers of pytest-xdist: what they share while it lasts.

They share a directory, in which the run's first process holds the lock ALIVE. Whoever gets that
lock knows that the run is over, however it ended. This module is loaded without pytest too.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_index_assert.file_lock import hold

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIVE = "alive"
KEEPER = "keeper"
LEAVE = "leave"
STOP_SECONDS = 60.0
WORKER_INPUT = "index_assert_run"

_POLL_SECONDS = 0.02


@dataclass(eq=False)
class Run:
    """The run, as one of its processes sees it.

    `directory` belongs to the run; `keeper` is the process that keeps a server in it, where this
    process started it.
    """

    directory: Path
    worker: str = "main"
    alive: IO[bytes] | None = None
    keeper: subprocess.Popen[str] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def let_go(self) -> None:
        """Nothing more is asked of the keeper, if it is ours, but to wait for the run's end."""
        for pipe in () if self.keeper is None else (self.keeper.stdin, self.keeper.stdout):
            assert pipe is not None
            pipe.close()

    def end(self, *, leave: bool = False) -> None:
        """Let the keeper stop the server and remove the directory, and wait until it has.

        With `leave` the server goes on. A process that only joined the run ends nothing.
        """
        self.let_go()
        if self.alive is None:
            if self.keeper is not None:
                # It outlives this process, which is no mistake to be warned of.
                self.keeper.returncode = 0
            return
        if leave:
            (self.directory / LEAVE).touch()
        kept = (self.directory / KEEPER).exists()
        self.alive.close()
        if self.keeper is not None:
            self.keeper.wait(STOP_SECONDS)
        elif kept and not leave:
            _wait_until_gone(self.directory)
        if not kept:
            shutil.rmtree(self.directory, ignore_errors=True)


def begin_run() -> Run:
    """A new run, which ends with this process at the latest."""
    directory = Path(tempfile.mkdtemp(prefix="index-assert-"))
    return Run(directory, alive=hold(directory / ALIVE))


def join_run(workerinput: dict[str, Any]) -> Run:
    """The run of the controller that made this worker; one of its own on another machine."""
    directory = workerinput.get(WORKER_INPUT)
    if directory is None or not Path(directory, ALIVE).is_file():
        return begin_run()
    return Run(Path(directory), worker=str(workerinput["workerid"]))


def _wait_until_gone(path: Path) -> None:
    give_up = time.monotonic() + STOP_SECONDS
    while path.exists() and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
