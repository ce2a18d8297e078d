"""`alembic` in processes of its own that start at once: forked from one that imported it before.

Cuts at random moments then land in the migration, not in Python's start. Run as a module this is
the process that forks.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import traceback
from pathlib import Path


class Fork:
    """One run of alembic; `status` is None while it runs, negative after a signal."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        assert server.stdout is not None
        self._answers = server.stdout
        self.pid = int(self._answers.readline())
        self.status: int | None = None

    def join(self, seconds: float) -> bool:
        """Wait for its end, for so many seconds; whether it has ended."""
        if self.status is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._answers, selectors.EVENT_READ)
                if selector.select(seconds):
                    self.status = os.waitstatus_to_exitcode(int(self._answers.readline()))
        return self.status is not None

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if not self.join(0):
            os.kill(self.pid, number)


class Forks:
    """Runs of alembic in `directory`, one at a time; their output goes to the file `log`."""

    def __init__(self, directory: Path, log: Path) -> None:
        self._directory, self.log = directory, log
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, *arguments: str) -> Fork:
        """Start `alembic ...`; the one before has to have ended."""
        assert self._server.stdin is not None
        self.log.write_text("")
        order = [str(self._directory), str(self.log), arguments]
        self._server.stdin.write(json.dumps(order) + "\n")
        return Fork(self._server)

    def close(self) -> None:
        """End the process that forks."""
        self._server.communicate()


def _serve() -> None:
    import alembic.config
    import alembic.op  # noqa: F401
    import psycopg  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

    for line in sys.stdin:
        directory, log, arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_run(directory, log, arguments))
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def _run(directory: str, log: str, arguments: list[str]) -> int:
    from alembic.config import main

    try:
        os.chdir(directory)
        output = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        main(arguments, prog="alembic")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) and end.code >= 0 else 255
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve()
