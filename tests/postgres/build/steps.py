"""A migration that is cut off at each of its steps in turn, and then run again.

    python -m tests.postgres.build.steps --scene builds

A step is an SQL statement, a commit, a rollback or an event of a build (see `armed`). Just before
it the client is killed or interrupted, its session terminated, or the server crashes. Then the same
command, run again, has to end well: exit status 0, and everything as an uncut run leaves it. Each
cut has a database of its own: a copy of one in which every kind of thing that a build can find is
there to be found.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4

from alembic_index_ops import define_index
from alembic_index_ops.build.naming import aside_names
from tests.forks import Forks
from tests.observe import execute
from tests.postgres.build.armed import STEPS, How, arm
from tests.postgres.build.ending import Ending, explain_difference, read_ending
from tests.postgres.build.scenes import SCENES, Scene
from tests.projects import Project
from tests.servers import Database, Server, find_bindir
from tests.sessions import fail_building

Direction = Literal["upgrade", "downgrade"]

ROWS = 2000
CHANGES = {"ALTER", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "INSERT", "REINDEX", "UPDATE"}
CHANGES |= {"ANALYZE", "commit"}
_TARGETS: dict[Direction, str] = {"upgrade": "head", "downgrade": "base"}

UPGRADE = """
op.create_desc_index("ix_desc", "events", ["org", "created DESC"], comment="for the list")
op.create_covering_index("ix_corpse", "events", ["name"], include=["org"], unique=True)
op.create_concurrent_index("ix_found", "events", ["created"])
op.create_concurrent_index("ix_taken", "events", ["org"])
op.create_concurrent_index("ix_inside", "others", ["id"], concurrently=False)
op.create_concurrent_index(
    "ix_lower", "events", [sa.func.lower(sa.column("name"))], where="org > 1", analyze=True
)
op.create_concurrent_index("ix_tiny", "tiny", ["id"], unique=True)
op.create_concurrent_index("ix_parts", "parts", ["id DESC"])
"""
DOWNGRADE = """
op.drop_concurrent_index("ix_parts", "parts")
op.drop_concurrent_index("ix_tiny", "tiny")
op.drop_concurrent_index("ix_lower", "events")
op.drop_concurrent_index("ix_inside", "others", concurrently=False)
op.drop_concurrent_index("ix_taken", "events")
op.drop_concurrent_index("ix_found", "events")
op.drop_concurrent_index("ix_corpse", "events")
op.drop_concurrent_index("ix_absent", "events")
op.drop_concurrent_index("ix_desc", "events")
"""


@dataclass(frozen=True)
class Outcome:
    """One cut: before which step, whether the run came to it, and what was wrong at the end."""

    direction: Direction
    how: How
    step: str
    cut: bool
    wrong: str


class Course:
    """A project, what its uncut runs do step by step, and how their ends look."""

    def __init__(self, server: Server, directory: Path, scene: Scene) -> None:
        self.server = server
        self._database = Database(server, f"steps_{uuid4().hex[:12]}")
        self._templates = {
            direction: Database(server, f"{self._database.name}_{direction}")
            for direction in _TARGETS
        }
        project = Project(directory, self._database.url)
        for revision in scene.revisions:
            project.revision(*revision)
        arm(project)
        self._steps = directory / STEPS
        self._forks = Forks(directory, directory / "log")
        self.expected: dict[Direction, Ending] = {}
        self.steps: dict[Direction, list[str]] = {}
        server.execute(f"CREATE DATABASE {self._templates['upgrade'].name}")
        scene.prepare(self._templates["upgrade"], ROWS)
        before = read_ending(self._templates["upgrade"])
        for direction in _TARGETS:
            self._make_database(direction)
            status, output = self._run(direction)
            assert status == 0, output
            self.steps[direction] = self._steps.read_text().splitlines()
            self.expected[direction] = read_ending(self._database)
            assert self.expected[direction].leftovers == set()
            if direction == "upgrade":
                self._copy(self._database, self._templates["downgrade"])
        if scene.gives_back:
            end = self.expected["downgrade"]._replace(settings=before.settings)
            assert explain_difference(end, before) == ""

    def cut(self, direction: Direction, how: How, number: int) -> Outcome:
        """Cut a run before this step (the first is 1), run it again, and judge."""
        self._make_database(direction)
        postmaster = f"postmaster={self.server.pid}"
        status, _ = self._run(direction, f"cut={number}", f"how={how}", postmaster)
        reached = self._steps.read_text().splitlines()
        if how == "crash":
            self.server.stop("immediate")
            self.server.start()
        again, output = self._run(direction)
        wrong = f"exit status {again}: {output[-3000:]}" if again != 0 else ""
        wrong = wrong or explain_difference(read_ending(self._database), self.expected[direction])
        step = reached[number - 1] if len(reached) >= number else "not reached"
        return Outcome(direction, how, step, status != 0, wrong)

    def close(self) -> None:
        """Drop the databases."""
        self._forks.close()
        for database in (self._database, *self._templates.values()):
            self.server.drop_database(database.name)

    def _make_database(self, direction: Direction) -> None:
        self.server.drop_database(self._database.name)
        self._copy(self._templates[direction], self._database)
        execute(
            self._database,
            # So that the floor of lock_timeout is 0.6 s.
            f"ALTER DATABASE {self._database.name} SET deadlock_timeout = '100ms'",
        )

    def _copy(self, source: Database, to: Database) -> None:
        self.server.execute(f"CREATE DATABASE {to.name} TEMPLATE {source.name}")

    def _run(self, direction: Direction, *orders: str) -> tuple[int | None, str]:
        x = [word for order in orders for word in ("-x", order)]
        fork = self._forks.start(*x, direction, _TARGETS[direction])
        assert fork.join(120), f"alembic {direction} hangs: {orders}"
        return fork.status, self._forks.log.read_text()


def _prepare(database: Database, rows: int) -> None:
    """Tables, and what an upgrade is to find: an INVALID index under its name, one made by hand, a
    build aside that is finished, and what a build of another index left."""
    taken = next(aside_names(define_index("ix_taken", "events", ["org"])))
    left = next(aside_names(define_index("ix_other", "events", ["org"], unique=True)))
    execute(
        database,
        "CREATE TABLE events (id int, org int, name text, created timestamptz)",
        "INSERT INTO events SELECT i, i % 100, md5(i::text),"
        f" '2020-01-01Z'::timestamptz + make_interval(secs => i) FROM generate_series(1, {rows}) i",
        "CREATE TABLE others AS SELECT id FROM events",
        "CREATE TABLE tiny AS SELECT generate_series(1, 10) AS id",
        "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "INSERT INTO parts SELECT generate_series(0, 9)",
        "CREATE INDEX ix_found ON events (created)",
        "COMMENT ON INDEX ix_found IS 'made by hand\n'",
        f'CREATE INDEX "{taken}" ON events (org)',
    )
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix_corpse ON events (org)")
    fail_building(database, f'CREATE UNIQUE INDEX CONCURRENTLY "{left}" ON events (org)')


BUILDS = Scene(
    "builds",
    _prepare,
    (
        ("a", UPGRADE, DOWNGRADE),
        (
            "b",
            'op.create_concurrent_index("ix_next", "events", ["id", "org"])',
            'op.drop_concurrent_index("ix_next", "events")',
        ),
    ),
    gives_back=False,
)
KNOWN = {scene.name: scene for scene in (BUILDS, *SCENES)}


@contextmanager
def course(server: Server, scene: Scene = BUILDS) -> Iterator[Course]:
    """A course in a directory of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        course = Course(server, Path(directory), scene)
        try:
            yield course
        finally:
            course.close()


