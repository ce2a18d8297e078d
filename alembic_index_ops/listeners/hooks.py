"""The hook by which listeners hear of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from alembic_index_ops.events import Event

PROJECT = "alembic_index_ops"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """What a listener may implement, marked with `alembic_index_ops.hookimpl`."""

    @hookspec
    def index_ops_event(self, event: Event) -> None:
        """Something happened to an index. `event` is a frozen value of alembic_index_ops.events.

        Called one event at a time, while a build runs from the thread that watches it. What it
        raises is logged and changes nothing for the build; it is waited for, so let it be quick.
        """
