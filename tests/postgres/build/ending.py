"""What has to be the same after a cut run and its repetition as after a run that nobody cut."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from tests.observe import Seen, eventually, indexes, revisions, rows
from tests.servers import Database

_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND c.relname <> 'alembic_version'
ORDER BY 1
"""
_SETTINGS = """
SELECT coalesce(r.rolname, ''), s.setconfig FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1, 2
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid),
  conindid::regclass::text, obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE conrelid::regclass::text = ANY (%s) ORDER BY 1, 2
"""
_PARTS = """
SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('i', 'I') ORDER BY 1
"""
_MARKS = """
SELECT i.indexrelid::regclass::text, i.indisreplident, i.indisclustered, array(
  SELECT (a.attnum, a.attstattarget)::text FROM pg_attribute a
  WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY 1)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND (i.indisreplident OR i.indisclustered OR EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
ORDER BY 1
"""
_LOCKS = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database()
"""

_TREES = """
SELECT bt_index_check(i.indexrelid, true) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid
"""


class Ending(NamedTuple):
    """A database after a migration.

    `contents`: the rows of each table, and the sum of their hashes. `settings`: what the database
    and its roles have of their own. `parts`: indexes with those they are attached to. `marks`: what
    else an index can be or have: replica identity, CLUSTER mark, targets of statistics.
    """

    indexes: dict[str, Seen]
    revisions: set[str]
    contents: dict[str, tuple[int, int]]
    settings: list[tuple[str, list[str]]]
    constraints: list[tuple[str, ...]]
    parts: list[tuple[str, str]]
    marks: list[tuple[str, bool, bool, list[str]]]

    @property
    def leftovers(self) -> set[str]:
        """Indexes that no migration is to leave, cut or not: INVALID ones, and those aside."""
        return {
            name
            for name, seen in self.indexes.items()
            if seen.state == "INVALID" or "_building_" in name or "_replaced_" in name
        }


def read_ending(database: Database) -> Ending:
    """The database now; nobody has an advisory lock in it any more."""
    eventually(lambda: rows(database, _LOCKS) == [(0,)])
    contents = {
        table: rows(database, f"SELECT count(*), sum(hashtext(t::text)) FROM {table} t")[0]
        for (table,) in rows(database, _TABLES)
    }
    settings = [(role, values) for role, values in rows(database, _SETTINGS)]
    return Ending(
        indexes(database),
        revisions(database),
        contents,
        settings,
        [tuple(row) for row in rows(database, _CONSTRAINTS, list(contents))],
        [(part, parent) for part, parent in rows(database, _PARTS)],
        [(*marks, targets) for *marks, targets in rows(database, _MARKS)],
    )


def check_trees(database: Database) -> str:
    """What is wrong with the valid B-trees, of which each has to hold every row; "" for nothing.

    Asks the extension amcheck, where the server has it.
    https://www.postgresql.org/docs/current/amcheck.html
    """
    with database.connect() as connection:
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck WITH SCHEMA pg_catalog")
        except psycopg.errors.FeatureNotSupported:
            return ""
        try:
            connection.execute(_TREES)
        except psycopg.errors.IndexCorrupted as error:
            return str(error)
    return ""


def explain_difference(found: Ending, expected: Ending) -> str:
    """What differs, in words; empty where nothing does."""
    return "; ".join(
        f"the {name} are {_only(one, other)}, after an uncut run they are {_only(other, one)}"
        for name, one, other in zip(Ending._fields, found, expected, strict=True)
        if one != other
    )


def _only(these: object, those: object) -> object:
    """Of collections, what the other has not."""
    if isinstance(these, dict) and isinstance(those, dict):
        return dict(item for item in these.items() if item not in those.items())
    if isinstance(these, list) and isinstance(those, list):
        return [each for each in these if each not in those]
    return these
