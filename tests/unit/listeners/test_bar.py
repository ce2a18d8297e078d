"""What the bar draws, on a terminal of so many columns."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest

from alembic_index_ops.events import (
    Absent,
    Adopted,
    Blocker,
    BuildStarted,
    BuiltAtOnce,
    ConstraintAdded,
    ConstraintDropped,
    Dropped,
    DropStarted,
    Event,
    Failed,
    Kept,
    LockAwaited,
    Named,
    Present,
    Progress,
    Reindexed,
    ReindexSkipped,
    ReindexStarted,
    Renamed,
    Retried,
)
from tests.terminal import Screen

console = pytest.importorskip("rich.console")

IX = ("ix", '"public"."t"')
LINE = "━"
COLUMNS = 60


def blocker(pid: int) -> Blocker:
    return Blocker(pid, "ann", "psql", "active", 2.0, "UPDATE t")


class Terminal:
    """A bar on a terminal that is no process's."""

    def __init__(self, columns: int = COLUMNS) -> None:
        from alembic_index_ops.listeners.bar import BarListener

        self._columns = columns
        self._file = StringIO()
        self.bar = BarListener(
            console.Console(
                file=self._file, force_terminal=True, width=columns, legacy_windows=False
            )
        )

    @property
    def screen(self) -> Screen:
        screen = Screen(self._columns)
        screen.write(self._file.getvalue().replace("\n", "\r\n"))
        return screen

    def draw(self, event: Event) -> list[str]:
        """What is on the screen when the bar has heard this event."""
        try:
            self.bar.index_ops_event(event)
            return self.screen.lines
        finally:
            self.bar.close()

    def draw_anew(self, event: Event) -> list[str]:
        """The same, where the bar was drawn before: when others have written."""
        self.bar.index_ops_event(event)
        with self.bar.away():
            pass
        try:
            return [line for line in self.screen.lines if line]
        finally:
            self.bar.close()

    def write(self, text: str) -> None:
        self._file.write(text)


def test_a_stage_that_counts() -> None:
    event = Progress(
        *IX,
        pid=9,
        stage="building index: scanning table",
        seconds=75.0,
        done=1_500,
        total=6_000,
        unit="blocks",
        remaining_seconds=225.0,
    )

    bar, words = Terminal(120).draw(event)

    assert bar == f"ix {LINE * 29}╺{LINE * 87}"
    assert words == (
        "  building index: scanning table, 1,500 of 6,000 blocks (25 %), about 3 min 45 s left,"
        " 1 min 15 s so far"
    )


def test_a_stage_that_counts_nothing_and_waits() -> None:
    event = Progress(
        *IX, pid=9, stage="waiting for old snapshots", seconds=3.2, waiting_for=(blocker(7),)
    )

    assert Terminal(100).draw(event) == [
        f"ix {LINE * 97}",
        "  waiting for old snapshots, 3 s so far",
        "  waiting for pid 7 (ann, psql, active, its transaction open for 2 s: UPDATE t)",
    ]


def test_who_has_the_lock() -> None:
    event = LockAwaited(*IX, seconds=61.0, holders=(blocker(7),))

    assert Terminal(100).draw(event)[1:] == [
        "  waiting for the table's lock, 1 min 1 s so far",
        "  waiting for pid 7 (ann, psql, active, its transaction open for 2 s: UPDATE t)",
    ]


def test_of_many_who_are_waited_for_the_first_are_named() -> None:
    everybody = tuple(map(blocker, range(1, 51)))
    event = Progress(
        *IX, pid=9, stage="waiting for old snapshots", seconds=3, waiting_for=everybody
    )

    assert Terminal().draw(event)[2:] == [
        "  waiting for pid 1 (ann, psql, active, its transaction ope…",
        "  waiting for pid 2 (ann, psql, active, its transaction ope…",
        "  waiting for pid 3 (ann, psql, active, its transaction ope…",
        "  and for 47 more",
    ]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (80, [f"{'i' * 63} {LINE * 8}╺{LINE * 7}", "  sorting, 1 of 2 tuples (50 %), 3 s so far"]),
        (30, [f"{'i' * 28}…", "  sorting, 1 of 2 tuples (50 …"]),
    ],
)
def test_a_name_of_63_characters(columns: int, lines: list[str]) -> None:
    event = Progress("i" * 63, "t", 9, "sorting", seconds=3.0, done=1, total=2, unit="tuples")

    assert Terminal(columns).draw(event) == lines


