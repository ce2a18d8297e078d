"""Hundreds of migrations that are cut off at random moments, and then run again.

    python -m tests.postgres.build.cuts --scene builds --count 300

Each cut hits `alembic upgrade head` or `alembic downgrade base`, in a process of its own, on a
table of 40,000 rows into which somebody writes all the time, while others upsert and read; some
runs are cut a second time. Then the same command, run again, has to end well: exit status 0, every
index as an uncut run leaves it and with every row in it, comments and tags included, nothing left
over, no row lost, the revision right; and no reader was without an index meanwhile.
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
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from tests.forks import Fork, Forks
from tests.observe import execute, indexes, rows
from tests.postgres.build.crowd import Crowd, crowd
from tests.postgres.build.ending import Ending, check_trees, explain_difference, read_ending
from tests.postgres.build.scenes import SCENES, Scene
from tests.postgres.build.writer import Writer, writing
from tests.projects import Project
from tests.servers import Database, Server, find_bindir
from tests.sessions import fail_building, in_transaction

Direction = Literal["upgrade", "downgrade"]

HITS = ("kill the client", "interrupt the client", "terminate", "cancel", "crash")
BLOCKERS = {"writer": "READ COMMITTED", "snapshot": "REPEATABLE READ"}
CUTS = (*HITS, *BLOCKERS)
ROWS = 40_000
_IMPATIENT = ("-x", "index_ops.drain_timeout=0.6s", "-x", "index_ops.lock_timeout=1s")
_TARGETS: dict[Direction, str] = {"upgrade": "head", "downgrade": "base"}
_CLEAR = ("another migration is building or dropping", "(SHARE UPDATE EXCLUSIVE) was not to be had")

ONE = """
op.create_desc_index("ix_desc", "events", ["org", "created DESC"], comment="for the list")
op.create_covering_index("ix_cover", "events", ["name"], include=["org"], unique=True)
op.create_concurrent_index("ix_found", "events", ["created"])
"""
NOT_ONE = """
op.drop_concurrent_index("ix_found", "events")
op.drop_concurrent_index("ix_cover", "events")
op.drop_concurrent_index("ix_desc", "events")
"""
TWO = """
op.create_concurrent_index("ix_tiny", "tiny", ["id"])
op.create_concurrent_index(
    "ix_part", "events", [sa.func.lower(sa.column("name"))], unique=True, where="org < 500"
)
"""
NOT_TWO = """
op.drop_concurrent_index("ix_part", "events")
op.drop_concurrent_index("ix_tiny", "tiny")
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
    """A database with its project and its writer, and what uncut runs make of it."""

    def __init__(
        self,
        scene: Scene,
        server: Server,
        directory: Path,
        chance: random.Random,
        writer: Writer,
        crowd: Crowd,
    ) -> None:
        self.database = writer.database
        self.chance = chance
        self._scene, self._server, self._writer, self.crowd = scene, server, writer, crowd
        self._name = f"cuts_{self.database.name}"
        project = Project(directory, f"{self.database.url}?application_name={self._name}")
        for revision in scene.revisions:
            project.revision(*revision)
        self._forks = Forks(directory, directory / "log")
        self._expected: dict[Direction, Ending] = {}
        self._seconds: dict[Direction, float] = {}
        for direction in (*_TARGETS, *_TARGETS):
            started = time.monotonic()
            with crowd.disturbed():
                status, output = self._run(direction)
            assert status == 0, output
            self._seconds[direction] = time.monotonic() - started
            with writer.paused(), crowd.paused():
                assert writer.check() + crowd.check() == ""
                self._expected[direction] = read_ending(self.database)
            assert self._expected[direction].leftovers == set()

    def cut(self, direction: Direction, cut: str) -> Outcome:
        """Cut one run, and now and then the next; repeat it until it ends, and judge."""
        with self.crowd.disturbed():
            if direction == "upgrade" and self.chance.random() < 0.25 and self._scene.spoil:
                self._scene.spoil(self.database)
            self._cut_once(direction, cut)
            landed = self._where(direction)
            if self.chance.random() < 0.25:
                self._cut_once(direction, self.chance.choice(HITS))
                landed += "; then cut again"
            for runs in count(1):
                status, output = self._run(direction)
                if status == 0 or runs == 20 or not any(clear in output for clear in _CLEAR):
                    break
                time.sleep(0.2)
        return Outcome(direction, cut, landed, runs, self._judge(direction, status, output))

    def close(self) -> None:
        """End the project's processes."""
        self._forks.close()

    def _cut_once(self, direction: Direction, cut: str) -> None:
        process = self._start(direction, *(_IMPATIENT if cut in BLOCKERS else ()))
        moment = self.chance.uniform(0, 1) * self._seconds[direction]
        if cut in BLOCKERS:
            self._block(process, direction, cut, moment)
        else:
            time.sleep(moment)
            self._hit(process, cut)
        assert process.join(120), f"alembic {direction} hangs after the cut: {cut}"

    def _block(self, process: Fork, direction: Direction, cut: str, moment: float) -> None:
        """An open transaction comes in the way of the run, at some moment of it.

        It makes a build give up by itself; a drop of a valid index waits, and is cut.
        """
        time.sleep(moment * self.chance.choice((0, 1)))
        statement = "SELECT count(*) FROM events WHERE id = 1"
        if cut == "writer":
            statement = "UPDATE events SET org = org WHERE id = 1"
        with in_transaction(self.database, statement, isolation=BLOCKERS[cut]):
            if direction == "downgrade":
                process.join(self.chance.uniform(0, 1))
                self._hit(process, self.chance.choice(HITS[:4]))
                # The client may be gone while its drop still waits for this transaction.
                time.sleep(self.chance.choice((0, 0.3)))
            else:
                process.join(60)

    def _hit(self, process: Fork, cut: str) -> None:
        if cut == "kill the client":
            process.signal(signal.SIGKILL)
        elif cut == "interrupt the client":
            process.signal(signal.SIGINT)
        elif cut == "crash":
            self._server.stop("immediate")
            self._server.start()
        else:
            execute(
                self.database,
                f"SELECT pg_{cut}_backend(pid) FROM pg_stat_activity"
                f" WHERE application_name = '{self._name}'",
            )

    def _where(self, direction: Direction) -> str:
        """Where a run was cut, as the catalog shows it."""
        found, stamped = indexes(self.database), self._stamped()
        if stamped == ([self._scene.head] if direction == "upgrade" else []):
            return "done"
        aside = [seen.state for name, seen in found.items() if "_building_" in name]
        if aside:
            return f"{aside[0]} index aside"
        invalid = any(seen.state == "INVALID" for seen in found.values())
        return f"{len(found)} indexes" + (", one INVALID" if invalid else "")

    def _judge(self, direction: Direction, status: int | None, output: str) -> str:
        if status != 0:
            return f"exit status {status}: {output[-2000:]}"
        with self._writer.paused(), self.crowd.paused():
            wrong = check_trees(self.database) or self._writer.check() or self.crowd.check()
            return wrong or explain_difference(
                read_ending(self.database), self._expected[direction]
            )

    def _stamped(self) -> list[str]:
        return [row[0] for row in rows(self.database, "SELECT version_num FROM alembic_version")]

    def _run(self, direction: Direction) -> tuple[int | None, str]:
        process = self._start(direction)
        assert process.join(120), f"alembic {direction} hangs"
        return process.status, self._forks.log.read_text()

    def _start(self, direction: Direction, *before: str) -> Fork:
        return self._forks.start(*before, direction, _TARGETS[direction])


