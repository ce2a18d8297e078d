"""The index of a partitioned table, for ever more partitions: the time of each, and writers.

    python -m benchmarks.partitions [--partitions 100 300 1000] [--rows 200] [--big 20000]
        [--big-every 10] [--writers 2] [--rounds 1]

One table for each number of partitions. In each round ours creates the index and drops it again,
as Alembic migrations (what it takes to start Alembic is not counted), and so does one plain
statement on the parent; "no migration" waits for `--hold` seconds and shows what the machine itself
does to writers. Meanwhile some sessions (`--writers`) insert through the parent, each time into
another partition, timed where a user would feel them. Every `--big-every`th partition has `--big`
rows and is built concurrently; the others have `--rows`, few enough to be built at once.

Writers that stand still write little, so a percentile hides a stall that everybody shared: look
at the longest. The server does not flush to disk, and the tables are not vacuumed by themselves.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from psycopg import Connection

from benchmarks.timed import make_project, migrate
from benchmarks.writers import Measured, writing
from tests.observe import execute, indexes
from tests.projects import Project
from tests.servers import Database, Server, find_bindir

OURS, PLAIN, NOTHING = "ours", "one plain statement", "no migration"
CONTENDERS = (OURS, PLAIN, NOTHING)
MIGRATIONS = {
    OURS: (
        'op.create_concurrent_index("ix", "events", ["customer_id", "made"])',
        'op.drop_concurrent_index("ix", "events")',
    ),
    PLAIN: ('op.create_index("ix", "events", ["customer_id", "made"])', 'op.drop_index("ix")'),
    NOTHING: ("time.sleep({hold})", "time.sleep({hold})"),
}
COMMANDS = {"create": ("upgrade", "head"), "drop": ("downgrade", "base")}

TABLE = """
CREATE TABLE events (part int NOT NULL, customer_id int NOT NULL, made timestamptz NOT NULL)
PARTITION BY LIST (part)
"""
PARTITION = """
CREATE TABLE events_{n} PARTITION OF events FOR VALUES IN ({n}) WITH (autovacuum_enabled = off)
"""
ROWS = """
INSERT INTO events_{n} SELECT {n}, i * 31 % 5000, timestamptz '2024-01-01' + i * interval '1 s'
FROM generate_series(1, {rows}) i
"""
INSERT = "INSERT INTO events VALUES (%s, %s, clock_timestamp())"

Results = dict[tuple[str, str, int], list[Measured]]
"""By command, contender and number of partitions: one for each round."""


def write_event(connection: Connection, partitions: int) -> None:
    """One new row, in any of the partitions."""
    connection.execute(INSERT, [random.randrange(partitions), random.randrange(5000)])


def make_table(database: Database, partitions: int, options: argparse.Namespace) -> None:
    """The table, with its partitions and their rows."""
    execute(database, TABLE)
    with database.connect() as connection:
        for n in range(partitions):
            connection.execute(PARTITION.format(n=n))
            size = options.big if n % options.big_every == 0 else options.rows
            connection.execute(ROWS.format(n=n, rows=size))
    execute(database, "VACUUM ANALYZE events")


def measure_one(
    database: Database,
    project: Project,
    command: tuple[str, str],
    partitions: int,
    options: argparse.Namespace,
) -> Measured:
    """One migration among writers; only the writes that met it count."""
    execute(database, "CHECKPOINT")
    write = partial(write_event, partitions=partitions)
    with writing(database, options.writers, write) as writes:
        began, ended = migrate(project, *command)
        # A write that waited for the end of the migration ends after it.
        time.sleep(0.1)
    return Measured.between(began, ended, writes)


def measure(
    server: Server, contenders: Sequence[str], options: argparse.Namespace, home: Path
) -> Results:
    """Every contender up and down in every round, for each number of partitions."""
    databases = {}
    projects = {}
    for partitions in options.partitions:
        database = databases[partitions] = server.create_database()
        make_table(database, partitions, options)
        for number, kind in enumerate(contenders):
            up, down = (text.format(hold=options.hold) for text in MIGRATIONS[kind])
            directory = home / f"{partitions}_{number}"
            projects[kind, partitions] = make_project(directory, database, up, down)
    results: Results = {
        (deed, kind, partitions): []
        for deed in COMMANDS
        for kind in contenders
        for partitions in databases
    }
    for number in range(options.rounds):
        turn = number % len(contenders)
        # The numbers side by side: a machine that gets slower does so for all of them.
        for kind in (*contenders[turn:], *contenders[:turn]):
            for partitions, database in databases.items():
                for deed, command in COMMANDS.items():
                    project = projects[kind, partitions]
                    measured = measure_one(database, project, command, partitions, options)
                    results[deed, kind, partitions].append(measured)
                    there = 0 if deed == "drop" or kind == NOTHING else partitions + 1
                    check(database, f"{kind}, {deed}", there)
    for database in databases.values():
        server.drop_database(database.name)
    return results


def check(database: Database, label: str, wanted: int) -> None:
    """End the program where there are not just so many indexes, all valid."""
    states = [each.state for each in indexes(database).values()]
    if states != ["valid"] * wanted:
        raise SystemExit(f"{label}: {states.count('valid')} of {len(states)} are valid")


def show(results: Results) -> None:
    """Medians over the rounds, and the longest stall of each round; milliseconds."""
    for deed in COMMANDS:
        print(
            f"\n{deed:20} {'partitions':>10} {'seconds':>8} {'each':>7}"
            f" {'writes':>7} {'p50':>6} {'p99':>7} {'longest':>8}  longest of each round"
        )
        for (done, kind, partitions), rounds in results.items():
            if done != deed:
                continue
            seconds = statistics.median(each.seconds for each in rounds)
            longest = ", ".join(f"{each.longest:.0f}" for each in rounds)
            each_ms = "" if kind == NOTHING else f"{seconds * 1000 / partitions:.2f}"
            print(
                f"{kind:20} {partitions:10} {seconds:8.2f} {each_ms:>7}"
                f" {statistics.median(len(each.writes) for each in rounds):7.0f}"
                f" {statistics.median(each.p50 for each in rounds):6.2f}"
                f" {statistics.median(each.p99 for each in rounds):7.2f}"
                f" {statistics.median(each.longest for each in rounds):8.1f}  {longest}"
            )


def compare(results: Results) -> None:
    """The time of each partition, for the most of them against the fewest."""
    print()
    for deed in COMMANDS:
        each = {
            partitions: statistics.median(one.seconds for one in rounds) / partitions
            for (done, kind, partitions), rounds in results.items()
            if (done, kind) == (deed, OURS)
        }
        fewest, most = min(each), max(each)
        print(
            f"{deed}: a partition of {most} takes {each[most] / each[fewest]:.2f} times as long"
            f" as one of {fewest}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partitions", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--rows", type=int, default=200, help="of most partitions")
    parser.add_argument("--big", type=int, default=20_000, help="rows of the others")
    parser.add_argument("--big-every", type=int, default=10)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--hold", type=float, default=5.0, help="seconds of no migration")
    options = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        print(
            f"every {options.big_every}th partition of {options.big} rows, the others of"
            f" {options.rows}, {options.writers} writers, {options.rounds} rounds,"
            f" PostgreSQL {server.version}; milliseconds but for seconds, medians"
        )
        with tempfile.TemporaryDirectory() as home:
            results = measure(server, CONTENDERS, options, Path(home))
        show(results)
        compare(results)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
