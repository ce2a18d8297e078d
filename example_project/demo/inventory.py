"""Which indexes the application declares, and which of them the database has."""

from dataclasses import dataclass

from sqlalchemy import Connection, Index, MetaData, UniqueConstraint, text


@dataclass(frozen=True, order=True)
class IndexName:
    schema: str
    table: str
    index: str


@dataclass(frozen=True)
class StoredIndex:
    """`definition` begins with the access method, `size` is as `pg_size_pretty` writes it."""

    name: IndexName
    definition: str
    size: str
    usable: bool


@dataclass(frozen=True)
class Build:
    """An index being built now. `done` is a share, None in stages that cannot tell."""

    schema: str
    table: str
    index: str
    phase: str
    done: float | None

    @property
    def wanted(self) -> str:
        """The name that the index will bear; until it is verified it goes by another."""
        return self.index.partition("_building_")[0]


STORED = text("""
    SELECT n.nspname, t.relname, c.relname,
           pg_get_indexdef(c.oid), pg_size_pretty(pg_relation_size(c.oid)),
           i.indisvalid AND i.indisready AND i.indislive
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = ANY (:schemas)
""")

VALID = text("""
    SELECT n.nspname, t.relname, c.relname
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = ANY (:schemas) AND i.indisvalid
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


def read_stored(connection: Connection, schemas: list[str]) -> dict[IndexName, StoredIndex]:
    """Every index in the schemas, primary keys too."""
    rows = connection.execute(STORED, {"schemas": schemas})
    names = {IndexName(*row[:3]): row for row in rows}
    return {
        name: StoredIndex(name, definition.partition(" USING ")[2], size, usable)
        for name, (*_, definition, size, usable) in names.items()
    }


def read_valid(connection: Connection, schemas: list[str]) -> set[IndexName]:
    """Only names, and no deparsing: asked many times while a migration runs."""
    return {IndexName(*row) for row in connection.execute(VALID, {"schemas": schemas})}


def read_builds(connection: Connection) -> list[Build]:
    return [Build(*row) for row in connection.execute(BUILDING)]