def cuts_of(
    course: Course,
    ways: Sequence[How],
    chance: random.Random,
    sample: int | None = None,
    *,
    changes: bool = False,
) -> list[tuple[Direction, How, int]]:
    """Every cut, in random order; `sample` takes so many of them.

    With `changes` only those before a step that changes the database: a client that is killed
    before any other leaves the same.
    """
    cuts = [
        (direction, how, number)
        for how in ways
        for direction in _TARGETS
        for number, step in enumerate(course.steps[direction], start=1)
        if not changes or step.split()[1] in CHANGES
    ]
    return chance.sample(cuts, min(len(cuts), sample or len(cuts)))


def run_share(
    scene: str,
    ways: Sequence[How],
    sample: int | None,
    changes: bool,
    seed: int,
    workers: int,
    worker: int,
) -> list[Outcome]:
    """One worker's share of the cuts, on a server of its own."""
    server = Server(find_bindir(), in_memory=True)
    outcomes: list[Outcome] = []
    try:
        server.start()
        with course(server, KNOWN[scene]) as it:
            if worker == 0:
                numbers = {direction: len(steps) for direction, steps in it.steps.items()}
                print(f"PostgreSQL {server.version}, seed {seed}, steps: {numbers}", flush=True)
            cuts = cuts_of(it, ways, random.Random(seed), sample, changes=changes)
            for cut in cuts[worker::workers]:
                outcomes.append(it.cut(*cut))
                if len(outcomes) % 25 == 0:
                    print(f"worker {worker}: {len(outcomes)} cuts", flush=True)
    finally:
        server.remove()
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", choices=KNOWN, default="builds")
    parser.add_argument("--how", nargs="+", choices=get_args(How), default=get_args(How))
    parser.add_argument("--sample", type=int, help="so many cuts instead of all")
    parser.add_argument("--changes", action="store_true", help="only steps that change something")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.workers) as pool:
        share = partial(
            run_share,
            arguments.scene,
            arguments.how,
            arguments.sample,
            arguments.changes,
            arguments.seed,
            arguments.workers,
        )
        outcomes = [each for some in pool.map(share, range(arguments.workers)) for each in some]
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    numbers = Counter((it.direction, it.how, it.cut) for it in outcomes)
    for (direction, how, cut), number in sorted(numbers.items()):
        print(f"{number:4}  {direction:9}  {how:10}  {'ended by it' if cut else 'went on'}")
    print(f"{len(outcomes)} cuts in {time.monotonic() - started:.0f} s; {len(wrong)} ended wrong")
    for outcome in wrong:
        print(outcome, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
