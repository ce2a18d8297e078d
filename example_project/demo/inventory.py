"""Which indexes the application declares, and which of them the database has."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import Connection, Index, MetaData, UniqueConstraint, text

from alembic_index_ops import ObservedIndex, read_indexes


@dataclass(frozen=True, order=True)
class IndexName:
    schema: str
    table: str
    index: str


@dataclass(frozen=True)
class Build:
    """An index being built now. `done` is a share, None in stages that cannot tell."""

    schema: str
    table: str
    index: str
    phase: str
    done: float | None


VALID = text("""
    SELECT n.nspname, t.relname, c.relname
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE i.indisvalid
""")

BUILDING = text("""
    SELECT n.nspname, t.relname, c.relname, p.phase,
           CASE WHEN p.blocks_total > 0 THEN p.blocks_done::float8 / p.blocks_total END
    FROM pg_stat_progress_create_index AS p
    JOIN pg_class AS c ON c.oid = p.index_relid
    JOIN pg_class AS t ON t.oid = p.relid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
""")


def declared_indexes(metadata: MetaData) -> list[IndexName]:
    """Every index and every named unique constraint of the models, in order."""
    return sorted(
        IndexName(str(table.schema), table.name, item.name)
        for table in metadata.tables.values()
        for item in (*table.indexes, *table.constraints)
        if isinstance(item, Index | UniqueConstraint) and isinstance(item.name, str)
    )


def read_stored(connection: Connection) -> dict[IndexName, ObservedIndex]:
    """Every index of the database, with its definition, size and state."""
    return {
        IndexName(index.schema, index.table, index.name): index
        for index in read_indexes(connection)
    }


def read_valid(connection: Connection) -> set[IndexName]:
    """Only names, and nothing that a lock could hold up: asked often while a migration runs."""
    return {IndexName(*row) for row in connection.execute(VALID)}


def read_builds(connection: Connection) -> list[Build]:
    return [Build(*row) for row in connection.execute(BUILDING)]


def final_name(build: Build, wanted: Iterable[IndexName]) -> str:
    """The name that the index will bear; until it is verified it goes by one that begins alike."""
    aside, building, _ = build.index.partition("_building_")
    names = [name.index for name in wanted if name.table == build.table]
    if not building or not names:
        return build.index
    return max(names, key=lambda name: (_same_beginning(name, aside), -len(name)))


def _same_beginning(one: str, other: str) -> int:
    """How many characters two names share from the left."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