def test_nothing_in_a_name_or_a_query_commands_the_terminal() -> None:
    rude = Blocker(7, "ann", "psql", "active", 2.0, "SELECT '\x1b[2J\x07'")
    event = Progress("i\nx\x1b[1A[red]", "t", pid=9, stage="s", seconds=3.0, waiting_for=(rude,))

    bar, _, words = Terminal(100).draw(event)

    assert bar.startswith("i x [1A[red] ")
    assert words.endswith("SELECT '\\x1b[2J\\x07')")


@pytest.mark.parametrize(
    "event",
    [
        BuildStarted(*IX, aside="x"),
        DropStarted(*IX, concurrently=True),
        ReindexStarted(*IX, state="valid"),
    ],
)
def test_a_beginning(event: Event) -> None:
    assert Terminal().draw(event) == [f"ix {LINE * 57}", "  starting"]


@pytest.mark.parametrize("event", [Named(*IX, seconds=1.0), Dropped(*IX), Present(*IX)])
def test_an_end_is_left_to_the_log(event: Event) -> None:
    assert Terminal().draw(event) == [""]


@pytest.mark.parametrize(
    "end",
    [
        Named(*IX, seconds=1.0),
        Dropped(*IX),
        Present(*IX),
        Adopted(*IX, revision="a"),
        BuiltAtOnce(*IX, reason="it is tiny"),
        Kept(*IX, reason="b adopted it"),
        Absent(*IX, nearest=()),
        Reindexed(*IX, seconds=1.0, before=1, after=1),
        ReindexSkipped(*IX, reason="it serves an exclusion constraint"),
        Renamed(*IX, new_name="iy", earlier=False),
        ConstraintAdded(*IX),
        ConstraintDropped(*IX),
        Failed(*IX, reason="BuildError"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_the_end_of_one_leaves_the_bars_of_others(end: Event) -> None:
    terminal = Terminal()
    terminal.bar.index_ops_event(LockAwaited(*IX, seconds=1.0, holders=()))
    terminal.bar.index_ops_event(BuildStarted("iy", '"public"."u"', aside="y"))

    assert terminal.draw_anew(end) == [f"iy {LINE * 57}", "  starting"]


def test_work_that_goes_on_is_drawn_again() -> None:
    terminal = Terminal()
    terminal.bar.index_ops_event(BuildStarted(*IX, aside="x"))
    terminal.bar.index_ops_event(Retried(*IX, reason="the server ended a deadlock"))
    assert "".join(terminal.screen.lines) == ""

    drawn = terminal.draw_anew(Progress(*IX, pid=9, stage="sorting", seconds=3.0))

    assert drawn == [f"ix {LINE * 57}", "  sorting, 3 s so far"]


END: list[Callable[[Terminal], None]] = [
    lambda terminal: terminal.bar.index_ops_event(Named(*IX, seconds=1.0)),
    lambda terminal: terminal.bar.close(),
]


@pytest.mark.parametrize("end", END)
def test_at_its_end_nothing_of_it_is_left_and_the_cursor_is_back(
    end: Callable[[Terminal], None],
) -> None:
    terminal = Terminal()
    terminal.bar.index_ops_event(BuildStarted(*IX, aside="x"))
    assert not terminal.screen.cursor_shown

    end(terminal)

    assert terminal.screen.cursor_shown
    assert "".join(terminal.screen.lines) == ""


def test_what_others_write_meanwhile_stays_above_it() -> None:
    terminal = Terminal()
    terminal.bar.index_ops_event(BuildStarted(*IX, aside="x"))
    for number in range(5):
        with terminal.bar.away():
            assert terminal.screen.cursor_shown
            terminal.write(f"line {number}\n")

    lines = terminal.screen.lines
    terminal.bar.close()

    assert lines == [*(f"line {number}" for number in range(5)), f"ix {LINE * 57}", "  starting"]
