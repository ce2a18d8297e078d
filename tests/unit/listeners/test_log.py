"""When the log speaks: of each event once, of progress now and then."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

from alembic_index_ops.events import (
    BuildAwaited,
    BuildStarted,
    Corpse,
    Event,
    LockAwaited,
    Named,
    Progress,
)
from alembic_index_ops.listeners import LogListener

IX = ("ix", '"public"."t"')


def progress(stage: str, *seconds: float) -> list[Event]:
    return [Progress(*IX, pid=9, stage=stage, seconds=each) for each in seconds]


def locked(*seconds: float) -> list[Event]:
    return [LockAwaited(*IX, seconds=each, holders=()) for each in seconds]


def logged(
    caplog: pytest.LogCaptureFixture, events: Iterable[Event], *, progress: bool = True
) -> list[str]:
    """What is logged of these events, without the label that all have."""
    caplog.set_level(logging.INFO, "alembic_index_ops")
    listener = LogListener(progress=progress)
    for event in events:
        listener.index_ops_event(event)
    return [message.removeprefix('index "ix" on "public"."t": ') for message in caplog.messages]


def test_of_the_first_second_it_tells_no_progress(caplog: pytest.LogCaptureFixture) -> None:
    events = [*progress("sorting", 0.1, 0.9), *progress("loading", 0.99), *locked(0.1, 0.99)]

    assert logged(caplog, events) == []


def test_a_stage_is_told_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    events = [
        *progress("sorting", 0.5, 1.0, 1.5, 2.0),
        *progress("loading", 2.5, 3.0),
        *progress("sorting", 3.5, 4.0),
    ]

    assert logged(caplog, events) == [
        "sorting, 1 s so far",
        "loading, 2.5 s so far",
        "sorting, 3.5 s so far",
    ]


def test_a_long_stage_is_told_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    events = progress("sorting", *(half / 2 for half in range(70)))

    assert logged(caplog, events) == [
        "sorting, 1 s so far",
        "sorting, 11 s so far",
        "sorting, 21 s so far",
        "sorting, 31 s so far",
    ]


def test_a_wait_for_the_lock_is_a_stage(caplog: pytest.LogCaptureFixture) -> None:
    events = [*locked(*range(13)), *progress("sorting", 14.0)]

    assert logged(caplog, events) == [
        "waiting for the table's lock, for 1 s; held by a session that has just ended",
        "waiting for the table's lock, for 11 s; held by a session that has just ended",
        "sorting, 14 s so far",
    ]


def test_a_second_wait_that_counts_anew_is_told(caplog: pytest.LogCaptureFixture) -> None:
    events = [*locked(8.0, 9.0), *locked(0.5, 1.0, 1.5)]

    assert logged(caplog, events) == [
        "waiting for the table's lock, for 8 s; held by a session that has just ended",
        "waiting for the table's lock, for 1 s; held by a session that has just ended",
    ]


def test_progress_that_somebody_else_shows_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    awaited = BuildAwaited(*IX, pid=9, builds="", orphan=False)
    events = [awaited, *progress("sorting", 1, 20), *locked(1, 20), Named(*IX, seconds=20)]

    assert logged(caplog, events, progress=False) == [
        "a build of another session runs on this table (pid 9); waiting for its end",
        "valid, built in 20.0 s",
    ]


def test_the_level_is_the_event_s(caplog: pytest.LogCaptureFixture) -> None:
    events = [BuildStarted(*IX, aside="x"), Corpse(*IX, state="INVALID"), *progress("sorting", 1)]

    logged(caplog, events)

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("alembic_index_ops", "INFO"),
        ("alembic_index_ops", "WARNING"),
        ("alembic_index_ops", "INFO"),
    ]


def test_what_looks_like_a_format_is_told_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert logged(caplog, [Corpse("100%s", "%(t)s", state="{INVALID}")]) == [
        'index "100%s" on %(t)s is {INVALID}: an earlier build or drop was cut off; a new one is'
        " built aside and takes its name"
    ]


def test_each_index_is_told_of_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    other = [Progress("iy", '"public"."t"', pid=8, stage="building", seconds=s) for s in (2.0, 3.0)]
    ours = progress("building", 2.0, 3.0)

    told = logged(caplog, [ours[0], other[0], ours[1], other[1]])

    assert told == [
        "building, 2 s so far",
        'index "iy" on "public"."t": building, 2 s so far',
    ]
