"""The listener that draws a live bar on a terminal, by rich. To be imported where that is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from alembic_index_ops.durations import render_duration
from alembic_index_ops.events import (
    Blocker,
    BuildStarted,
    DropStarted,
    Event,
    LockAwaited,
    Progress,
    ReindexStarted,
)
from alembic_index_ops.listeners.hooks import hookimpl

_BLOCKERS_SHOWN = 3


def terminal() -> Console | None:
    """Standard error, which is a terminal, if lines can be drawn anew on it."""
    console = Console(file=sys.stderr)
    drawable = console.is_terminal and console.is_interactive and not console.is_dumb_terminal
    return console if drawable else None


class BarListener:
    """A bar for each index: its stage, how far that is, how long still, and who is waited for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._pictures: dict[tuple[str, str], RenderableType] = {}
        self._lost = False

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        """Draw the event, if it is one of work that runs; any other ends its index's bar.

        Where the work goes on after all, its next stage draws it again.
        """
        index = event.table, event.index
        if isinstance(event, Progress):
            picture = _draw(event, _stage(event), event.waiting_for, event.done, event.total)
            self._pictures[index] = picture
        elif isinstance(event, LockAwaited):
            waited = render_duration(round(event.seconds))
            words = f"waiting for the table's lock, {waited} so far"
            self._pictures[index] = _draw(event, words, event.holders)
        elif isinstance(event, (BuildStarted, DropStarted, ReindexStarted)):
            self._pictures[index] = _draw(event, "starting")
        elif self._pictures.pop(index, None) is not None and not self._pictures:
            self._hide()
        self._show()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the bars off the screen while others may write there."""
        self._hide()
        yield
        self._show()

    def close(self) -> None:
        """Take them off the screen, and give the cursor back."""
        self._pictures.clear()
        self._hide()

    def _show(self) -> None:
        if not self._pictures or self._lost:
            return
        picture = Group(*self._pictures.values())
        try:
            if self._live is None:
                # A new one each time: started again, it would erase the lines that were written
                # meanwhile.
                self._live = Live(console=self._console, transient=True, redirect_stdout=False)
                self._live.update(picture)
                self._live.start(refresh=True)
            else:
                self._live.update(picture)
        except (OSError, ValueError):
            self._give_up()

    def _hide(self) -> None:
        if self._live is not None:
            try:
                self._live.stop()
            except (OSError, ValueError):
                self._give_up()
            self._live = None

    def _give_up(self) -> None:
        """The terminal is gone (a lost connection): the build goes on without."""
        self._lost, live = True, self._live
        self._live = None
        if live is not None:
            with suppress(OSError, ValueError):
                live.stop()


def _draw(
    event: Event, words: str, awaited: Sequence[Blocker] = (), done: int = 0, total: int = 0
) -> RenderableType:
    name, bar = Column(no_wrap=True, overflow="ellipsis"), Column(ratio=1)
    first = Table.grid(name, bar, padding=(0, 1), expand=True)
    first.add_row(_line(event.index), ProgressBar(total=total or None, completed=done))
    lines = [words, *(f"waiting for {blocker}" for blocker in awaited[:_BLOCKERS_SHOWN])]
    if len(awaited) > _BLOCKERS_SHOWN:
        lines.append(f"and for {len(awaited) - _BLOCKERS_SHOWN} more")
    return Group(first, *(_line(f"  {line}") for line in lines))


def _stage(event: Progress) -> str:
    words = event.stage
    if event.total:
        words += f", {event.done:,} of {event.total:,} {event.unit} ({event.percent:.0f} %)"
    if event.remaining_seconds is not None:
        words += f", about {render_duration(round(event.remaining_seconds))} left"
    return f"{words}, {render_duration(round(event.seconds))} so far"


def _line(words: str) -> Text:
    """One line of the screen, cut where that ends; nothing in it commands the terminal."""
    plain = "".join(character if character.isprintable() else " " for character in words)
    return Text(plain, no_wrap=True, overflow="ellipsis")
