"""What the checks look at: tables, indexes and foreign keys of a whole database, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from alembic_index_ops import ObservedIndex
from pytest_index_assert.health.finding import plain_name


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `type` is the name of its type, of the one below where that is a domain."""

    name: str
    type: str
    is_array: bool
    not_null: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, partitioned table, materialised view or foreign table (`kind` r, p, m, f).

    `parent_oid` is the table that it is a partition of.
    """

    oid: int
    schema: str
    name: str
    kind: str
    parent_oid: int | None
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        """The table as messages name it."""
        return '"{}"."{}"'.format(*(part.replace('"', '""') for part in (self.schema, self.name)))

    @property
    def plain_name(self) -> str:
        """The table as a finding and the baseline name it."""
        return plain_name(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class ForeignKeyColumn:
    """A column of a foreign key, and what a look-up by it needs of an index.

    `operator` and `collation` are the OIDs of the server's own comparison with the referenced
    column. `equality` is False for the PERIOD of a temporal key. `castless`: a default btree index
    of the column knows the operator.
    """

    name: str
    operator: int
    collation: int
    equality: bool
    castless: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of a table; of a partitioned table once, not again for each partition."""

    oid: int
    name: str
    table_oid: int
    referenced: str
    columns: tuple[ForeignKeyColumn, ...]


@dataclass(frozen=True)
class Schema:
    """All that one look at a database gave; what extensions own is left out.

    `referenced`: the indexes that a foreign key points at. `deferrable`: those that are unique at
    the end of a transaction only. `searches`: pairs of an operator class and an operator that its
    indexes can look up by, of operators that foreign keys compare with. `implied`: pairs of a
    foreign key and a partial index that has every row which the key can look up.
    """

    default_schema: str | None
    relations: tuple[Relation, ...]
    indexes: tuple[ObservedIndex, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    referenced: frozenset[int] = frozenset()
    deferrable: frozenset[int] = frozenset()
    searches: frozenset[tuple[int, int]] = frozenset()
    implied: frozenset[tuple[int, int]] = frozenset()

    @cached_property
    def relation(self) -> dict[int, Relation]:
        """Relations by OID."""
        return {relation.oid: relation for relation in self.relations}

    @cached_property
    def index(self) -> dict[int, ObservedIndex]:
        """Indexes by OID."""
        return {index.oid: index for index in self.indexes}

    @cached_property
    def indexes_of(self) -> dict[int, tuple[ObservedIndex, ...]]:
        """The indexes of each table, by the table's OID; () where it has none."""
        found: dict[int, list[ObservedIndex]] = {relation.oid: [] for relation in self.relations}
        for index in self.indexes:
            found[index.table_oid].append(index)
        return {oid: tuple(indexes) for oid, indexes in found.items()}

    @cached_property
    def _partitions(self) -> dict[int, list[Relation]]:
        found: dict[int, list[Relation]] = {}
        for relation in self.relations:
            if relation.parent_oid is not None:
                found.setdefault(relation.parent_oid, []).append(relation)
        return found

    def leaves(self, table_oid: int) -> Iterator[Relation]:
        """The tables that hold the rows: the table itself, or its partitions at any depth.

        Foreign tables, which cannot have an index, are left out.
        """
        relation = self.relation[table_oid]
        if relation.kind != "p":
            if relation.kind != "f":
                yield relation
            return
        for partition in self._partitions.get(table_oid, ()):
            yield from self.leaves(partition.oid)

    def ancestors(self, index: ObservedIndex) -> Iterator[ObservedIndex]:
        """The partitioned indexes that the index is attached to, the nearest first."""
        parent = self.index.get(index.parent_oid or 0)
        while parent is not None:
            yield parent
            parent = self.index.get(parent.parent_oid or 0)

    def named(self, schema: str) -> str | None:
        """The schema as an operation has to name it: None for the one that is the default."""
        return None if schema == self.default_schema else schema
