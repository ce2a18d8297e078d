"""Autogenerate: model indexes against the catalog, in the place of Alembic's own comparison.

Alembic compares table by table; the server is asked about all tables at once. So `mark_table`
leaves a mark where Alembic's index operations were, and `write_operations`, the last of all
comparators, exchanges the marks for our operations.
https://alembic.sqlalchemy.org/en/latest/api/plugins.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations.ops import CreateIndexOp, DropIndexOp, ModifyTableOps, UpgradeOps
from alembic.util import DispatchPriority, PriorityDispatchResult

from alembic_index_ops.catalog.changes import Changes, Comparison, read_changes
from alembic_index_ops.catalog.dependencies import read_extension_members, read_used_columns
from alembic_index_ops.catalog.indexes import read_indexes
from alembic_index_ops.catalog.tables import Table, read_tables_by_name
from alembic_index_ops.listeners import enable_log, logger
from alembic_index_ops.migration.comparable import comparable, read_declared
from alembic_index_ops.migration.configuration import translate
from alembic_index_ops.migration.failure import told_by_alembic
from alembic_index_ops.migration.mixing import remember_revision
from alembic_index_ops.migration.placing import Mark, TableOperations, exchange
from alembic_index_ops.migration.writing import Writer

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.plugins import Plugin
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.indexes import ObservedIndex

_OURS = "alembic_index_ops"
_ALEMBICS, _WIDER = "alembic.autogenerate.", ("*", "alembic.*")


def register(plugin: Plugin) -> None:
    """Add the comparators to the plugin that env.py names in `autogenerate_plugins`."""
    for comparator, target in ((mark_table, "table"), (write_operations, "autogenerate")):
        plugin.add_autogenerate_comparator(
            comparator, target, _OURS, qualifier="postgresql", priority=DispatchPriority.LAST
        )


def mark_table(
    context: AutogenContext,
    modify: ModifyTableOps,
    schema: str | None,
    table_name: str,
    reflected: Any,
    declared: Any,
) -> PriorityDispatchResult:
    """Take out Alembic's operations on the table's indexes; ours come in their place."""
    kept = [op for op in modify.ops if not isinstance(op, (CreateIndexOp, DropIndexOp))]
    modify.ops[:] = [*kept, Mark(str(table_name), schema, reflected, declared)]
    return PriorityDispatchResult.CONTINUE


def write_operations(context: AutogenContext, upgrade: UpgradeOps) -> PriorityDispatchResult:
    """Compare the indexes of all marked tables, and write what makes them as declared."""
    enable_log()
    _warn_of_plugins(context)
    writers = [
        Writer(context, mark, modify)
        for modify in upgrade.ops
        if isinstance(modify, ModifyTableOps)
        for mark in modify.ops
        if isinstance(mark, Mark)
    ]
    with told_by_alembic():
        exchange(upgrade, _operations(context, writers))
    remember_revision(upgrade)
    return PriorityDispatchResult.CONTINUE


def _operations(context: AutogenContext, writers: Sequence[Writer]) -> dict[Mark, TableOperations]:
    """What is to be done at each mark."""
    connection = context.connection
    assert connection is not None
    tables = _read_tables(connection, [writer.mark for writer in writers])
    observed = _Observed(connection, context, tables.values())
    operations, compared = {}, []
    for writer in writers:
        mark = writer.mark
        if mark not in tables:
            operations[mark] = writer.create_table(read_declared(mark.declared))
        elif mark.declared is None:
            gone = comparable((), observed.take(mark, tables[mark]), observed.members)
            operations[mark] = writer.drop_table(list(gone.observed.values()))
        else:
            compared.append(writer)
    comparisons = (_comparison(writer.mark, tables[writer.mark], observed) for writer in compared)
    changes = read_changes(connection, comparisons)
    used = _read_used(connection, changes)
    for writer, each in zip(compared, changes, strict=True):
        _tell_unjudged(each)
        operations[writer.mark] = writer.alter_table(each, used)
    return operations


class _Observed:
    """The indexes of tables, read at once, and given away table by table."""

    def __init__(
        self, connection: Connection, context: AutogenContext, tables: Iterable[Table]
    ) -> None:
        self._context = context
        # A schema_translate_map can lead two tables of the model to one of the database.
        self._left = Counter(table.oid for table in tables)
        self._indexes: dict[int, list[ObservedIndex]] = {oid: [] for oid in self._left}
        for index in read_indexes(connection, table_oids=self._indexes):
            self._indexes[index.table_oid].append(index)
        self.members = read_extension_members(connection)

    def take(self, mark: Mark, table: Table) -> list[ObservedIndex]:
        """Those of a table of which env.py's `include_name` wants to know."""
        parents: Any = {"table_name": mark.table_name, "schema_name": mark.schema}
        self._left[table.oid] -= 1
        keep = self._left[table.oid] > 0
        return [
            index
            for index in (self._indexes[table.oid] if keep else self._indexes.pop(table.oid))
            if self._context.run_name_filters(index.name, "index", {**parents})
        ]


def _comparison(mark: Mark, table: Table, observed: _Observed) -> Comparison:
    both = comparable(read_declared(mark.declared), observed.take(mark, table), observed.members)
    declared = [each.spec for each in both.declared.values()]
    return Comparison(table, declared, list(both.observed.values()))


def _read_tables(connection: Connection, marks: Sequence[Mark]) -> dict[Mark, Table]:
    """The database's table of each mark but of those whose table is to be created."""
    there = [mark for mark in marks if mark.reflected is not None]
    names = [(mark.table_name, translate(connection, mark.schema)) for mark in there]
    found = read_tables_by_name(connection, names)
    return {mark: table for mark, table in zip(there, found, strict=True) if table is not None}


def _read_used(connection: Connection, changes: Iterable[Changes]) -> dict[int, dict[str, str]]:
    """The columns of all indexes that go or change, asked for at once."""
    old = [[*each.removed, *(change.observed for change in each.changed)] for each in changes]
    return read_used_columns(connection, [index.oid for indexes in old for index in indexes])


def _tell_unjudged(changes: Changes) -> None:
    for error in changes.unjudged:
        logger.warning("%s It is left out of this comparison.", error)


def _warn_of_plugins(context: AutogenContext) -> None:
    """Alembic's own comparators have to be named beside ours: without them nothing is compared."""
    named = context.opts.get("autogenerate_plugins") or ()
    if not any(name in _WIDER or str(name).startswith(_ALEMBICS) for name in named):
        logger.warning(
            'autogenerate_plugins names "alembic_index_ops" without "alembic.autogenerate.*", so no'
            " table, and no index, is compared; in env.py, write"
            ' autogenerate_plugins=["alembic.autogenerate.*", "alembic_index_ops"]'
        )
