"""A table, the index that the revisions of these tests make on it, and a line of env.py."""

from __future__ import annotations

from tests.observe import execute
from tests.servers import Database

CREATE = 'op.create_concurrent_index("ix", "jobs", ["org"], where="org % 2 = 1")'
DROP = 'op.drop_concurrent_index("ix", "jobs")'
CONFIGURE = "connection=connection, target_metadata=target_metadata"


def create_jobs(database: Database, schema: str = "public") -> None:
    """jobs(org, created), above 64 kB."""
    execute(
        database,
        f'CREATE TABLE "{schema}".jobs (org int, created int)',
        f'INSERT INTO "{schema}".jobs SELECT i, i FROM generate_series(1, 4000) i',
    )
