"""Who hears of the events of a build: the log, the bar on a terminal, and the user's own."""

from alembic_index_ops.listeners.audience import Audience, open_audience
from alembic_index_ops.listeners.hooks import Hooks, hookimpl
from alembic_index_ops.listeners.log import LogListener, enable_log, logger

__all__ = [
    "Audience",
    "Hooks",
    "LogListener",
    "enable_log",
    "hookimpl",
    "logger",
    "open_audience",
]
