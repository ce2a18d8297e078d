"""What migrations that are cut off are about: a table `events`, what is there, and revisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.observe import execute
from tests.servers import Database
from tests.sessions import fail_building


@dataclass(frozen=True)
class Scene:
    """`prepare` makes tables, `events` with so many rows; `revisions` are (id, upgrade, downgrade).

    `spoil` adds, to a downgraded database, what an upgrade may find broken. `indexed`: columns, and
    conditions on them that an index serves at every moment. `arbiter`: what upserts of `events`
    name as ON CONFLICT; none are made without. `gives_back`: a downgrade leaves what was there.
    """

    name: str
    prepare: Callable[[Database, int], None]
    revisions: tuple[tuple[str, str, str], ...]
    spoil: Callable[[Database], None] | None = None
    indexed: tuple[tuple[str, str], ...] = ()
    arbiter: str = ""
    gives_back: bool = True

    @property
    def head(self) -> str:
        return self.revisions[-1][0]


EVENTS = "id int PRIMARY KEY, org int, name text, created timestamptz"
FILLED = (
    "INSERT INTO events SELECT i, i % 100, md5(i::text),"
    " '2020-01-01Z'::timestamptz + make_interval(secs => i) FROM generate_series(1, {}) i"
)
INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"


def _prepare_to_replace(database: Database, rows: int) -> None:
    execute(
        database,
        f"CREATE TABLE events ({EVENTS})",
        FILLED.format(rows),
        "CREATE INDEX ix_list ON events (created)",
        "COMMENT ON INDEX ix_list IS 'for the list'",
        "CREATE UNIQUE INDEX uq_lower ON events (lower(name)) WITH (fillfactor = 80)",
        "ALTER INDEX uq_lower ALTER COLUMN 1 SET STATISTICS 77",
        "CREATE TABLE marked (a int NOT NULL, b int)",
        "INSERT INTO marked SELECT i, -i FROM generate_series(1, 2000) i",
        "CREATE UNIQUE INDEX ix_marked ON marked (a)",
        "ALTER TABLE marked REPLICA IDENTITY USING INDEX ix_marked",
        "ALTER TABLE marked CLUSTER ON ix_marked",
    )


def _leave_aside(database: Database) -> None:
    """What a build for another definition of the index left."""
    statement = 'CREATE UNIQUE INDEX CONCURRENTLY "ix_list_building_01234567" ON events (org)'
    fail_building(database, statement)


REPLACES = Scene(
    "replaces",
    _prepare_to_replace,
    (
        (
            "one",
            """
op.replace_index("ix_list", "events", ["created DESC", "org"], where="id > 0")
op.replace_index(
    "uq_lower", "events", [sa.func.lower(sa.column("name"))], unique=True, include=["org"]
)
""",
            """
op.restore_index("uq_lower", "events")
op.restore_index("ix_list", "events")
""",
        ),
        (
            "two",
            """
op.replace_index("ix_list", "events", ["created", "id"])
op.replace_index("ix_marked", "marked", ["a"], unique=True, include=["b"])
""",
            """
op.restore_index("ix_marked", "marked")
op.restore_index("ix_list", "events")
""",
        ),
    ),
    spoil=_leave_aside,
    indexed=(
        ("created", "id > 0 AND created = '2020-01-01 00:00:17Z'"),
        ("lower(name)", "lower(name) = md5('17')"),
    ),
    arbiter="lower(name)",
)


def _prepare_to_change(database: Database, rows: int) -> None:
    execute(
        database,
        f"CREATE TABLE events ({EVENTS})",
        FILLED.format(rows),
        "CREATE INDEX ix_old ON events (name)",
        "COMMENT ON INDEX ix_old IS 'by name'",
        "CREATE INDEX ix_created ON events (created)",
        "CREATE INDEX ix_broken ON events (org)",
        "CREATE TABLE other (a int, b int)",
        "INSERT INTO other SELECT i, i FROM generate_series(1, 2000) i",
        "CREATE INDEX ix_other ON other (a)",
        "CREATE INDEX ix_other_b ON other (b)",
        INVALID.format("ix_broken"),
    )


def _break(database: Database) -> None:
    """An index that became INVALID, and what a REINDEX CONCURRENTLY left that was cut off."""
    execute(
        database,
        INVALID.format("ix_broken"),
        "CREATE INDEX ix_created_ccnew ON events (created)",
        INVALID.format("ix_created_ccnew"),
    )


SPECS = """
from alembic_index_ops import define_index
SPECS = [
    define_index("ix_many", "events", ["org", "created DESC"]),
    define_index("ix_many_lower", "events", [sa.func.lower(sa.column("name"))]),
    define_index("ix_other_two", "other", ["b DESC", "a"], unique=True),
    define_index("ix_other_b", "other", ["b"]),
]
"""
INSIDE = """
from alembic_index_ops import define_index
INSIDE = [define_index(f"ix_inside_{column}", "other", [column]) for column in ("a", "b")]
"""
CHANGES = Scene(
    "changes",
    _prepare_to_change,
    (
        (
            "one",
            """
