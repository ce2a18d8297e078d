"""Reads what a requirement is about, and judges it: requirement + connection -> Verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from alembic_index_ops import (
    ArgumentError,
    CannotJudgeError,
    IndexSpec,
    LockTimeoutError,
    ObservedIndex,
    Table,
    TableNotFoundError,
    UnsupportedError,
    normalise,
    read_indexes,
    read_table,
)
from pytest_index_assert.match import Candidate, Relation, judge, same_definition
from pytest_index_assert.requirement import Requirement

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Foreign tables can be partitions, and cannot have indexes.
_LEAVES = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text
FROM pg_catalog.pg_partition_tree(CAST(:oid AS oid)) p
JOIN pg_catalog.pg_class c ON c.oid = p.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.isleaf AND c.relkind = 'r' ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = CAST(:oid AS oid) AND attnum > 0 AND NOT attisdropped
"""
_OF_NAME = """
SELECT i.indrelid, n.nspname, c.relname, c.relkind::text, n.nspname = ANY (current_schemas(true))
FROM pg_catalog.pg_class ic
JOIN pg_catalog.pg_index i ON i.indexrelid = ic.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = ic.relnamespace
WHERE ic.relname = :name
ORDER BY array_position(current_schemas(true), n.nspname), n.nspname
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one requirement.

    `candidates` are the indexes of `table`, the nearest first; `elsewhere` are indexes of the
    same name or definition on other tables; `problem` says why there was nothing to compare.
    """

    requirement: Requirement
    outcome: Literal["met", "unmet", "cannot be judged"]
    table: Table | None = None
    candidates: tuple[Candidate, ...] = ()
    elsewhere: tuple[ObservedIndex, ...] = ()
    problem: str | None = None

    @property
    def index(self) -> ObservedIndex | None:
        """The index that meets the requirement, where one does."""
        return self.candidates[0].index if self.outcome == "met" else None


def check(connection: Connection, requirement: Requirement) -> Verdict:
    """Judge one requirement by what the database has now."""
    from sqlalchemy.exc import DBAPIError

    table: Table | None = None
    try:
        table = _find_table(connection, requirement)
        if table is None:
            return _unmet(connection, Verdict(requirement, "unmet"), None)
        relation = read_relation(connection, table)
        wanted = _as_stored(connection, requirement, relation)
    except (TableNotFoundError, UnsupportedError, ArgumentError) as error:
        verdict = Verdict(requirement, "unmet", table, problem=str(error))
        return _unmet(connection, verdict, None)
    except (CannotJudgeError, LockTimeoutError) as error:
        connection.rollback()
        return Verdict(requirement, "cannot be judged", table, problem=str(error))
    except DBAPIError as error:
        connection.rollback()
        problem = f"the server refuses to be read: {error.orig}"
        return Verdict(requirement, "cannot be judged", table, problem=problem)
    candidates = judge(requirement, wanted, relation)
    met = [candidate for candidate in candidates if candidate.met]
    if met:
        return Verdict(requirement, "met", table, (met[0],))
    return _unmet(connection, Verdict(requirement, "unmet", table, candidates), wanted)


def read_relation(connection: Connection, table: Table) -> Relation:
    """The table's indexes, and those of its partitions."""
    leaves: list[Table] = []
    if table.partitioned:
        leaves = [Table(*row) for row in _rows(connection, _LEAVES, oid=table.oid)]
    oids = [table.oid, *(leaf.oid for leaf in leaves)]
    indexes = read_indexes(connection, table_oids=oids)

    def of(relation: Table) -> tuple[ObservedIndex, ...]:
        return tuple(index for index in indexes if index.table_oid == relation.oid)

    columns = frozenset(str(row[0]) for row in _rows(connection, _COLUMNS, oid=table.oid))
    return Relation(
        table, columns, of(table), tuple(Relation(leaf, columns, of(leaf)) for leaf in leaves)
    )


def _find_table(connection: Connection, requirement: Requirement) -> Table | None:
    """The required table, or that of the index of the required name; None without such an index."""
    if requirement.table is not None:
        return read_table(connection, requirement.table, requirement.schema)
    for *table, on_path in _rows(connection, _OF_NAME, name=requirement.name):
        schema = table[1]
        if schema == requirement.schema or (requirement.schema is None and on_path):
            return Table(*table)
    return None


def _as_stored(
    connection: Connection, requirement: Requirement, relation: Relation
) -> IndexSpec | None:
    definition = requirement.definition
    if definition is None:
        return None
    named = [key.column for key in definition.key_columns if key.column is not None]
    for column in (*named, *definition.included_columns):
        if column not in relation.columns:
            raise ArgumentError(f'{relation.table} has no column "{column}"')
    return normalise(connection, relation.table, [replace(definition, tablespace=None)])[0]


def _unmet(connection: Connection, verdict: Verdict, wanted: IndexSpec | None) -> Verdict:
    try:
        everything = read_indexes(connection)
    except LockTimeoutError:
        connection.rollback()
        return verdict
    found = _elsewhere(verdict, wanted, everything)
    return replace(verdict, elsewhere=tuple(found))


def _elsewhere(
    verdict: Verdict, wanted: IndexSpec | None, everything: Iterable[ObservedIndex]
) -> list[ObservedIndex]:
    requirement = verdict.requirement
    here = None if verdict.table is None else verdict.table.oid
    found = []
    for index in everything:
        if index.table_oid == here:
            continue
        same_name = index.name == requirement.name
        spec = wanted or requirement.definition
        same = (
            index.table == requirement.table
            and spec is not None
            and same_definition(requirement, spec, index.spec, normalised=wanted is not None)
        )
        if same_name or same:
            found.append(index)
    return found


def _rows(connection: Connection, query: str, **values: object) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    return [tuple(row) for row in connection.execute(text(query), values)]
