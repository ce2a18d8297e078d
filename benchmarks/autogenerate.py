"""Autogenerate where nothing differs: Alembic's own comparison alone, and with ours added.

    python -m benchmarks.autogenerate [--tables 2000] [--rounds 5]

Both compare the same model with the same database in the same run, in turns, after one round that
does not count. Each table has four indexes; of all of them one in eight is partial, in words that
the server stores otherwise, and one in sixteen is on an expression.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    func,
)

from tests.servers import Server, find_bindir

ALEMBIC, OURS = "Alembic alone", "Alembic and alembic_index_ops"
PLUGINS = {
    ALEMBIC: ["alembic.autogenerate.*"],
    OURS: ["alembic.autogenerate.*", "alembic_index_ops"],
}
MOST_ADDED = 0.15


def make_model(tables: int) -> MetaData:
    """Tables of eight columns, each with four indexes."""
    metadata = MetaData()
    for n in range(tables):
        table = Table(
            f"table_{n}",
            metadata,
            Column("id", BigInteger, primary_key=True),
            Column("account_id", BigInteger, nullable=False),
            Column("status", String(20)),
            Column("title", Text),
            Column("email", Text),
            Column("amount", Numeric),
            Column("created_at", DateTime(timezone=True)),
            Column("deleted_at", DateTime(timezone=True)),
        )
        c = table.c
        Index(f"table_{n}_created", c.account_id, c.created_at.desc())
        Index(f"table_{n}_email", c.account_id, c.email, unique=True)
        Index(f"table_{n}_amount", c.amount, postgresql_include=["status"])
        name = f"table_{n}_fourth"
        if n % 4 == 0:
            Index(name, func.lower(c.title))
        elif n % 4 == 1:
            Index(name, c.account_id, postgresql_where=c.deleted_at.is_(None))
        else:
            Index(name, c.created_at, postgresql_where=c.status == "new")
    return metadata


def compare(connection: Connection, metadata: MetaData, contender: str) -> list[Any]:
    """The differences that `contender` finds."""
    options = {"autogenerate_plugins": PLUGINS[contender]}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def measure(connection: Connection, metadata: MetaData, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by contender. Raises SystemExit where one finds a difference."""
    times: dict[str, list[float]] = {contender: [] for contender in PLUGINS}
    for contender in PLUGINS:
        differences = compare(connection, metadata, contender)
        if differences:
            raise SystemExit(f"{contender} finds differences: {differences[:3]}")
    for _ in range(rounds):
        for contender, seconds in times.items():
            gc.collect()  # so that nobody pays for what the one before left
            started = time.perf_counter()
            compare(connection, metadata, contender)
            seconds.append(time.perf_counter() - started)
    return times


def show(times: dict[str, list[float]]) -> None:
    """Print the times and what ours adds."""
    print(f"{'':30} {'fastest':>8} {'median':>8}  seconds of each round")
    for contender, seconds in times.items():
        rounds = ", ".join(f"{each:.2f}" for each in seconds)
        print(f"{contender:30} {min(seconds):8.2f} {statistics.median(seconds):8.2f}  {rounds}")
    by_min = min(times[OURS]) / min(times[ALEMBIC]) - 1
    by_median = statistics.median(times[OURS]) / statistics.median(times[ALEMBIC]) - 1
    added = f"{by_min:.1%} (fastest), {by_median:.1%} (median)"
    print(f"ours adds {added}; at most {MOST_ADDED:.0%} is promised")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    metadata = make_model(options.tables)
    server = Server(find_bindir())
    try:
        server.start()
        database = server.create_database()
        # Thousands of tables in one transaction would need more locks than a server has.
        with database.engine.connect() as connection:
            metadata.create_all(connection.execution_options(isolation_level="AUTOCOMMIT"))
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        with database.engine.connect() as connection:
            times = measure(connection, metadata, options.rounds)
        indexes = sum(len(table.indexes) for table in metadata.tables.values())
        print(f"PostgreSQL {server.version}, {options.tables} tables, {indexes} indexes")
    finally:
        server.remove()
    show(times)


if __name__ == "__main__":
    main()
