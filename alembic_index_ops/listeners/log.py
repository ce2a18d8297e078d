"""The listener that writes the log."""

from __future__ import annotations

import logging

from alembic_index_ops.events import Event, LockAwaited, Progress
from alembic_index_ops.listeners.hooks import hookimpl

logger = logging.getLogger("alembic_index_ops")

_EVERY_SECONDS = 10.0
# What is over sooner needs no line for each of its stages.
_QUIET_SECONDS = 1.0


class LogListener:
    """Logs each event; of progress, when its stage changes and every ten seconds.

    With `progress=False` somebody else shows the progress, and it is not logged.
    """

    def __init__(self, *, progress: bool = True) -> None:
        self._progress = progress
        # Of each index: the stage it was told in, and when, by the event's own seconds.
        self._told: dict[tuple[str, str], tuple[str, float]] = {}

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        """Log the event."""
        if not isinstance(event, (Progress, LockAwaited)) or self._is_due(event):
            logger.log(event.level, "%s", event)

    def _is_due(self, event: Progress | LockAwaited) -> bool:
        if not self._progress or event.seconds < _QUIET_SECONDS:
            return False
        stage = event.stage if isinstance(event, Progress) else "lock"
        # A second wait counts from its own beginning.
        told_stage, told = self._told.get((event.table, event.index), ("", 0.0))
        if stage == told_stage and 0 <= event.seconds - told < _EVERY_SECONDS:
            return False
        self._told[event.table, event.index] = stage, event.seconds
        return True


def enable_log() -> None:
    """Let our logger speak after the `fileConfig` call of env.py.

    fileConfig disables every logger that alembic.ini does not name, unless env.py says
    otherwise, and with it each warning of this package. Unless somebody gave our logger a level
    of its own, it follows Alembic's: builds are told where "Running upgrade" is told.
    """
    logger.disabled = False
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.getLogger("alembic").level)
