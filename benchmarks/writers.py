"""Writers beside `alembic upgrade` and `downgrade`: plain Alembic, CONCURRENTLY, and ours.

    python -m benchmarks.writers [--rows 2000000] [--rounds 5] [--writers 3] [--hold 5]

One table on one server. In each round every contender builds its index and drops it again, as the
commands a team would type, in an order that turns from round to round; the last contender migrates
nothing for `--hold` seconds and shows what the machine itself does to writers. Meanwhile some
sessions (`--writers`) insert and update in short transactions, timed where a user would feel them,
and one session that has read the table holds its snapshot (REPEATABLE READ, idle), from before the
migration until `--hold` seconds after its start.

Writers that stand still write little, so a percentile hides a stall that everybody shared: look
at the longest. The server does not flush to disk, and the table is not vacuumed by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psycopg import Connection

from tests.observe import execute, indexes
from tests.projects import Project
from tests.servers import Database, Server, find_bindir

OURS, CONCURRENTLY, PLAIN, NOTHING = (
    "op.create_concurrent_index",
    "op.create_index, concurrently",
    "op.create_index",
    "no migration",
)
_BLOCK = "with op.get_context().autocommit_block():\n    "
MIGRATIONS = {
    PLAIN: (
        'op.create_index("ix_orders", "orders", ["customer_id", "created_at"])',
        'op.drop_index("ix_orders", table_name="orders")',
    ),
    CONCURRENTLY: (
        _BLOCK + 'op.create_index("ix_orders", "orders", ["customer_id", "created_at"],'
        " postgresql_concurrently=True)",
        _BLOCK + 'op.drop_index("ix_orders", table_name="orders", postgresql_concurrently=True)',
    ),
    OURS: (
        'op.create_concurrent_index("ix_orders", "orders", ["customer_id", "created_at"])',
        'op.drop_concurrent_index("ix_orders", "orders")',
    ),
    NOTHING: ("import time\ntime.sleep({hold})", "import time\ntime.sleep({hold})"),
}
COMMANDS = (("upgrade", "head"), ("downgrade", "base"))

TABLE = """
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int NOT NULL,
  status text NOT NULL, total numeric NOT NULL, created_at timestamptz NOT NULL
) WITH (autovacuum_enabled = off)
"""
ROWS = """
INSERT INTO orders (customer_id, status, total, created_at)
SELECT 1 + n % 50000, 'new', n % 1000, timestamptz '2024-01-01' + n * interval '1 second'
FROM generate_series(1, {rows}) n
"""
INSERT = """
INSERT INTO orders (customer_id, status, total, created_at)
VALUES (1 + %s %% 50000, 'new', 10, clock_timestamp())
"""
UPDATE = "UPDATE orders SET status = 'paid' WHERE id = %s"
PAUSE_SECONDS = 0.002


@dataclass(frozen=True)
class Measured:
    """What the writers saw of one migration: milliseconds of each write, and its own seconds."""

    writes: Sequence[float]
    seconds: float

    @classmethod
    def between(cls, began: float, ended: float, writes: Sequence[tuple[float, float]]) -> Measured:
        """Of the writes that met a migration between these two times; the others do not count."""
        met = [(end - start) * 1000 for start, end in writes if end > began and start < ended]
        return cls(met, ended - began)

    @property
    def p50(self) -> float:
        return statistics.median(self.writes or [0.0])

    @property
    def p99(self) -> float:
        few = len(self.writes) < 2
        return self.longest if few else statistics.quantiles(self.writes, n=100)[98]

    @property
    def longest(self) -> float:
        return max(self.writes, default=0.0)


Results = dict[tuple[str, str], list[Measured]]
"""By command and contender: one for each round."""


@contextlib.contextmanager
def writing(
    database: Database, writers: int, write: Callable[[Connection], object]
) -> Iterator[list[tuple[float, float]]]:
    """Sessions that write during the block; then when each of their writes began and ended."""
    stop = threading.Event()
    writes: list[tuple[float, float]] = []

    def keep_writing() -> None:
        with database.connect() as connection:
            while not stop.wait(PAUSE_SECONDS):
                began = time.monotonic()
                write(connection)
                writes.append((began, time.monotonic()))

    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(keep_writing) for _ in range(writers)]
        try:
            yield writes
        finally:
            stop.set()
        for each in running:
            each.result()


def write_order(connection: Connection, rows: int) -> None:
    """One short transaction: a new order, and an old one that is paid."""
    row = random.randint(1, rows)
    with connection.transaction():
        connection.execute(INSERT, [row])
        connection.execute(UPDATE, [row])


def migrate(database: Database, project: Project, command: Sequence[str], hold: float) -> None:
    """Run the command; the reader beside it lets go after `hold` seconds, or with its end."""
    with database.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT FROM orders LIMIT 1")
        with project.start(*command) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=hold)
            reader.execute("ROLLBACK")
            output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"alembic {' '.join(command)} failed:\n{output}")


def measure_one(
    database: Database, project: Project, command: Sequence[str], options: argparse.Namespace
) -> Measured:
    """One migration among writers; only the writes that met it count."""
    execute(database, "VACUUM ANALYZE orders", "CHECKPOINT")
    write = partial(write_order, rows=options.rows)
    with writing(database, options.writers, write) as writes:
        time.sleep(options.hold / 10)
        began = time.monotonic()
        migrate(database, project, command, options.hold)
        ended = time.monotonic()
    return Measured.between(began, ended, writes)


def measure(
    database: Database, contenders: Sequence[str], options: argparse.Namespace, home: Path
) -> Results:
    """Every contender up and down in every round, from projects made in `home`."""
    execute(database, TABLE, ROWS.format(rows=options.rows))
    projects = {
        kind: make_project(kind, home / str(number), database, options.hold)
        for number, kind in enumerate(contenders)
    }
    results: Results = {(up_or_down, kind): [] for up_or_down, _ in COMMANDS for kind in contenders}
    for number in range(options.rounds):
        turn = number % len(contenders)
        for kind in (*contenders[turn:], *contenders[:turn]):
            for command in COMMANDS:
                measured = measure_one(database, projects[kind], command, options)
                results[command[0], kind].append(measured)
                found = indexes(database).get("ix_orders")
                state = found.state if found else "absent"
                wanted = "valid" if command[0] == "upgrade" and kind != NOTHING else "absent"
                if state != wanted:
                    raise SystemExit(f"{kind}: after {command[0]} the index is {state}")
    return results


def make_project(kind: str, directory: Path, database: Database, hold: float) -> Project:
    """A project whose one revision makes the index, and unmakes it."""
    directory.mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        project = Project(directory, database.url)
    upgrade, downgrade = (text.format(hold=hold) for text in MIGRATIONS[kind])
    project.revision("orders_index", upgrade, downgrade)
    return project


def show(results: Results) -> None:
    """Medians over the rounds, and the longest stall of each round."""
    for up_or_down, _ in COMMANDS:
        print(
            f"\n{up_or_down:30} {'writes':>7} {'p50':>7} {'p99':>7} {'longest':>8}"
            f" {'seconds':>8}  longest of each round"
        )
        for (measured, kind), rounds in results.items():
            if measured != up_or_down:
                continue
            longest = ", ".join(f"{each.longest:.0f}" for each in rounds)
            print(
                f"{kind:30} {statistics.median(len(each.writes) for each in rounds):7.0f}"
                f" {statistics.median(each.p50 for each in rounds):7.2f}"
                f" {statistics.median(each.p99 for each in rounds):7.2f}"
                f" {statistics.median(each.longest for each in rounds):8.1f}"
                f" {statistics.median(each.seconds for each in rounds):8.1f}  {longest}"
            )


def compare(results: Results) -> None:
    """Ours against the others, as ratios of those medians."""
    print()
    for up_or_down, _ in COMMANDS:
        ours = results[up_or_down, OURS]
        for other in (PLAIN, CONCURRENTLY):
            theirs = results[up_or_down, other]
            by_p99, by_longest = (
                statistics.median(getattr(each, name) for each in ours)
                / statistics.median(getattr(each, name) for each in theirs)
                for name in ("p99", "longest")
            )
            print(f"{up_or_down}: ours against {other}: p99 {by_p99:.2f}, longest {by_longest:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--hold", type=float, default=5.0, help="seconds that the reader holds on")
    options = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        print(
            f"{options.rows} rows, {options.writers} writers, a reader for {options.hold:g} s,"
            f" {options.rounds} rounds, PostgreSQL {server.version}; milliseconds, medians"
        )
        with tempfile.TemporaryDirectory() as home:
            results = measure(server.create_database(), list(MIGRATIONS), options, Path(home))
        show(results)
        compare(results)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
