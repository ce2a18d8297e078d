"""What the database has: reads, and temporary clones that are rolled back."""

from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.tables import Table, read_table
from alembic_index_ops.catalog.twin import normalise

__all__ = ["ObservedIndex", "Table", "normalise", "read_indexes", "read_table"]
