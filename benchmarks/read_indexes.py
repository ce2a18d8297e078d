"""Reading 10,000 indexes: `read_indexes` against SQLAlchemy's `Inspector.get_multi_indexes`.

    python -m benchmarks.read_indexes [--indexes 10000] [--rounds 7]

Both read the same schema on the same server in the same run, in turns, after one round that does
not count. A fresh Inspector each time, because it caches what it has read.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, inspect
from sqlalchemy.engine.reflection import ObjectKind

from alembic_index_ops.catalog import read_indexes
from tests.servers import Server, find_bindir

SCHEMA = "bench"
INDEXES_PER_TABLE = 5

# Of ten tables: 50 indexes, of which 10 primary keys, 10 unique, 4 partial, 3 on expressions,
# 3 INCLUDE, 2 GIN, 1 BRIN, 1 with an operator class, the rest plain with one DESC in three.
TABLE = """
CREATE TABLE {schema}.table_{n} (
  id bigint CONSTRAINT table_{n}_pkey PRIMARY KEY, account_id bigint NOT NULL,
  status varchar(20), title text, body text, email text COLLATE "C", payload jsonb,
  amount numeric, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz
)
"""
UNIQUE = "CREATE UNIQUE INDEX table_{n}_email ON {schema}.table_{n} (account_id, email)"
OTHERS = [
    "CREATE INDEX {name} ON {table} (status)",
    "CREATE INDEX {name} ON {table} (account_id, created_at DESC)",
    "CREATE INDEX {name} ON {table} (created_at)",
    "CREATE INDEX {name} ON {table} (account_id) WHERE deleted_at IS NULL",
    "CREATE INDEX {name} ON {table} (lower(title))",
    "CREATE INDEX {name} ON {table} (account_id, status) INCLUDE (amount)",
    "CREATE INDEX {name} ON {table} (updated_at DESC NULLS LAST)",
    "CREATE INDEX {name} ON {table} USING gin (payload)",
    "CREATE INDEX {name} ON {table} (amount)",
    "CREATE INDEX {name} ON {table} (status, updated_at DESC)",
    "CREATE INDEX {name} ON {table} (account_id, amount) INCLUDE (status)",
    "CREATE INDEX {name} ON {table} (status) WHERE status IN ('new', 'paid')",
    "CREATE INDEX {name} ON {table} (title)",
    "CREATE INDEX {name} ON {table} (deleted_at)",
    "CREATE INDEX {name} ON {table} USING brin (created_at)",
    "CREATE INDEX {name} ON {table} (title text_pattern_ops)",
    "CREATE INDEX {name} ON {table} (account_id, title)",
    "CREATE INDEX {name} ON {table} (lower(email)) WHERE deleted_at IS NULL",
    "CREATE INDEX {name} ON {table} (amount DESC)",
    "CREATE INDEX {name} ON {table} (account_id, updated_at)",
    "CREATE INDEX {name} ON {table} (email)",
    "CREATE INDEX {name} ON {table} USING gin (payload jsonb_path_ops)",
    "CREATE INDEX {name} ON {table} (date_trunc('day', created_at AT TIME ZONE 'UTC'))",
    "CREATE INDEX {name} ON {table} (created_at DESC) WHERE status = 'new'",
    "CREATE INDEX {name} ON {table} (status, amount) WITH (fillfactor = 80)",
    "CREATE INDEX {name} ON {table} (account_id DESC)",
    "CREATE INDEX {name} ON {table} (id, status) INCLUDE (title)",
    "CREATE INDEX {name} ON {table} (updated_at)",
    "CREATE INDEX {name} ON {table} (body)",
    "CREATE INDEX {name} ON {table} (status, account_id, created_at DESC)",
]


def statements(indexes: int) -> Iterator[str]:
    """The tables and their indexes, `indexes` in all."""
    yield f"CREATE SCHEMA {SCHEMA}"
    others = 0
    for n in range(indexes // INDEXES_PER_TABLE):
        yield TABLE.format(schema=SCHEMA, n=n)
        yield UNIQUE.format(schema=SCHEMA, n=n)
        for _ in range(INDEXES_PER_TABLE - 2):
            name, table = f"table_{n}_index_{others}", f"{SCHEMA}.table_{n}"
            yield OTHERS[others % len(OTHERS)].format(name=name, table=table)
            others += 1


def read(connection: Connection) -> int:
    return len(read_indexes(connection, schema=SCHEMA))


def read_with_specs(connection: Connection) -> int:
    return len([index.spec for index in read_indexes(connection, schema=SCHEMA)])


def inspect_tables(connection: Connection) -> int:
    found = inspect(connection).get_multi_indexes(schema=SCHEMA)
    return sum(map(len, found.values()))


def inspect_any(connection: Connection) -> int:
    found = inspect(connection).get_multi_indexes(schema=SCHEMA, kind=ObjectKind.ANY)
    return sum(map(len, found.values()))


READERS: dict[str, Callable[[Connection], int]] = {
    "read_indexes(schema=...)": read,
    "read_indexes(schema=...), every .spec made": read_with_specs,
    "Inspector.get_multi_indexes(schema=...)": inspect_tables,
    "Inspector.get_multi_indexes(schema=..., kind=ANY)": inspect_any,
}


def measure(connection: Connection, rounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Milliseconds of each round, and how many indexes were read, by reader."""
    times: dict[str, list[float]] = {name: [] for name in READERS}
    counts = {name: reader(connection) for name, reader in READERS.items()}
    for _ in range(rounds):
        for name, reader in READERS.items():
            gc.collect()  # so that nobody pays for what the one before left
            started = time.perf_counter()
            reader(connection)
            times[name].append((time.perf_counter() - started) * 1000)
    return times, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--indexes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        database = server.create_database()
        with database.connect() as connection:
            for statement in statements(options.indexes):
                connection.execute(statement)
            connection.execute("VACUUM ANALYZE")
        with database.engine.connect() as connection:
            times, counts = measure(connection, options.rounds)
        print(f"PostgreSQL {server.version}, {options.rounds} rounds in turns, milliseconds")
    finally:
        server.remove()
    print(f"{'':50} {'indexes':>8} {'min':>8} {'median':>8}")
    for name in READERS:
        fastest, middle = min(times[name]), statistics.median(times[name])
        print(f"{name:50} {counts[name]:8} {fastest:8.1f} {middle:8.1f}")
    print("get_multi_indexes leaves primary keys out; read_indexes reads them too.\n")
    for ours in list(READERS)[:2]:
        for theirs in list(READERS)[2:]:
            by_min = min(times[theirs]) / min(times[ours])
            by_median = statistics.median(times[theirs]) / statistics.median(times[ours])
            print(f"{ours} against {theirs}: {by_min:.2f} (min), {by_median:.2f} (median)")


if __name__ == "__main__":
    main()
