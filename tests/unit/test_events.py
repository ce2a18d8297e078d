"""What each event says, whole, and how loudly."""

from __future__ import annotations

import dataclasses
import inspect
import logging

import pytest

from alembic_index_ops import events
from alembic_index_ops.events import (
    Absent,
    Adopted,
    Analyzed,
    Blocker,
    BuildAwaited,
    BuildStarted,
    BuiltAtOnce,
    ConstraintAdded,
    ConstraintDropped,
    Corpse,
    DebrisDropped,
    DebrisLeft,
    DeployAwaited,
    DrainExceeded,
    DropInterrupted,
    Dropped,
    DropStarted,
    Event,
    Failed,
    FewerWorkers,
    Interrupted,
    Kept,
    LeafAdopted,
    LeafGivenBack,
    LeafRepaired,
    LeftoverDoubted,
    LockAwaited,
    Named,
    NotRestored,
    ParentCompleted,
    ParentCreated,
    ParentUnfinished,
    PartitionGone,
    Present,
    Progress,
    Reindexed,
    ReindexSkipped,
    ReindexStarted,
    Renamed,
    Replacing,
    Retried,
    TableUsers,
    Taken,
    TreeLeft,
    Unwatched,
)

IX = ("ix", '"public"."t"')
ON_T = 'index "ix" on "public"."t"'
READER = Blocker(7, "ann", "psql", "idle in transaction", 61.0, "SELECT 1")
HIDDEN = Blocker(8, "bob", "", None, None, None, waited_seconds=2.5)
PREPARED = Blocker(None, "cid", "", None, 3600.0, None, prepared="x 1")
READER_WORDS = (
    "pid 7 (ann, psql, idle in transaction, its transaction open for 1 min 1 s: SELECT 1)"
)
HIDDEN_WORDS = (
    "pid 8 (bob, no application name, waited for 2.5 s so far; its state and query are hidden from"
    " this role)"
)
PREPARED_WORDS = (
    'prepared transaction "x 1" (cid, its transaction open for 1 h); COMMIT PREPARED or ROLLBACK'
    " PREPARED ends it"
)

