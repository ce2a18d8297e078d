"""What a running build or drop does, and whom it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from alembic_index_ops.durations import render_duration
from alembic_index_ops.events.event import Event, Warned

_QUERY_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Blocker:
    """Somebody who is waited for, as far as the server shows him to our role.

    `state`, `query` and `open_seconds` (the age of the transaction) are None where they are
    hidden from the role; then `waited_seconds` tells how long we have waited so far, 0 where that
    is not known. A prepared transaction has its identifier in `prepared`, and no `pid`.
    """

    pid: int | None
    user: str
    application: str
    state: str | None
    open_seconds: float | None
    query: str | None
    waited_seconds: float = 0.0
    prepared: str | None = None

    def __str__(self) -> str:
        if self.prepared is not None:
            return (
                f'prepared transaction "{self.prepared}" ({self.user}{self._age()}); COMMIT'
                " PREPARED or ROLLBACK PREPARED ends it"
            )
        application = _printable(self.application) or "no application name"
        if self.state is None:
            waited = render_duration(self.waited_seconds)
            known = f", waited for {waited} so far" if self.waited_seconds else ""
            return (
                f"pid {self.pid} ({self.user}, {application}{known}; its state and query are"
                " hidden from this role)"
            )
        words = _printable(" ".join((self.query or "").split()))
        cut = words if len(words) <= _QUERY_CHARACTERS else f"{words[:_QUERY_CHARACTERS]}..."
        return f"pid {self.pid} ({self.user}, {application}, {self.state}{self._age()}: {cut})"

    def _age(self) -> str:
        if self.open_seconds is None:
            return ""
        return f", its transaction open for {render_duration(max(0.0, self.open_seconds))}"


def _printable(text: str) -> str:
    """Others' words, which must not steer our terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Where a build or a drop is now; told again and again while it runs.

    `done` of `total` units (blocks, tuples) of this stage; total is 0 where the server counts
    nothing. `remaining_seconds` is an estimate for this stage, None without one. `waiting_for`
    holds those whose end is awaited now. `pid` is the server process that builds.
    """

    pid: int
    stage: str
    seconds: float
    done: int = 0
    total: int = 0
    unit: str = ""
    remaining_seconds: float | None = None
    waiting_for: tuple[Blocker, ...] = ()

    def __str__(self) -> str:
        words = f'index "{self.index}" on {self.table}: {self.stage}'
        if self.total:
            words += f", {self.done:,} of {self.total:,} {self.unit} ({self.percent:.0f} %)"
        if self.remaining_seconds is not None:
            words += f", about {render_duration(round(self.remaining_seconds))} left"
        words += f", {render_duration(round(self.seconds, 1))} so far"
        if self.waiting_for:
            words += f"; waiting for {'; '.join(map(str, self.waiting_for))}"
        return words

    @property
    def percent(self) -> float:
        """How much of the stage is done, 0 to 100."""
        return 100.0 * self.done / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class BuildAwaited(Event):
    """Somebody else's build or drop runs on the table; its end is awaited, then judged anew.

    `orphan`: nobody watches it any more; its client is gone, and the server builds on.
    """

    pid: int
    builds: str
    orphan: bool

    def __str__(self) -> str:
        whose = "whose client seems to be gone" if self.orphan else "of another session"
        return (
            f'index "{self.index}" on {self.table}: a build {whose} runs on this table (pid'
            f" {self.pid}{f', index {self.builds}' if self.builds else ''}); waiting for its end"
        )


@dataclass(frozen=True, slots=True)
class LockAwaited(Event):
    """The table's lock is not to be had yet; readers and writers go on meanwhile."""

    seconds: float
    holders: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: waiting for the table\'s lock, for'
            f" {render_duration(round(self.seconds, 1))}; held by"
            f" {'; '.join(map(str, self.holders)) or 'a session that has just ended'}"
        )


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """The server ended a statement for a reason that passes; it is tried again."""

    reason: str

    def __str__(self) -> str:
        return f'index "{self.index}" on {self.table}: {self.reason}; trying again'


@dataclass(frozen=True, slots=True)
class Unwatched(Warned):
    """There is no second connection: no progress, and a plainer budget for old transactions."""

    reason: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: no second connection ({self.reason}), so no'
            " progress is shown, and drain_timeout bounds each wait instead of all together"
        )


@dataclass(frozen=True, slots=True)
class TableUsers(Event):
    """Who uses the table when a concurrent drop starts, which waits for all of them."""

    users: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: the drop waits for those that use the table'
            f" now: {'; '.join(map(str, self.users))}"
        )


@dataclass(frozen=True, slots=True)
class DrainExceeded(Warned):
    """A drop of a valid index has waited longer than drain_timeout; it is not cut."""

    seconds: float
    waiting_for: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: its drop has waited for'
            f" {render_duration(round(self.seconds, 1))}, longer than drain_timeout. It goes on:"
            " cut now, the index would be left INVALID. It waits for"
            f" {'; '.join(map(str, self.waiting_for)) or 'nobody that can be seen'}"
        )


@dataclass(frozen=True, slots=True)
class DeployAwaited(Event):
    """Another deployment holds deploy_lock; `index` and `table` are empty."""

    seconds: float
    holders: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f"deploy_lock: another deployment migrates this database, waiting for"
            f" {render_duration(round(self.seconds, 1))}; held by"
            f" {'; '.join(map(str, self.holders)) or 'a session that has just ended'}"
        )


@dataclass(frozen=True, slots=True)
class FewerWorkers(Warned):
    """Not as many connections were to be had as workers were asked for."""

    asked: int
    got: int
    reason: str

    def __str__(self) -> str:
        return f"{self.asked} workers were asked for, {self.got} at work: {self.reason}"


@dataclass(frozen=True, slots=True)
class Failed(Warned):
    """One of several at once failed; those that run are let end, and then its error is raised."""

    reason: str

    def __str__(self) -> str:
        return (
            f'index "{self.index}" on {self.table}: failed ({self.reason}); no further one begins,'
            " and those that run are let end"
        )
