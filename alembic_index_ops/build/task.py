"""One create or drop: what it works with, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from alembic_index_ops.build.leftovers import find_doubtful
from alembic_index_ops.build.locks import ADVISORY_CLASS, lock_timeout_floor
from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.plan import Compare, Revision, State
from alembic_index_ops.catalog.indexes import ObservedIndex, read_index_names, read_indexes
from alembic_index_ops.catalog.session import server_message, settings, sqlstate
from alembic_index_ops.catalog.tables import Table, read_holder, read_table
from alembic_index_ops.catalog.twin import normalise
from alembic_index_ops.definition.compare import Difference, compare_definitions
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.errors import ArgumentError, CannotJudgeError, TableNotFoundError
from alembic_index_ops.events import Event, LeftoverDoubted, Report
from alembic_index_ops.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

_INVALID_VALUE = "22023"


@dataclass(frozen=True, slots=True)
class Task:
    """The connection, the table, and the name that an operation is about."""

    connection: Connection
    table: Table
    name: str
    revision: Revision | None
    settings: Settings
    report: Report

    def tell(self, event: type[Event], **facts: object) -> None:
        """Report an event of this index."""
        self.report(event(self.name, str(self.table), **facts))

    @property
    def advisory_key(self) -> tuple[int, int]:
        """The two keys of the advisory lock by which builds on the table take turns."""
        return ADVISORY_CLASS, self.table.oid

    def read_state(self) -> State:
        """The table's indexes, and who has the name."""
        holder = read_holder(self.connection, self.name, self.table.schema)
        indexes = read_indexes(self.connection, table_oids=[self.table.oid])
        return State(self.table, indexes, holder)

    def read_and_doubt(self) -> State:
        """The same; tells of what looks like a leftover of ours and is left alone."""
        state = self.read_state()
        for index in find_doubtful(self.name, state):
            self.tell(LeftoverDoubted, name=index.name, state=index.state)
        return state

    def read_state_to_create(self) -> State:
        """The same; empty where the name is free and no build of ours left anything.

        That is the common case, and names alone are read in a fraction of the time.
        """
        holder = read_holder(self.connection, self.name, self.table.schema)
        if holder is None and not any(map(is_aside, read_index_names(self.connection, self.table))):
            return State(self.table, (), None)
        return self.read_and_doubt()

    def check_table(self) -> None:
        """Raise TableNotFoundError where the table's name has passed to another table.

        To be asked when a lock has been waited for: the name was looked up before.
        """
        now = read_table(self.connection, self.table.name, self.table.schema)
        if now.oid != self.table.oid:
            raise TableNotFoundError(
                f'index "{self.name}" on {self.table}: the table was replaced by another one of'
                " that name meanwhile. Nothing was changed; run the migration again."
            )

    def comparing(self, wished: IndexSpec, *, any_tablespace: bool = True) -> Compare:
        """How an observed index differs from the wished one; asks the server at most once."""
        compared = partial(compare_definitions, any_tablespace=any_tablespace)
        known: list[IndexSpec] = []

        def compare(index: ObservedIndex) -> Sequence[Difference]:
            if index.spec == wished:
                return ()
            evident = compared(wished, index.spec, normalised=False)
            if wished.evidently_plain:
                return evident or compared(wished, index.spec)
            try:
                if not known:
                    known.extend(normalise(self.connection, self.table, [wished]))
            except CannotJudgeError:
                if evident:
                    return evident
                raise
            # The server may fold an expression to a plain column, which looks like a difference.
            return compared(known[0], index.spec)

        return compare


@contextmanager
def session(task: Task) -> Iterator[None]:
    """The session's settings for one operation, put back at its end: those of a build, and each
    try for a lock lasts long enough to win against autovacuum.

    Raises ArgumentError for an amount of memory that the server refuses.
    """
    with settings_to_build(task, lock_timeout=milliseconds(lock_timeout_floor(task.connection))):
        yield


@contextmanager
def settings_to_build(task: Task, **more: str) -> Iterator[None]:
    """The settings of a build, and more, for a block: no clock cuts it, and it has the memory and
    the processes that it may take.

    Raises ArgumentError for an amount of memory that the server refuses.
    """
    with ExitStack() as stack:
        with refusals_explained(task):
            stack.enter_context(settings(task.connection, **more, **render_settings(task)))
        yield


def render_settings(task: Task) -> dict[str, str]:
    """The server's settings for a build, by name."""
    # Between two of our statements, a second connection opens or a lock is waited for.
    clocks = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
    values = {**dict.fromkeys(clocks, "0"), **task.settings.of_session}
    if (task.connection.dialect.server_version_info or (14,)) >= (17,):
        values["transaction_timeout"] = "0"
    return values


@contextmanager
def refusals_explained(task: Task) -> Iterator[None]:
    """A value that the server refuses, where the block sets it, as an ArgumentError."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) != _INVALID_VALUE:
            raise
        raise ArgumentError(
            f'index "{task.name}" on {task.table}: the server refuses a setting:'
            f" {server_message(error)}. Nothing was changed."
        ) from error
