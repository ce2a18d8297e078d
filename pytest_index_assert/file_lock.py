"""A lock on a file, held until its process lets go or ends, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def hold(path: Path) -> IO[bytes]:
    """Wait for the lock, and have it until the returned file is closed.

    It belongs to the process: one that is forked off does not inherit it, and opening the file
    a second time in the same process does not wait for it.
    """
    file = path.open("ab")
    try:
        _wait_for(file)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The lock, for the length of a block."""
    with hold(path):
        yield


if sys.platform == "win32":
    import msvcrt

    def _wait_for(file: IO[bytes]) -> None:
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return

else:
    import fcntl

    def _wait_for(file: IO[bytes]) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX)
