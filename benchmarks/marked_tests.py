"""What `requires_index` adds to a test, beside a query of pg_indexes written by hand in each test.

    python -m benchmarks.marked_tests [--tests 2000] [--rounds 5]

The same empty tests: as they are, marked (by five different requirements, in turn), and with a
query on a connection of the application's pool. Each round is a run of pytest for each of them, on
one database with 40 tables; the time is that of a test's set-up, call and teardown, the median in
that run without the first five tests.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers import Database, Server, find_bindir

UNMARKED, MARKED, BY_HAND = "unmarked", "requires_index", "pg_indexes, by hand"
CONTENDERS = (UNMARKED, MARKED, BY_HAND)
MOST_ADDED = 100  # microseconds a test, which the plugin promises
FIRST = 5

REQUIREMENTS = (
    '"table_1", "org_id", "created_at DESC"',
    '"table_2", "status", where="deleted_at IS NULL"',
    '"table_3", "org_id", match="at_least"',
    '"table_4", eq=["org_id"], order_by=["created_at DESC"]',
    'name="ix_5_status"',
)
TABLE = """
CREATE TABLE table_{n} (
  id bigint PRIMARY KEY, org_id bigint, status text, created_at timestamptz, deleted_at timestamptz
);
CREATE INDEX ix_{n}_org ON table_{n} (org_id, created_at DESC);
CREATE INDEX ix_{n}_status ON table_{n} (status) WHERE deleted_at IS NULL
"""
CONFTEST = """
import json
import time

import pytest
from sqlalchemy import create_engine, text

seconds = []


@pytest.fixture(scope="session")
def index_engine():
    engine = create_engine({url!r})
    yield engine
    engine.dispose()


@pytest.fixture
def ask(index_engine):
    query = text("SELECT indexdef FROM pg_indexes WHERE tablename = :table")

    def ask(table):
        with index_engine.connect() as connection:
            assert len(connection.execute(query, {{"table": table}}).all()) == 3

    return ask


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    started = time.perf_counter()
    result = yield
    seconds.append(time.perf_counter() - started)
    return result


def pytest_sessionfinish():
    with open("seconds.json", "w") as out:
        json.dump(seconds, out)
"""


def render_tests(contender: str, count: int) -> str:
    """The source of that many tests."""
    lines = ["import pytest", ""]
    for number in range(count):
        if contender == MARKED:
            asked = REQUIREMENTS[number % len(REQUIREMENTS)]
            lines.append(f"@pytest.mark.requires_index({asked})")
        if contender == BY_HAND:
            lines.append(f"def test_{number}(ask): ask('table_{number % 5 + 1}')")
        else:
            lines.append(f"def test_{number}(): pass")
    return "\n".join(lines)


def measure(
    database: Database, options: argparse.Namespace, directory: Path
) -> dict[str, list[float]]:
    """Microseconds that a test takes, by contender, one number a round."""
    with database.connect() as connection:
        for number in range(1, 41):
            connection.execute(TABLE.format(n=number))
    (directory / "conftest.py").write_text(CONFTEST.format(url=database.url))
    (directory / "pytest.ini").write_text("[pytest]\n")
    for contender in CONTENDERS:
        (directory / _file(contender)).write_text(render_tests(contender, options.tests))
    times: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
    for _ in range(options.rounds):
        for contender in CONTENDERS:
            times[contender].append(_run(directory, contender, options.tests))
    return times


def _run(directory: Path, contender: str, count: int) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", _file(contender)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode or f"{count} passed" not in done.stdout:
        raise SystemExit(f"{contender}: the tests fail\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    seconds = json.loads((directory / "seconds.json").read_text())
    return statistics.median(seconds[FIRST:]) * 1e6


def _file(contender: str) -> str:
    return f"test_{CONTENDERS.index(contender)}.py"


def show(times: dict[str, list[float]]) -> None:
    """Print the microseconds of a test, what each adds in the quietest rounds, and the ratio."""
    print(f"{'microseconds a test':22} {'fastest':>8} {'median':>8} {'added':>8}  of each round")
    added = {contender: min(each) - min(times[UNMARKED]) for contender, each in times.items()}
    for contender, each in times.items():
        rounds = ", ".join(f"{one:.0f}" for one in each)
        print(
            f"{contender:22} {min(each):8.0f} {statistics.median(each):8.0f}"
            f" {added[contender]:8.0f}  {rounds}"
        )
    ratio = added[BY_HAND] / added[MARKED]
    print(f"requires_index adds {added[MARKED]:.0f} us a test; {MOST_ADDED} us are promised")
    print(f"by hand adds {ratio:.1f} times as much")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        with tempfile.TemporaryDirectory() as directory:
            times = measure(server.create_database(), options, Path(directory))
        print(f"PostgreSQL {server.version}, {options.tests} tests")
    finally:
        server.remove()
    show(times)


if __name__ == "__main__":
    main()
