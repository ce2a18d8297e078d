"""What happens to an index that is dropped, and to what cut-off builds left."""

from __future__ import annotations

from dataclasses import dataclass

from alembic_index_ops.events.event import Event, Warned


@dataclass(frozen=True, slots=True)
class DropStarted(Event):
    """A drop starts; a concurrent one waits for every transaction that uses the table."""

    concurrently: bool

    def __str__(self) -> str:
        how = "concurrently, after all that use the table now" if self.concurrently else "at once"
        return f'index "{self.index}" on {self.table}: dropping {how}'


@dataclass(frozen=True, slots=True)
class DropInterrupted(Warned):
    """The client was interrupted (Ctrl-C) while the server dropped."""

    explanation: str

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
class Absent(Warned):
    """There was nothing to drop."""

    nearest: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.nearest) or "none"
        return (
            f'index "{self.index}" on {self.table} does not exist, so there is nothing to drop;'
            f" nearest on that table: {names}"
        )


@dataclass(frozen=True, slots=True)
class DebrisDropped(Event):
    """A leftover is gone: of an earlier build of this index or another one, or of this build."""

    name: str
    earlier: bool = True

    def __str__(self) -> str:
        which = "an earlier" if self.earlier else "this"
        return f'index "{self.name}" on {self.table}: dropped, {which} build left it'


@dataclass(frozen=True, slots=True)
class DebrisLeft(Warned):
    """An INVALID leftover could not be dropped in its budget."""

    name: str
    reason: str

    def __str__(self) -> str:
        return (
            f'index "{self.name}" on {self.table}, an INVALID leftover, could not be dropped'
            f" ({self.reason}). The next operation on that table drops it; or run"
            f' DROP INDEX CONCURRENTLY on "{self.name}".'
        )


@dataclass(frozen=True, slots=True)
class TreeLeft(Warned):
    """A partitioned index that nobody needs any more could not be dropped in its budget."""

    name: str
    reason: str

    def __str__(self) -> str:
        return (
            f'index "{self.name}" on {self.table}, which nobody needs any more, could not be'
            f" dropped with its parts ({self.reason}). The next operation on that table drops it."
        )


@dataclass(frozen=True, slots=True)
class LeftoverDoubted(Warned):
    """An index has the form of a leftover, and nothing proves that it is ours: left alone."""

    name: str
    state: str

    def __str__(self) -> str:
        return (
            f'index "{self.name}" on {self.table} ({self.state}) looks like a leftover of an'
            " earlier build, but nothing proves it, so it is left alone. If nobody needs it, run"
            f' DROP INDEX CONCURRENTLY on "{self.name}".'
        )
