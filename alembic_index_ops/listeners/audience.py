"""All listeners of one operation."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pluggy

from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.events import Event, LockAwaited, Progress
from alembic_index_ops.listeners.hooks import PROJECT, Hooks
from alembic_index_ops.listeners.log import LogListener, logger

if TYPE_CHECKING:
    from alembic_index_ops.listeners.bar import BarListener

_Hearing = tuple[object, Callable[..., object]]
"""A listener, and how it is told."""


class Audience:
    """Tells the log, the bar and every listener each event.

    A listener that raises is reported, and the others still hear.
    """

    def __init__(self, listeners: Sequence[object], bar: BarListener | None = None) -> None:
        log = LogListener(progress=bar is None)
        # Ours are called as they are: a manager would cost more than a small index does. The others
        # get one each, since a hook call of pluggy ends at the first exception.
        self._writers: list[_Hearing] = [(log, log.index_ops_event)]
        self._writers += [(each, _register(each).hook.index_ops_event) for each in listeners]
        self._bar = bar
        self._bars: list[_Hearing] = [] if bar is None else [(bar, bar.index_ops_event)]
        self._only_log = not listeners
        # Several indexes may be built at once, each with a thread that watches it.
        self._one_at_a_time = threading.Lock()

    def report(self, event: Event) -> None:
        """Tell them."""
        # What others write to the terminal would run into the bar. The log leaves progress to it.
        silent = self._only_log and isinstance(event, (Progress, LockAwaited))
        with self._one_at_a_time:
            with nullcontext() if self._bar is None or silent else self._bar.away():
                _tell(self._writers, event)
            _tell(self._bars, event)


@contextmanager
def open_audience(listeners: Sequence[object] = ()) -> Iterator[Audience]:
    """The log, the bar where there is a terminal to draw it on, and these listeners.

    Raises ArgumentError for one that implements no hook of ours.
    """
    bar = _bar_on_terminal()
    try:
        yield Audience(listeners, bar)
    finally:
        if bar is not None:
            bar.close()


def _bar_on_terminal() -> BarListener | None:
    """None where standard error is no terminal, or rich (the extra `progress`) is not there."""
    # Asked before rich is imported, which takes a while, and takes a file for a terminal when
    # FORCE_COLOR is set.
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from alembic_index_ops.listeners.bar import BarListener, terminal
    except ImportError:
        return None
    console = terminal()
    return None if console is None else BarListener(console)


def _tell(hearings: Sequence[_Hearing], event: Event) -> None:
    for listener, call in hearings:
        try:
            call(event=event)
        except KeyboardInterrupt:
            raise
        except (
            BaseException
        ):  # sys.exit() too: a build that ends here would end as if all were well
            logger.exception(
                "listener %r failed on %s; the build goes on",
                listener,
                type(event).__name__,
            )


def _register(listener: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    label = f'context.configure(index_ops={{"listeners": ...}}): {listener!r}'
    if isinstance(listener, type):
        raise ArgumentError(f"{label} is a class; give an object of it: {listener.__name__}()")
    try:
        manager.register(listener)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise ArgumentError(f"{label} does not fit: {error}") from None
    if not manager.hook.index_ops_event.get_hookimpls():
        raise ArgumentError(
            f"{label} listens to nothing; give an object with a method"
            " `index_ops_event(self, event)` that is marked with @alembic_index_ops.hookimpl"
        )
    return manager
