"""Hundreds of migrations that are cut off at random moments, and then run again.

    python -m tests.postgres.build.cuts --count 300

Each cut hits `alembic upgrade head` or `alembic downgrade base`, in a process of its own, on a
table of 200,000 rows. Then the same command, run again, has to end well: exit status 0, every
index as an uncut run leaves it, comments and tags included, nothing left over, the revision right.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Literal

import psycopg

from tests.forks import Fork, Forks
from tests.observe import Seen, execute, indexes, rows
from tests.projects import Project
from tests.servers import Server, find_bindir
from tests.sessions import in_transaction

Direction = Literal["upgrade", "downgrade"]

CUTS = ("kill the client", "interrupt the client", "terminate", "cancel", "writer", "snapshot")
ROWS = 200_000
_BLOCKERS = {"writer": "READ COMMITTED", "snapshot": "REPEATABLE READ"}
_BLOCKED = dict.fromkeys(_BLOCKERS, ("-x", "index_ops.lock_timeout=0.6s"))
_TARGETS: dict[Direction, str] = {"upgrade": "head", "downgrade": "base"}
_CLEAR = ("another migration is building or dropping", "(SHARE UPDATE EXCLUSIVE) was not to be had")

UPGRADE = """
op.create_desc_index("ix_desc", "events", ["org", "created DESC"], comment="for the list")
op.create_covering_index("ix_cover", "events", ["name"], include=["org"], unique=True)
op.create_concurrent_index("ix_found", "events", ["created"])
"""
DOWNGRADE = """
op.drop_concurrent_index("ix_found", "events")
op.drop_concurrent_index("ix_cover", "events")
op.drop_concurrent_index("ix_desc", "events")
"""


@dataclass(frozen=True)
class Outcome:
    """One cut: where it hit, how often the command ran again, what was wrong at the end."""

    direction: Direction
    cut: str
    landed: str
    runs: int
    wrong: str


class Subject:
    """A database with its project, and what uncut runs make of it."""

    def __init__(self, server: Server, directory: Path, chance: random.Random) -> None:
        self.database = server.create_database()
        self.chance = chance
        self._name = f"cuts_{self.database.name}"
        project = Project(directory, f"{self.database.url}?application_name={self._name}")
        project.revision("cut", UPGRADE, DOWNGRADE)
        self._forks = Forks(directory, directory / "log")
        execute(
            self.database,
            "CREATE TABLE events (id int, org int, name text, created timestamptz)",
            "INSERT INTO events SELECT i, i % 1000, md5(i::text),"
            f" now() - make_interval(secs => i) FROM generate_series(1, {ROWS}) i",
            "CREATE INDEX ix_found ON events (created)",
            "COMMENT ON INDEX ix_found IS 'made by hand\n'",
            # So that the floor of lock_timeout is 0.6 s.
            f"ALTER DATABASE {self.database.name} SET deadlock_timeout = '100ms'",
        )
        self._expected: dict[Direction, dict[str, Seen]] = {}
        self._seconds: dict[Direction, float] = {}
        for direction in ("upgrade", "downgrade", "upgrade", "downgrade"):
            started = time.monotonic()
            status, output = self._run(direction)  # type: ignore[arg-type]
            assert status == 0, output
            self._seconds[direction] = time.monotonic() - started  # type: ignore[index]
            self._expected[direction] = indexes(self.database)  # type: ignore[index]

    def cut(self, direction: Direction, cut: str) -> Outcome:
        """Cut one run, repeat it until it ends, and judge."""
        if direction == "upgrade" and self.chance.random() < 0.25:
            self._leave_invalid_index()
        process = self._start(direction, *_BLOCKED.get(cut, ()))
        moment = self.chance.uniform(0, 1) * self._seconds[direction]
        if cut in _BLOCKERS:
            self._block(process, direction, cut, moment)
        else:
            time.sleep(moment)
            self._hit(process, cut)
        assert process.join(120), f"alembic {direction} hangs after the cut: {cut}"
        landed = self._where(direction)
        for runs in count(1):
            status, output = self._run(direction)
            if status == 0 or runs == 20 or not any(clear in output for clear in _CLEAR):
                break
            time.sleep(0.2)
        return Outcome(direction, cut, landed, runs, self._judge(direction, status, output))

    def close(self) -> None:
        """Drop the database."""
        self._forks.close()
        self.database.server.drop_database(self.database.name)

    def _block(self, process: Fork, direction: Direction, cut: str, moment: float) -> None:
        """An open transaction comes in the way of the run, at some moment of it.

        It makes a build give up by itself; a drop of a valid index waits, and is cut.
        """
        time.sleep(moment * self.chance.choice((0, 1)))
        statement = "SELECT count(*) FROM events WHERE id = 1"
        if cut == "writer":
            statement = "UPDATE events SET org = org WHERE id = 1"
        with in_transaction(self.database, statement, isolation=_BLOCKERS[cut]):
            if direction == "downgrade":
                process.join(self.chance.uniform(0, 1))
                self._hit(process, self.chance.choice(CUTS[:4]))
                # The client may be gone while its drop still waits for this transaction.
                time.sleep(self.chance.choice((0, 0.3)))
            else:
                process.join(60)

    def _hit(self, process: Fork, cut: str) -> None:
        if cut == "kill the client":
            process.signal(signal.SIGKILL)
        elif cut == "interrupt the client":
            process.signal(signal.SIGINT)
        else:
            execute(
                self.database,
                f"SELECT pg_{cut}_backend(pid) FROM pg_stat_activity"
                f" WHERE application_name = '{self._name}'",
            )

    def _where(self, direction: Direction) -> str:
        """Where a run was cut, as the catalog shows it."""
        found, stamped = indexes(self.database), self._stamped()
        if stamped == (direction == "upgrade"):
            return "stamped"
        aside = [seen.state for name, seen in found.items() if "_building_" in name]
        if aside:
            return f"{aside[0]} index aside"
        named = sum(name in found for name in ("ix_desc", "ix_cover"))
        invalid = any(seen.state == "INVALID" for seen in found.values())
        return f"{named} of 2 there" + (", one INVALID" if invalid else "")

    def _judge(self, direction: Direction, status: int | None, output: str) -> str:
        if status != 0:
            return f"exit status {status}: {output[-2000:]}"
        found = indexes(self.database)
        if found != self._expected[direction]:
            return f"the indexes are {found}, after an uncut run they are {self._expected}"
        if self._stamped() != (direction == "upgrade"):
            return "the revision is not the one asked for"
        return ""

    def _stamped(self) -> bool:
        query = "SELECT 1 FROM alembic_version WHERE version_num = 'cut'"
        return bool(rows(self.database, query))

    def _leave_invalid_index(self) -> None:
        """What a plain CREATE UNIQUE INDEX CONCURRENTLY leaves that met duplicates."""
        with self.database.connect() as connection:
            try:
                connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_cover ON events (org)")
            except psycopg.errors.UniqueViolation:
                return
        raise AssertionError("it met no duplicates")

    def _run(self, direction: Direction) -> tuple[int | None, str]:
        process = self._start(direction)
        assert process.join(120), f"alembic {direction} hangs"
        return process.status, self._forks.log.read_text()

    def _start(self, direction: Direction, *before: str) -> Fork:
        return self._forks.start(*before, direction, _TARGETS[direction])


@contextmanager
def subject(server: Server, chance: random.Random) -> Iterator[Subject]:
    """A subject in a directory of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        subject = Subject(server, Path(directory), chance)
        try:
            yield subject
        finally:
            subject.close()


