"""What a test finds in a database after a migration."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from tests.servers import Database

_INDEXES = """
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
  pg_get_indexdef(i.indexrelid),
  CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN 'valid' ELSE 'INVALID' END,
  obj_description(i.indexrelid, 'pg_class')
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND i.indrelid <> coalesce(CAST(to_regclass('alembic_version') AS oid), 0)
"""

T = TypeVar("T")


class Seen(NamedTuple):
    """An index as the catalog has it."""

    definition: str
    state: str
    comment: str | None


def indexes(database: Database) -> dict[str, Seen]:
    """Every index by name, with its schema where that is not `public`; Alembic's own left out."""
    return {str(name): Seen(*rest) for name, *rest in rows(database, _INDEXES)}


def revisions(database: Database) -> set[str]:
    """The revisions that the database is stamped with; none where Alembic never committed."""
    if rows(database, "SELECT to_regclass('alembic_version')") == [(None,)]:
        return set()
    return {str(row[0]) for row in rows(database, "SELECT version_num FROM alembic_version")}


def rows(database: Database, query: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of one query, on a connection of its own."""
    with database.connect() as connection:
        return connection.execute(query, values or None).fetchall()


def execute(database: Database, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement)


def eventually(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What `condition` returns when that is first true."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, f"not so after {seconds:g} s"
        time.sleep(0.01)
    return found


def built_by(revision: str) -> str:
    """The comment of an index that a revision built."""
    return f"alembic_index_ops: built by {revision}"


def adopted_by(revision: str) -> str:
    """The comment of an index that a revision adopted."""
    return f"alembic_index_ops: adopted by {revision}"
