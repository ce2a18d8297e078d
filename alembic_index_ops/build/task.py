"""One create or drop: what it works with, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic_index_ops.build.locks import lock_timeout_floor, milliseconds
from alembic_index_ops.build.naming import is_aside
from alembic_index_ops.build.plan import Compare, Revision, State
from alembic_index_ops.catalog.indexes import ObservedIndex, read_index_names, read_indexes
from alembic_index_ops.catalog.session import settings
from alembic_index_ops.catalog.tables import Table, read_holder, read_table
from alembic_index_ops.catalog.twin import normalise
from alembic_index_ops.definition.compare import Difference, compare_definitions
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.errors import TableNotFoundError
from alembic_index_ops.events import Event, Report
from alembic_index_ops.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


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

    def read_state(self) -> State:
        """The table's indexes, and who has the name."""
        holder = read_holder(self.connection, self.name, self.table.schema)
        indexes = read_indexes(self.connection, table_oids=[self.table.oid])
        return State(self.table, indexes, holder)

    def read_state_to_create(self) -> State:
        """The same; empty where the name is free and no build of ours left anything.

        That is the common case, and names alone are read in a fraction of the time.
        """
        holder = read_holder(self.connection, self.name, self.table.schema)
        if holder is None and not any(map(is_aside, read_index_names(self.connection, self.table))):
            return State(self.table, (), None)
        return self.read_state()

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

    def above_floor(self) -> Task:
        """The same task, with a lock_timeout that is not below its floor."""
        floor = lock_timeout_floor(self.connection)
        if self.settings.lock_timeout >= floor:
            return self
        return replace(self, settings=replace(self.settings, lock_timeout=floor))

    def comparing(self, wished: IndexSpec) -> Compare:
        """How an observed index differs from the wished one; asks the server at most once."""
        known: list[IndexSpec] = []

        def compare(index: ObservedIndex) -> Sequence[Difference]:
            evident = compare_definitions(wished, index.spec, normalised=False)
            if evident or wished.evidently_plain:
                return evident or compare_definitions(wished, index.spec)
            if not known:
                known.extend(normalise(self.connection, self.table, [wished]))
            return compare_definitions(known[0], index.spec)

        return compare


@contextmanager
def session(task: Task) -> Iterator[Task]:
    """The session's settings for one operation: our lock_timeout, above its floor, and nothing
    that would cut a build by the clock. Yields the task with that lock_timeout."""
    task = task.above_floor()
    values = {
        "lock_timeout": milliseconds(task.settings.lock_timeout),
        "statement_timeout": "0",
    }
    if (task.connection.dialect.server_version_info or (14,)) >= (17,):
        values["transaction_timeout"] = "0"
    with settings(task.connection, **values):
        yield task
