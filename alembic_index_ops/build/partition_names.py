"""The names of a partition's part of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.tables import read_tables_by_name
from alembic_index_ops.definition.spec import shorten

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alembic_index_ops.catalog.indexes import ObservedIndex
    from alembic_index_ops.catalog.partitions import Partition


def leaf_name(index_name: str, partition: Partition) -> str:
    """The name of a partition's part of the index: the index's, then the partition's, cut."""
    return shorten(f"{index_name}_{partition.table.name}")


def part_names(index_name: str, partition: Partition) -> Iterator[str]:
    """The names that the part may get, best first: numbered, where that one is another's."""
    name = leaf_name(index_name, partition)
    yield name
    number = 0
    while True:
        number += 1
        yield shorten(f"{name}_{number}")


def read_free_names(
    connection: Connection,
    index_name: str,
    partitions: Sequence[Partition],
    indexes: Mapping[int, Sequence[ObservedIndex]],
) -> dict[int, str]:
    """For each partition, by its OID, the first of those names that its part can get.

    Nobody has it; or an INVALID index of the partition (`indexes`, by OID) does, out of which a
    build moves it.
    """
    wanted = [(leaf_name(index_name, each), each.table.schema) for each in partitions]
    given = set(wanted)
    names: dict[int, str] = {}
    holders = read_tables_by_name(connection, wanted)
    for (name, schema), holder, partition in zip(wanted, holders, partitions, strict=True):
        if holder is not None and not _goes(holder.oid, indexes.get(partition.table.oid, ())):
            name = next(
                other
                for other in part_names(index_name, partition)
                if (other, schema) not in given
                and read_tables_by_name(connection, [(other, schema)]) == [None]
            )
            given.add((name, schema))
        names[partition.table.oid] = name
    return names


def _goes(oid: int, indexes: Sequence[ObservedIndex]) -> bool:
    """Whether it is an INVALID index that nothing stands on: as a name's, it is built anew."""
    return any(
        index.oid == oid
        and not (index.usable or index.partitioned or index.replica_identity)
        and index.parent_oid is None
        and index.constraint_type is None
        for index in indexes
    )