def _prepare(database: Database, rows: int) -> None:
    execute(
        database,
        "CREATE TABLE events (id int PRIMARY KEY, org int, name text, created timestamptz)",
        "INSERT INTO events SELECT i, i % 1000, md5(i::text),"
        f" now() - make_interval(secs => i) FROM generate_series(1, {rows}) i",
        "CREATE INDEX ix_found ON events (created)",
        "COMMENT ON INDEX ix_found IS 'made by hand\n'",
        "CREATE TABLE tiny AS SELECT generate_series(1, 10) AS id",
    )


def _leave_invalid_index(database: Database) -> None:
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix_cover ON events (org)")


BUILDS = Scene(
    "builds",
    _prepare,
    (("one", ONE, NOT_ONE), ("two", TWO, NOT_TWO)),
    spoil=_leave_invalid_index,
    indexed=(("id", "id = 17"),),
    arbiter="id",
)
KNOWN = {scene.name: scene for scene in (BUILDS, *SCENES)}


@contextmanager
def subject(server: Server, chance: random.Random, scene: Scene) -> Iterator[Subject]:
    """A subject in a database and a directory of its own, gone afterwards."""
    database = server.create_database()
    scene.prepare(database, ROWS)
    # So that the floor of lock_timeout is 0.6 s.
    execute(database, f"ALTER DATABASE {database.name} SET deadlock_timeout = '100ms'")
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            writing(database, ROWS + 1) as writer,
            crowd(database, scene) as others,
        ):
            subject = Subject(scene, server, Path(directory), chance, writer, others)
            try:
                yield subject
            finally:
                subject.close()
    finally:
        server.drop_database(database.name)


def run_cuts(server: Server, number: int, seed: int, scene: Scene = BUILDS) -> list[Outcome]:
    """`number` cuts on one database, upgrades and downgrades in turn; ends at a wrong one."""
    chance = random.Random(seed)
    outcomes: list[Outcome] = []
    with subject(server, chance, scene) as it:
        while len(outcomes) < number and not (outcomes and outcomes[-1].wrong):
            # Each kind of cut once in either direction, in random order, and again.
            kinds = [chance.sample(CUTS, len(CUTS)) for _ in range(2)]
            for up, down in zip(*kinds, strict=True):
                outcomes.append(it.cut("upgrade", up))
                if not outcomes[-1].wrong:
                    outcomes.append(it.cut("downgrade", down))
                if outcomes[-1].wrong or len(outcomes) >= number:
                    break
            refused = sum(it.crowd.violations.values())
            print(f"seed {seed}: {len(outcomes)} cuts, {refused} upserts refused", flush=True)
    return outcomes


def run_share(number: int, seed: int, scene: str) -> list[Outcome]:
    """The same, on a server of its own."""
    server = Server(find_bindir(), in_memory=True)
    try:
        server.start()
        print(f"PostgreSQL {server.version}, seed {seed}", flush=True)
        return run_cuts(server, number, seed, KNOWN[scene])
    finally:
        server.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", choices=KNOWN, default="builds")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    share = -(-arguments.count // arguments.workers)
    with ProcessPoolExecutor(arguments.workers) as pool:
        seeds = range(arguments.seed, arguments.seed + arguments.workers)
        several = arguments.workers
        shares = pool.map(run_share, [share] * several, seeds, [arguments.scene] * several)
        outcomes = [outcome for some in shares for outcome in some]
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
