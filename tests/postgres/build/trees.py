"""A partitioned table `e`, three levels deep, and the index `ix` of it as creating makes it."""

from __future__ import annotations

from alembic_index_ops import define_index
from alembic_index_ops.build.naming import aside_names
from tests.observe import Seen, built_by, execute
from tests.servers import Database

LEAVES = ("e_a_1", "e_a_2", "e_b", "e_c")
PARTS = ("e_a", *LEAVES)

ATTACHED = """
SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('i', 'I') ORDER BY 1
"""

_OLD = (
    '{"name":"ix","table":"e","key_columns":[{"column":"b","descending":true,"nulls_first":true}],'
    '"schema":"public"}'
)
REPLACED_BY_B = f"alembic_index_ops: replaced by b: {_OLD}"
CREATE = 'op.create_desc_index("ix", "e", ["b DESC"])', 'op.drop_concurrent_index("ix", "e")'
REPLACE = 'op.replace_index("ix", "e", ["b", "a DESC"])', 'op.restore_index("ix", "e")'


def make_table(database: Database) -> None:
    """The table, of 9,000 rows."""
    execute(
        database,
        "CREATE TABLE e (a int, b int NOT NULL) PARTITION BY RANGE (a)",
        "CREATE TABLE e_a PARTITION OF e FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (b)",
        "CREATE TABLE e_a_1 PARTITION OF e_a FOR VALUES FROM (0) TO (3000)",
        "CREATE TABLE e_a_2 PARTITION OF e_a FOR VALUES FROM (3000) TO (9000)",
        "CREATE TABLE e_b PARTITION OF e FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE e_c PARTITION OF e FOR VALUES FROM (20) TO (30)",
        "INSERT INTO e SELECT 10 * (i % 3), i FROM generate_series(0, 8999) i",
    )


def definition(name: str, table: str, keys: str) -> str:
    """As pg_get_indexdef has it."""
    only = "ONLY " if table in ("e", "e_a") else ""
    return f"CREATE INDEX {name} ON {only}public.{table} USING btree ({keys})"


def whole_tree(keys: str, root: str, parts: str = built_by("a")) -> dict[str, Seen]:
    """The index with all its parts: the root has one comment, the parts another."""
    found = {"ix": Seen(definition("ix", "e", keys), "valid", root)}
    for table in PARTS:
        found[f"ix_{table}"] = Seen(definition(f"ix_{table}", table, keys), "valid", parts)
    return found


def aside(index: str, table: str, *columns: str) -> str:
    """The name under which an index is built."""
    return next(aside_names(define_index(index, table, list(columns), schema="public")))


NEW = whole_tree("b, a DESC", f"{built_by('a')}\n{REPLACED_BY_B}")
OLD = whole_tree("b DESC", built_by("a"))
