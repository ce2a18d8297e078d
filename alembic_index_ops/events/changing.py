"""What happens to an index that is renamed or rebuilt in place, or serves a constraint."""

from __future__ import annotations

from dataclasses import dataclass

from alembic_index_ops.events.event import Event, Warned


@dataclass(frozen=True, slots=True)
class Renamed(Event):
    """The index has its new name; `earlier`: it had it already."""

    new_name: str
    earlier: bool

    def __str__(self) -> str:
        what = "has the name" if self.earlier else "renamed to"
        return f'index "{self.index}" on {self.table}: {what} "{self.new_name}"' + (
            " already" if self.earlier else ""
        )


@dataclass(frozen=True, slots=True)
class NotRestored(Warned):
    """A revision's replacement is to be undone, and the index's comment knows of none."""

    revision: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table} stays as it is: its comment does not tell what'
            f" revision {self.revision} replaced. An earlier run has restored it, or the comment"
            " was changed; if this is not the definition you want, use op.replace_index"
        )


@dataclass(frozen=True, slots=True)
class ReindexStarted(Event):
    """The index is rebuilt beside itself; a valid one serves on meanwhile."""

    state: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table} ({self.state}): reindexing concurrently'


@dataclass(frozen=True, slots=True)
class Reindexed(Event):
    """The index is rebuilt and valid. Sizes are bytes."""

    seconds: float
    before: int
    after: int

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: reindexed in {self.seconds:.1f} s,'
            f" {self.before // 1024:,} kB before, {self.after // 1024:,} kB now"
        )


@dataclass(frozen=True, slots=True)
class ReindexSkipped(Warned):
    """PostgreSQL cannot rebuild this one concurrently."""

    reason: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: not reindexed, {self.reason}'


@dataclass(frozen=True, slots=True)
class ConstraintAdded(Event):
    """The constraint stands on the index that was built for it, and has its name."""

    def __str__(self) -> str:
        return f'constraint "{self.index}" on {self.table}: added, its index is valid'


@dataclass(frozen=True, slots=True)
class ConstraintDropped(Event):
    """The constraint is gone, and its index with it."""

    def __str__(self) -> str:
        return f'constraint "{self.index}" on {self.table}: dropped'


@dataclass(frozen=True, slots=True)
class ParentCreated(Event):
    """The partitioned table has its index, INVALID until each partition has its part."""

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: made for the partitioned table alone; INVALID'
            " until each partition has its part of it"
        )


@dataclass(frozen=True, slots=True)
class ParentUnfinished(Event):
    """An earlier run left the partitioned index unfinished; this one goes on."""

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: unfinished, going on with its partitions'


@dataclass(frozen=True, slots=True)
class LeafAdopted(Event):
    """A partition had such an index already; it becomes part of the new one."""

    leaf: str
    partition: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: "{self.leaf}" of partition {self.partition}'
            " was there with this definition, and becomes part of it"
        )


@dataclass(frozen=True, slots=True)
class LeafRepaired(Event):
    """A partition's part of the index was INVALID, and is rebuilt."""

    leaf: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: its part "{self.leaf}" was INVALID, repaired'


@dataclass(frozen=True, slots=True)
class LeafGivenBack(Event):
    """A partition keeps the index that the dropped one had taken over: a copy has its name."""

    leaf: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: "{self.leaf}" was there before it, and stays'


@dataclass(frozen=True, slots=True)
class PartitionGone(Event):
    """A partition was dropped, detached or renamed while its turn came."""

    partition: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: {self.partition} is no partition of that name'
            " any more; looking at the partitions again"
        )


@dataclass(frozen=True, slots=True)
class ParentCompleted(Event):
    """A partitioned index that was INVALID is valid: each partition has its valid part of it."""

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: completed, each partition has its part of it'