MESSAGES: list[tuple[Event, str]] = [
    (
        Replacing(*IX, 'CREATE INDEX "ix" ON "t" ("a")', unique=False),
        f'{ON_T}: replacing CREATE INDEX "ix" ON "t" ("a")',
    ),
    (Renamed(*IX, "iy", earlier=False), f'{ON_T}: renamed to "iy"'),
    (Renamed(*IX, "iy", earlier=True), f'{ON_T}: has the name "iy" already'),
    (ReindexStarted(*IX, "valid"), f"{ON_T} (valid): reindexing concurrently"),
    (
        Reindexed(*IX, 1.26, before=2_048_000, after=1_024_000),
        f"{ON_T}: reindexed in 1.3 s, 2,000 kB before, 1,000 kB now",
    ),
    (ConstraintAdded(*IX), 'constraint "ix" on "public"."t": added, its index is valid'),
    (ConstraintDropped(*IX), 'constraint "ix" on "public"."t": dropped'),
    (
        ParentCreated(*IX),
        f"{ON_T}: made for the partitioned table alone; INVALID until each partition has its part"
        " of it",
    ),
    (ParentUnfinished(*IX), f"{ON_T}: unfinished, going on with its partitions"),
    (
        LeafAdopted(*IX, leaf="mine", partition='"public"."t_1"'),
        f'{ON_T}: "mine" of partition "public"."t_1" was there with this definition, and becomes'
        " part of it",
    ),
    (ParentCompleted(*IX), f"{ON_T}: completed, each partition has its part of it"),
    (
        PartitionGone(*IX, partition='"public"."t_1"'),
        f'{ON_T}: "public"."t_1" is no partition of that name any more; looking at the partitions'
        " again",
    ),
    (LeafRepaired(*IX, leaf="ix_t_1"), f'{ON_T}: its part "ix_t_1" was INVALID, repaired'),
    (LeafGivenBack(*IX, leaf="mine"), f'{ON_T}: "mine" was there before it, and stays'),
    (
        BuildStarted(*IX, aside="ix_building_1"),
        f'{ON_T}: building concurrently as "ix_building_1"',
    ),
    (BuiltAtOnce(*IX, reason="it is tiny"), f"{ON_T}: built at once, it is tiny"),
    (Taken(*IX, aside="ix_building_1"), f'{ON_T}: "ix_building_1" was built already, taking it'),
    (Named(*IX, seconds=1.25), f"{ON_T}: valid, built in 1.2 s"),
    (Present(*IX), f"{ON_T}: already there, nothing to do"),
    (
        Adopted(*IX, revision="a1"),
        f"{ON_T}: was there with this definition, adopted by a1; a downgrade keeps it",
    ),
    (Analyzed(*IX), f"{ON_T}: analysed, the planner knows what it holds"),
    (
        DropStarted(*IX, concurrently=True),
        f"{ON_T}: dropping concurrently, after all that use the table now",
    ),
    (DropStarted(*IX, concurrently=False), f"{ON_T}: dropping at once"),
    (Dropped(*IX), f"{ON_T}: dropped"),
    (Kept(*IX, reason="b2 adopted it"), f"{ON_T}: kept, b2 adopted it"),
    (
        DebrisDropped(*IX, name="ix_building_1"),
        'index "ix_building_1" on "public"."t": dropped, an earlier build left it',
    ),
    (
        Progress(*IX, pid=9, stage="index validation: scanning table", seconds=0.04),
        f"{ON_T}: index validation: scanning table, 0 s so far",
    ),
    (
        Progress(
            *IX,
            pid=9,
            stage="building index: scanning table",
            seconds=75.0,
            done=1_500,
            total=6_000,
            unit="blocks",
            remaining_seconds=225.0,
        ),
        f"{ON_T}: building index: scanning table, 1,500 of 6,000 blocks (25 %), about 3 min 45 s"
        " left, 1 min 15 s so far",
    ),
    (
        Progress(
            *IX,
            pid=9,
            stage="waiting for old snapshots",
            seconds=12.34,
            waiting_for=(READER, HIDDEN, PREPARED),
        ),
        f"{ON_T}: waiting for old snapshots, 12.3 s so far; waiting for {READER_WORDS};"
        f" {HIDDEN_WORDS}; {PREPARED_WORDS}",
    ),
    (
        BuildAwaited(*IX, pid=9, builds="ix", orphan=False),
        f"{ON_T}: a build of another session runs on this table (pid 9, index ix); waiting for its"
        " end",
    ),
    (
        BuildAwaited(*IX, pid=9, builds="", orphan=True),
        f"{ON_T}: a build whose client seems to be gone runs on this table (pid 9); waiting for its"
        " end",
    ),
    (
        LockAwaited(*IX, seconds=1.0, holders=(READER,)),
        f"{ON_T}: waiting for the table's lock, for 1 s; held by {READER_WORDS}",
    ),
    (
        LockAwaited(*IX, seconds=1.0, holders=()),
        f"{ON_T}: waiting for the table's lock, for 1 s; held by a session that has just ended",
    ),
    (
        Retried(*IX, reason="the server ended a deadlock"),
        f"{ON_T}: the server ended a deadlock; trying again",
    ),
    (
        TableUsers(*IX, users=(READER, PREPARED)),
        f"{ON_T}: the drop waits for those that use the table now: {READER_WORDS};"
        f" {PREPARED_WORDS}",
    ),
    (
        DeployAwaited("", "", seconds=90.0, holders=(READER,)),
        "deploy_lock: another deployment migrates this database, waiting for 1 min 30 s; held by"
        f" {READER_WORDS}",
    ),
    (
        DeployAwaited("", "", seconds=0.3, holders=()),
        "deploy_lock: another deployment migrates this database, waiting for 0.3 s; held by a"
        " session that has just ended",
    ),
]
WARNINGS: list[tuple[Event, str]] = [
    (
        Replacing(*IX, 'CREATE UNIQUE INDEX "ix" ON "t" ("a")', unique=True),
        f'{ON_T}: replacing CREATE UNIQUE INDEX "ix" ON "t" ("a"); a UNIQUE index is replaced:'
        " while old transactions are waited for, an INSERT ... ON CONFLICT may fail with a unique"
        " violation (23505); let it be retried",
    ),
    (
        NotRestored(*IX, revision="b"),
        f"{ON_T} stays as it is: its comment does not tell what revision b replaced. An earlier run"
        " has restored it, or the comment was changed; if this is not the definition you want, use"
        " op.replace_index",
    ),
    (
        ReindexSkipped(*IX, "it serves an exclusion constraint"),
        f"{ON_T}: not reindexed, it serves an exclusion constraint",
    ),
    (
        Failed(*IX, reason="DuplicateKeysError"),
        f"{ON_T}: failed (DuplicateKeysError); no further one begins, and those that run are let"
        " end",
    ),
    (
        FewerWorkers("", "", asked=4, got=2, reason="too many connections"),
        "4 workers were asked for, 2 at work: too many connections",
    ),
    (
        Interrupted(*IX, aside="ix_building_1"),
        f'{ON_T}: interrupted; INVALID index "ix_building_1" may be left behind, which the next run'
        " of this migration drops or finishes",
    ),
    (
        Corpse(*IX, state="INVALID, not ready: neither maintained nor enforcing"),
        f"{ON_T} is INVALID, not ready: neither maintained nor enforcing: an earlier build or drop"
        " was cut off; a new one is built aside and takes its name",
    ),
    (
        Analyzed(*IX, problem="division by zero"),
        f'{ON_T}: built, but ANALYZE failed (division by zero); run ANALYZE "public"."t"',
    ),
    (DropInterrupted(*IX, explanation="how to go on"), "how to go on"),
    (
        Absent(*IX, nearest=("ix_1", "ix_2")),
        f"{ON_T} does not exist, so there is nothing to drop; nearest on that table:"
        ' "ix_1", "ix_2"',
    ),
    (
        Absent(*IX, nearest=()),
        f"{ON_T} does not exist, so there is nothing to drop; nearest on that table: none",
    ),
    (
        DebrisLeft(*IX, name="ix_building_1", reason="canceling statement"),
        'index "ix_building_1" on "public"."t", an INVALID leftover, could not be dropped'
        " (canceling statement). The next operation on that table drops it; or run DROP INDEX"
        ' CONCURRENTLY on "ix_building_1".',
    ),
    (
        TreeLeft(*IX, name="ix_replaced_1", reason="the table is in use"),
        'index "ix_replaced_1" on "public"."t", which nobody needs any more, could not be dropped'
        " with its parts (the table is in use). The next operation on that table drops it.",
    ),
    (
        LeftoverDoubted(*IX, name="ix_building_1", state="valid"),
        'index "ix_building_1" on "public"."t" (valid) looks like a leftover of an earlier build,'
        " but nothing proves it, so it is left alone. If nobody needs it, run DROP INDEX"
        ' CONCURRENTLY on "ix_building_1".',
    ),
    (
        Unwatched(*IX, reason="too many clients already"),
        f"{ON_T}: no second connection (too many clients already), so no progress is shown, and"
        " drain_timeout bounds each wait instead of all together",
    ),
    (
        DrainExceeded(*IX, seconds=900.04, waiting_for=(READER,)),
        f"{ON_T}: its drop has waited for 15 min, longer than drain_timeout. It goes on: cut now,"
        f" the index would be left INVALID. It waits for {READER_WORDS}",
    ),
    (
        DrainExceeded(*IX, seconds=0.5, waiting_for=()),
        f"{ON_T}: its drop has waited for 0.5 s, longer than drain_timeout. It goes on: cut now,"
        " the index would be left INVALID. It waits for nobody that can be seen",
    ),
]


