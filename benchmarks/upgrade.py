"""`alembic upgrade head` on an empty database: our operations against plain `op.create_index`.

Run with `python -m benchmarks.upgrade`. Both projects have the same tables in one revision and
the same indexes in the next, and run in turns as the command a team would type, each time on a
database of its own. Printed: the fastest and the median run of each, and their ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.projects import Project
from tests.servers import Server, find_bindir

TABLES = 20
INDEXES = {
    "ours": (
        'op.create_concurrent_index("ix_{n}_a", "t{n}", ["a"])',
        'op.create_desc_index("ix_{n}_ab", "t{n}", ["a", "b DESC"])',
        'op.create_covering_index("ix_{n}_c", "t{n}", ["c"], include=["b"], where="b > 5")',
    ),
    "plain": (
        'op.create_index("ix_{n}_a", "t{n}", ["a"])',
        'op.create_index("ix_{n}_ab", "t{n}", ["a", sa.text("b DESC")])',
        'op.create_index("ix_{n}_c", "t{n}", ["c"], postgresql_include=["b"],'
        ' postgresql_where=sa.text("b > 5"))',
    ),
}


def make_project(kind: str, server: Server, *, per_migration: bool) -> Project:
    """A project on a new database; `per_migration` gives each revision its own transaction."""
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        project = Project(Path(tempfile.mkdtemp()), server.create_database().url)
    if per_migration:
        project.edit_env(
            (
                "connection=connection, target_metadata=target_metadata\n",
                "connection=connection, target_metadata=target_metadata,\n"
                "            transaction_per_migration=True,\n",
            )
        )
    project.revision(
        "tables",
        "\n".join(
            f'op.execute("CREATE TABLE t{n} (id int PRIMARY KEY, a int, b int, c text)")'
            for n in range(TABLES)
        ),
    )
    project.revision(
        "indexes",
        "\n".join(line.format(n=n) for n in range(TABLES) for line in INDEXES[kind]),
    )
    return project


def measure(server: Server, *, runs: int, per_migration: bool) -> None:
    """Run both in turns, and print."""
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(runs):
        for kind, measured in seconds.items():
            project = make_project(kind, server, per_migration=per_migration)
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "alembic", "upgrade", "head"],
                cwd=project.directory,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            measured.append(time.perf_counter() - started)
    print("transaction_per_migration=True" if per_migration else "default env.py")
    for name, pick in (("fastest", min), ("median", statistics.median)):
        ours, plain = pick(seconds["ours"]), pick(seconds["plain"])
        print(f"  {name:8} ours {ours:.3f} s, plain {plain:.3f} s, ratio {ours / plain:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    server = Server(find_bindir())
    try:
        server.start()
        print(f"{TABLES} tables, {TABLES * 3} indexes, PostgreSQL {server.version}, {runs} runs")
        measure(server, runs=runs, per_migration=False)
        measure(server, runs=runs, per_migration=True)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
