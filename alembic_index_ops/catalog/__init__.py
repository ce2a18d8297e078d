"""What the database has: reads, and temporary clones that are rolled back."""

from alembic_index_ops.catalog.driver import for_psycopg
from alembic_index_ops.catalog.indexes import ObservedIndex, read_indexes
from alembic_index_ops.catalog.plans import TRIAL_PREFIX, plan_alone
from alembic_index_ops.catalog.proof import Implication, prove_equal, prove_implications
from alembic_index_ops.catalog.reflection import reflect_indexes
from alembic_index_ops.catalog.tables import Table, read_table
from alembic_index_ops.catalog.trials import Query
from alembic_index_ops.catalog.twin import normalise, normalise_all

__all__ = [
    "TRIAL_PREFIX",
    "Implication",
    "ObservedIndex",
    "Query",
    "Table",
    "for_psycopg",
    "normalise",
    "normalise_all",
    "plan_alone",
    "prove_equal",
    "prove_implications",
    "read_indexes",
    "read_table",
    "reflect_indexes",
]