def run_cuts(server: Server, number: int, seed: int) -> list[Outcome]:
    """`number` cuts on one database, upgrades and downgrades in turn; ends at a wrong one."""
    chance = random.Random(seed)
    outcomes: list[Outcome] = []
    with subject(server, chance) as it:
        while len(outcomes) < number and not (outcomes and outcomes[-1].wrong):
            # Each kind of cut once in either direction, in random order, and again.
            kinds = [chance.sample(CUTS, len(CUTS)) for _ in range(2)]
            for up, down in zip(*kinds, strict=True):
                outcomes.append(it.cut("upgrade", up))
                if not outcomes[-1].wrong:
                    outcomes.append(it.cut("downgrade", down))
                if outcomes[-1].wrong or len(outcomes) >= number:
                    break
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    server = Server(find_bindir())
    try:
        server.start()
        print(f"PostgreSQL {server.version}, seed {arguments.seed}", flush=True)
        started = time.monotonic()
        share = -(-arguments.count // arguments.workers)
        with ThreadPoolExecutor(arguments.workers) as pool:
            work = partial(run_cuts, server, share)
            seeds = range(arguments.seed, arguments.seed + arguments.workers)
            outcomes = [outcome for some in pool.map(work, seeds) for outcome in some]
    finally:
        server.remove()
    _report(outcomes, time.monotonic() - started)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def _report(outcomes: Sequence[Outcome], seconds: float) -> None:
    landed = Counter((it.direction, it.cut, it.landed) for it in outcomes)
    for (direction, cut, where), number in sorted(landed.items()):
        print(f"{number:4}  {direction:9}  {cut:20}  {where}")
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    repeated = sum(outcome.runs > 1 for outcome in outcomes)
    print(
        f"{len(outcomes)} cuts in {seconds:.0f} s; {len(wrong)} ended wrong;"
        f" {repeated} needed more than one run"
    )
    for outcome in wrong:
        print(outcome, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
