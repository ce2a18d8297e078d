"""What happens to an index that is created."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from alembic_index_ops.events.event import Event, Warned


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
class Interrupted(Warned):
    """The client was interrupted (Ctrl-C) while the server built."""

    aside: str

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
class Corpse(Warned):
    """An INVALID index holds the name; it will be replaced."""

    state: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table} is {self.state}: an earlier build or drop was'
            " cut off; a new one is built aside and takes its name"
        )


@dataclass(frozen=True, slots=True)
class Replacing(Event):
    """The index has another definition; it serves until the new one takes its name.

    `unique`: one of the two is; then an upsert may fail with 23505 meanwhile, naming the one that
    is half built or on its way out: it enforces already, and ON CONFLICT cannot name it.
    """

    definition: str
    unique: bool

    @property
    def level(self) -> int:
        return logging.WARNING if self.unique else logging.INFO

    def __str__(self) -> str:
        words = f'index "{self.index}" on {self.table}: replacing {self.definition}'
        if self.unique:
            words += (
                "; a UNIQUE index is replaced: while old transactions are waited for, an INSERT"
                " ... ON CONFLICT may fail with a unique violation (23505); let it be retried"
            )
        return words


@dataclass(frozen=True, slots=True)
class Analyzed(Event):
    """ANALYZE ran on the table, so that the planner knows the new index; or why it did not."""

    problem: str = ""

    @property
    def level(self) -> int:
        return logging.WARNING if self.problem else logging.INFO

    def __str__(self) -> str:
        label = f'index "{self.index}" on {self.table}'
        if self.problem:
            return f"{label}: built, but ANALYZE failed ({self.problem}); run ANALYZE {self.table}"
        return f"{label}: analysed, the planner knows what it holds"