op.rename_index("ix_old", "ix_new", "events")
op.reindex_concurrently("ix_created")
op.reindex_concurrently(table_name="events")
""",
            """
op.reindex_concurrently("ix_new")
op.reindex_concurrently(schema="public")
op.rename_index("ix_new", "ix_old", "events")
""",
        ),
        (
            "two",
            """
op.create_unique_constraint_concurrently("uq_id", "events", ["id"], include=["org"])
op.create_unique_constraint_concurrently(
    "uq_b", "other", ["b"], deferrable=True, initially="DEFERRED", comment="once"
)
""",
            """
op.drop_unique_constraint_concurrently("uq_b", "other")
op.drop_unique_constraint_concurrently("uq_id", "events")
""",
        ),
        (
            "three",
            f"{SPECS}op.create_indexes(SPECS, workers=2)",
            f"{SPECS}op.drop_indexes(SPECS, workers=2)",
        ),
        (
            "four",
            f"""{INSIDE}
op.replace_index("ix_other", "other", ["a DESC"], comment="new", concurrently=False)
op.create_indexes(INSIDE, concurrently=False)
""",
            f"""{INSIDE}
op.drop_indexes(INSIDE, concurrently=False)
op.restore_index("ix_other", "other", concurrently=False)
""",
        ),
    ),
    spoil=_break,
    indexed=(
        ("name", "name = md5('17')"),
        ("created", "created = '2020-01-01 00:00:17Z'"),
    ),
    arbiter="id",
    gives_back=False,
)


def _prepare_tree(database: Database, rows: int) -> None:
    """The table, with partitions at three levels."""
    first, second, third = rows // 4, rows // 2, 3 * rows // 4
    execute(
        database,
        f"CREATE TABLE events ({EVENTS}) PARTITION BY RANGE (id)",
        f"CREATE TABLE e_a PARTITION OF events FOR VALUES FROM (0) TO ({second})"
        " PARTITION BY RANGE (id)",
        f"CREATE TABLE e_a_1 PARTITION OF e_a FOR VALUES FROM (0) TO ({first})",
        f"CREATE TABLE e_a_2 PARTITION OF e_a FOR VALUES FROM ({first}) TO ({second})",
        f"CREATE TABLE e_b PARTITION OF events FOR VALUES FROM ({second}) TO ({third})",
        f"CREATE TABLE e_c PARTITION OF events FOR VALUES FROM ({third}) TO (MAXVALUE)"
        " PARTITION BY RANGE (id)",
        f"CREATE TABLE e_c_1 PARTITION OF e_c FOR VALUES FROM ({third}) TO ({rows})"
        " PARTITION BY RANGE (id)",
        f"CREATE TABLE e_c_1_1 PARTITION OF e_c_1 FOR VALUES FROM ({third}) TO ({rows})",
        f"CREATE TABLE e_c_2 PARTITION OF e_c FOR VALUES FROM ({rows}) TO (MAXVALUE)",
        FILLED.format(rows),
    )


def _prepare_partitions(database: Database, rows: int) -> None:
    """Leaves indexed rightly, wrongly, not at all; one INVALID."""
    _prepare_tree(database, rows)
    execute(
        database,
        "CREATE INDEX mine ON e_a_1 (created DESC)",
        "COMMENT ON INDEX mine IS 'made by hand'",
        "CREATE INDEX wrong ON e_b (created)",
        "CREATE INDEX ix_tree_e_c_2 ON e_c_2 (created DESC)",
        "CREATE INDEX ix_half ON ONLY events (org)",
        "CREATE INDEX half_b ON e_b (org)",
        INVALID.format("half_b"),
        "ALTER INDEX ix_half ATTACH PARTITION half_b",
    )
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix_tree_e_a_2 ON e_a_2 (org)")


def _break_partitions(database: Database) -> None:
    """A corpse under the name of a part; the index made by hand is INVALID, a leaf's too."""
    fail_building(database, "CREATE UNIQUE INDEX CONCURRENTLY ix_tree_e_a_2 ON e_a_2 (org)")
    execute(database, INVALID.format("half_b"), INVALID.format("ix_half"))


