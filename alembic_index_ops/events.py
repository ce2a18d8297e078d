"""What happens during a build or a drop: frozen values, which the log and others listen to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("alembic_index_ops")


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
class BuildStarted(Event):
    """A concurrent build starts under its name aside; writers go on."""

    aside: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: building concurrently as "{self.aside}"'


@dataclass(frozen=True, slots=True)
class BuiltAtOnce(Event):
    """Built in one transaction: the table is new, empty or tiny, or the revision asked for it."""

    reason: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: built at once, {self.reason}'


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The client was interrupted (Ctrl-C) while the server built."""

    aside: str

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: interrupted; INVALID index "{self.aside}" may'
            " be left behind, which the next run of this migration drops or finishes"
        )


@dataclass(frozen=True, slots=True)
class Taken(Event):
    """A build that an earlier run finished, but had not named, is taken over."""

    aside: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: "{self.aside}" was built already, taking it'


@dataclass(frozen=True, slots=True)
class Named(Event):
    """The verified index got its name."""

    seconds: float

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: valid, built in {self.seconds:.1f} s'


@dataclass(frozen=True, slots=True)
class Present(Event):
    """An earlier run of this revision made it already."""

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: already there, nothing to do'


@dataclass(frozen=True, slots=True)
class Adopted(Event):
    """Somebody else made the same index; it stays, and a downgrade keeps it."""

    revision: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: was there with this definition, adopted by'
            f" {self.revision}; a downgrade keeps it"
        )


@dataclass(frozen=True, slots=True)
class Corpse(Event):
    """An INVALID index holds the name; it will be replaced."""

    state: str

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table} is {self.state}: an earlier build or drop was'
            " cut off; a new one is built aside and takes its name"
        )


@dataclass(frozen=True, slots=True)
class DropStarted(Event):
    """A drop starts; a concurrent one waits for every transaction that uses the table."""

    concurrently: bool

    def __str__(self) -> str:
        how = "concurrently, after all that use the table now" if self.concurrently else "at once"
        return f'index "{self.index}" on {self.table}: dropping {how}'


@dataclass(frozen=True, slots=True)
class DropInterrupted(Event):
    """The client was interrupted (Ctrl-C) while the server dropped."""

    explanation: str

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return self.explanation


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """The index is gone."""

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: dropped'


@dataclass(frozen=True, slots=True)
class Kept(Event):
    """A downgrade keeps the index, because others need it."""

    reason: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: kept, {self.reason}'


@dataclass(frozen=True, slots=True)
class Absent(Event):
    """There was nothing to drop."""

    nearest: tuple[str, ...]

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.nearest) or "none"
        return (
            f'index "{self.index}" on {self.table} does not exist, so there is nothing to drop;'
            f" nearest on that table: {names}"
        )


@dataclass(frozen=True, slots=True)
class DebrisDropped(Event):
    """A leftover of an earlier build, of this index or another one of the table, is gone."""

    name: str

    def __str__(self) -> str:
        return f'index "{self.name}" on {self.table}: dropped, an earlier build left it'


@dataclass(frozen=True, slots=True)
class DebrisLeft(Event):
    """An INVALID leftover could not be dropped in its budget."""

    name: str
    reason: str

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return (
            f'index "{self.name}" on {self.table}, an INVALID leftover, could not be dropped'
            f" ({self.reason}). The next operation on that table drops it; or run"
            f' DROP INDEX CONCURRENTLY on "{self.name}".'
        )


Report = Callable[[Event], None]


def log_event(event: Event) -> None:
    """The listener that writes the log."""
    logger.log(event.level, "%s", event)


def enable_log() -> None:
    """Let our logger speak after the `fileConfig` call of env.py.

    fileConfig disables every logger that alembic.ini does not name, unless env.py says
    otherwise, and with it each warning of this package. Unless somebody gave our logger a level
    of its own, it follows Alembic's: builds are told where "Running upgrade" is told.
    """
    logger.disabled = False
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.getLogger("alembic").level)
