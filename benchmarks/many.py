"""Twelve indexes on six tables: `op.create_indexes` with one worker and with two, and plain SQL.

    python -m benchmarks.many [--rows 600000] [--rounds 3]

Each round builds the same indexes by every contender, in an order that turns from round to round:
ours as an Alembic migration (what it takes to start Alembic is not counted), and CREATE INDEX
CONCURRENTLY by itself, typed as it were into one session or into two, each of which takes a table
when it is done with another. What is asked of two is told against one of the same kind.

The server does not flush to disk. It builds large indexes with processes of its own, so that one
worker has more than one core already; `--parallel 0` forbids that.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.timed import make_project, migrate
from tests.observe import execute, indexes
from tests.projects import Project
from tests.servers import Database, Server, find_bindir

OURS_1, OURS_2 = "op.create_indexes, workers=1", "op.create_indexes, workers=2"
RAW_1, RAW_2 = "CREATE INDEX, one session", "CREATE INDEX, two sessions"
CONTENDERS = (OURS_1, OURS_2, RAW_1, RAW_2)

TABLES = [f"orders_{number}" for number in range(6)]
INDEXES = {
    f"ix_{table}_{name}": (table, columns)
    for table in TABLES
    for name, columns in (("customer", ("customer_id", "created_at")), ("total", ("total",)))
}
TABLE = """
CREATE TABLE {table} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int NOT NULL,
  status text NOT NULL, total numeric NOT NULL, created_at timestamptz NOT NULL
) WITH (autovacuum_enabled = off)
"""
ROWS = """
INSERT INTO {table} (customer_id, status, total, created_at)
SELECT 1 + n * 7919 % 50000, 'new', n * 31 % 1000, timestamptz '2024-01-01' + n * interval '1 s'
FROM generate_series(1, {rows}::bigint) n
"""
MIGRATION = """\
from alembic_index_ops import define_index
indexes = {indexes!r}
specs = [define_index(name, table, list(columns)) for name, (table, columns) in indexes.items()]
op.create_indexes(specs, workers={workers})"""

Results = dict[str, list[float]]
"""By contender: the seconds of each round."""


def build_raw(database: Database, sessions: int) -> float:
    """Seconds that CREATE INDEX CONCURRENTLY takes in these sessions; a table is in one only."""

    def build(table: str) -> None:
        execute(
            database,
            *(
                f"CREATE INDEX CONCURRENTLY {name} ON {table} ({', '.join(columns)})"
                for name, (on, columns) in INDEXES.items()
                if on == table
            ),
        )

    began = time.monotonic()
    with ThreadPoolExecutor(sessions) as pool:
        list(pool.map(build, TABLES))
    return time.monotonic() - began


def build_ours(project: Project) -> float:
    """Seconds that the migration takes."""
    began, ended = migrate(project, "upgrade", "head")
    return ended - began


def measure(
    database: Database, contenders: Sequence[str], options: argparse.Namespace, home: Path
) -> Results:
    """Every contender in every round, from projects made in `home`."""
    for table in TABLES:
        rows = ROWS.format(table=table, rows=options.rows)
        execute(database, TABLE.format(table=table), rows, f"VACUUM ANALYZE {table}")
    if options.parallel is not None:
        execute(
            database,
            f"ALTER DATABASE {database.name}"
            f" SET max_parallel_maintenance_workers = {options.parallel:d}",
        )
    projects = {
        kind: make_project(
            home / str(workers),
            database,
            MIGRATION.format(indexes=INDEXES, workers=workers),
            "pass",
        )
        for workers, kind in ((1, OURS_1), (2, OURS_2))
    }
    results: Results = {kind: [] for kind in contenders}
    for number in range(options.rounds):
        turn = number % len(contenders)
        for kind in (*contenders[turn:], *contenders[:turn]):
            execute(database, "CHECKPOINT")
            if kind in projects:
                results[kind].append(build_ours(projects[kind]))
            else:
                results[kind].append(build_raw(database, 1 if kind == RAW_1 else 2))
            check(database, kind)
            execute(
                database,
                f"DROP INDEX {', '.join(INDEXES)}",
                "DROP TABLE IF EXISTS alembic_version",
            )
    return results


def check(database: Database, kind: str) -> None:
    """End the program where an index is missing or INVALID."""
    found = indexes(database)
    wrong = [name for name in INDEXES if name not in found or found[name].state != "valid"]
    if wrong:
        raise SystemExit(f"{kind}: not there and valid: {', '.join(wrong)}")


def show(results: Results) -> None:
    """Medians over the rounds, and each round."""
    print(f"\n{'':30} {'seconds':>8}  of each round")
    for kind, seconds in results.items():
        each = ", ".join(f"{second:.1f}" for second in seconds)
        print(f"{kind:30} {statistics.median(seconds):8.1f}  {each}")


def compare(results: Results) -> None:
    """Two against one, and ours against plain SQL, as ratios of those medians."""
    median = {kind: statistics.median(seconds) for kind, seconds in results.items()}
    print(
        f"\ntwo at once: ours {median[OURS_1] / median[OURS_2]:.2f} times as fast as one,"
        f" plain SQL {median[RAW_1] / median[RAW_2]:.2f} times"
    )
    print(
        f"ours against plain SQL: one {median[OURS_1] / median[RAW_1]:.2f},"
        f" two {median[OURS_2] / median[RAW_2]:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=600_000, help="of each table")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parallel", type=int, help="max_parallel_maintenance_workers; else the server's own"
    )
    options = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        print(
            f"{len(INDEXES)} indexes on {len(TABLES)} tables of {options.rows} rows,"
            f" {options.rounds} rounds, PostgreSQL {server.version}; medians"
        )
        with tempfile.TemporaryDirectory() as home:
            results = measure(server.create_database(), CONTENDERS, options, Path(home))
        show(results)
        compare(results)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