PARTITIONS = Scene(
    "partitions",
    _prepare_partitions,
    (
        (
            "one",
            """
op.create_desc_index("ix_tree", "events", ["created DESC"], comment="for the list", workers=2)
op.create_concurrent_index("ix_half", "events", ["org"])
""",
            """
op.drop_concurrent_index("ix_half", "events")
op.drop_concurrent_index("ix_tree", "events")
""",
        ),
        (
            "two",
            """
op.create_covering_index(
    "ix_lower_tree", "events", ["id DESC", sa.func.lower(sa.column("name"))], include=["org"],
    where="org >= 0",
)
"""
            'op.create_concurrent_index("uq_id_name", "events", ["id", "name"], unique=True)',
            """
op.drop_concurrent_index("uq_id_name", "events")
op.drop_concurrent_index("ix_lower_tree", "events")
""",
        ),
    ),
    spoil=_break_partitions,
    indexed=(("id", "id = 17"),),
    arbiter="id",
    gives_back=False,
)


def _prepare_to_replace_a_tree(database: Database, rows: int) -> None:
    """A tree made by hand, and leaves that have indexes of their own: as the first definition
    wants it, or the second, or not so."""
    _prepare_tree(database, rows)
    execute(
        database,
        "CREATE INDEX ix_list ON events (created)",
        "COMMENT ON INDEX ix_list IS 'for the list'",
        "COMMENT ON INDEX e_a_1_created_idx IS 'of the first'",
        # Where the new tree takes in another index, the old part's name goes; this one comes again.
        "ALTER INDEX e_b_created_idx RENAME TO ix_list_e_b",
        "CREATE INDEX right_one ON e_b (created DESC, org)",
        "COMMENT ON INDEX right_one IS 'made by hand'",
        "CREATE INDEX wrong ON e_a_1 (created, org)",
        "CREATE INDEX mine ON e_c_1 (org DESC)",
        "COMMENT ON INDEX mine IS 'of the third level'",
    )


def _leave_tree_aside(database: Database) -> None:
    """What a replacement by another definition left: a tree of which one leaf has its part."""
    execute(
        database,
        "CREATE INDEX ix_list_building_01234567 ON ONLY events (org)",
        "CREATE INDEX left_b ON e_b (org)",
        "ALTER INDEX ix_list_building_01234567 ATTACH PARTITION left_b",
    )


TREES = Scene(
    "trees",
    _prepare_to_replace_a_tree,
    (
        (
            "one",
            'op.create_desc_index("ix_org", "events", ["org DESC"])',
            'op.drop_concurrent_index("ix_org", "events")',
        ),
        (
            "two",
            """
op.replace_index("ix_list", "events", ["created DESC", "org"], workers=2)
op.replace_index("ix_org", "events", ["org", "id"])
""",
            """
op.restore_index("ix_org", "events")
op.restore_index("ix_list", "events", workers=2)
""",
        ),
        (
            "three",
            'op.replace_index("ix_list", "events", ["created", "id"], where="id > 0")',
            'op.replace_index("ix_list", "events", ["created DESC", "org"])',
        ),
    ),
    spoil=_leave_tree_aside,
    indexed=(("created", "id > 0 AND created = '2020-01-01 00:00:17Z'"),),
    arbiter="id",
)
SCENES = (REPLACES, CHANGES, PARTITIONS, TREES)
