"""What every event has."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to index `index` of `table` (quoted, with its schema)."""

    index: str
    table: str

    @property
    def level(self) -> int:
        """The level it is logged at."""
        return logging.INFO


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something that somebody should look at: it is logged as a WARNING."""

    @property
    def level(self) -> int:
        return logging.WARNING


Report = Callable[[Event], None]