@pytest.mark.parametrize(("event", "message"), MESSAGES)
def test_what_it_says(event: Event, message: str) -> None:
    assert (str(event), event.level) == (message, logging.INFO)


@pytest.mark.parametrize(("event", "message"), WARNINGS)
def test_what_it_warns_of(event: Event, message: str) -> None:
    assert (str(event), event.level) == (message, logging.WARNING)


def test_every_event_is_here() -> None:
    public = {getattr(events, name) for name in events.__all__}
    classes = {each for each in public if inspect.isclass(each) and issubclass(each, Event)}

    assert {type(event) for event, _ in MESSAGES + WARNINGS} == classes - {Event}


@pytest.mark.parametrize("event", [event for event, _ in MESSAGES + WARNINGS])
def test_it_is_a_frozen_value(event: Event) -> None:
    assert dataclasses.replace(event) == event
    assert hash(dataclasses.replace(event)) == hash(event)
    for field in dataclasses.fields(event):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, field.name, None)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        (None, ""),
        ("SELECT 1\n  FROM t\t-- why", "SELECT 1 FROM t -- why"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "..."),
    ],
)
def test_a_query_is_one_short_line(query: str | None, shown: str) -> None:
    blocker = Blocker(7, "ann", "psql", "active", 0.25, query)

    assert str(blocker) == f"pid 7 (ann, psql, active, its transaction open for 0.25 s: {shown})"


def test_an_age_that_the_clock_makes_negative_is_none() -> None:
    blocker = Blocker(7, "ann", "psql", "active", -0.001, "SELECT 1")

    assert str(blocker) == "pid 7 (ann, psql, active, its transaction open for 0 s: SELECT 1)"


def test_no_transaction_has_no_age() -> None:
    blocker = Blocker(7, "ann", "psql", "idle", None, "SELECT 1")

    assert str(blocker) == "pid 7 (ann, psql, idle: SELECT 1)"


def test_the_words_of_others_do_not_steer_the_terminal() -> None:
    blocker = Blocker(7, "ann", "a\x1b[2Jb", "active", None, "SELECT '\x07é\u202e'")

    assert str(blocker) == "pid 7 (ann, a\\x1b[2Jb, active: SELECT '\\x07é\\u202e')"
