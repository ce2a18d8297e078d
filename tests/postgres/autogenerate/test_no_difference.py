"""What is no difference: other words for the same index, and indexes that are not the model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, create_engine, text
from sqlalchemy.pool import NullPool

from alembic_index_ops import index, key, reflect_indexes
from tests.observe import execute, indexes
from tests.postgres.autogenerate.generating import Generating
from tests.servers import Database

Declare = Callable[[Table], Any]

TABLE = "CREATE TABLE t (a int, b int, s text, state varchar(20), at timestamptz)"
# Columns that only the database has are none of these tests' business.
INDEXES_ONLY = "include_object=lambda item, name, kind, reflected, other: kind != 'column'"


def model(declare: Declare | None = None) -> MetaData:
    """A model of the table, with the index that `declare` makes."""
    metadata = MetaData()
    table = Table("t", metadata, Column("a", Integer), Column("b", Integer), Column("s", Text))
    if declare is not None:
        declared = declare(table)
        if declared.table is None:
            table.append_constraint(declared)
    return metadata


@pytest.fixture
def quiet(database: Database, generating: Generating) -> Callable[[str, Declare], bool]:
    """`quiet(definition, declare)`: whether the declared index is the one that was created."""
    generating.configure(INDEXES_ONLY)

    def quiet(definition: str, declare: Declare) -> bool:
        execute(database, TABLE, f"CREATE INDEX ix ON t {definition}")
        return generating.is_quiet(model(declare))

    return quiet


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        ("state = 'new'", "state = 'new'"),
        ("state IN ('new', 'old')", "state = ANY (ARRAY['new', 'old'])"),
        ("state IN ('new', 'old')", "state IN ('old', 'new')"),
        ("a > 1 AND b > 2", "b > 2 AND a > 1"),
        ("a > 1 OR b > 2", "b > 2 OR a > 1"),
        ("NOT (a > 1)", "a <= 1"),
        ("a <> 1", "a != 1"),
        ("s IS NOT NULL", "(s) is not null"),
        ("s LIKE 'x%'", "s ~~ 'x%'"),
        ("at > '2024-01-01 00:00+00'", "at > timestamptz '2024-01-01T00:00Z'"),
        ("s = 'per%cent :colon'", "s = 'per%cent :colon'"),
    ],
)
def test_two_wordings_of_a_predicate(
    quiet: Callable[[str, Declare], bool], stored: str, declared: str
) -> None:
    assert quiet(f"(a) WHERE {stored}", lambda t: index("ix", "a", where=declared))


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        ("a > 1", "a > 2"),
        ("a > 1", "a >= 1"),
        ("a > 1 AND b > 2", "a > 1"),
        ("state IN ('new', 'old')", "state = 'new'"),
        ("s IS NOT NULL", "s <> ''"),
    ],
)
def test_two_predicates(quiet: Callable[[str, Declare], bool], stored: str, declared: str) -> None:
    assert not quiet(f"(a) WHERE {stored}", lambda t: index("ix", "a", where=declared))


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        ("lower(s)", "LOWER( s )"),
        ("(a + b)", "a+b"),
        ("(a::text)", "CAST(a AS text)"),
        ("(coalesce(s, 'a:b%c'))", r"coalesce(s,'a\:b%c')"),
    ],
)
def test_two_wordings_of_an_expression(
    quiet: Callable[[str, Declare], bool], stored: str, declared: str
) -> None:
    assert quiet(f"({stored})", lambda t: index("ix", text(declared)))


@pytest.mark.parametrize(
    ("stored", "declare"),
    [
        ("(s)", lambda t: index("ix", key("s", operator_class="text_ops"))),
        ("(s)", lambda t: index("ix", key("s", collation="default"))),
        ("(state)", lambda t: index("ix", text("state text_ops"))),
        ("(a DESC)", lambda t: index("ix", "a DESC NULLS FIRST")),
        ("(a) INCLUDE (b, s)", lambda t: index("ix", "a", include=["s", "b"])),
        (
            "(a) WITH (deduplicate_items = off)",
            lambda t: index("ix", "a", storage_parameters={"deduplicate_items": False}),
        ),
        ("(a)", lambda t: index("ix", "a", tablespace="pg_default")),
        ("(a)", lambda t: Index("ix", t.c.a, postgresql_concurrently=True)),
    ],
)
def test_a_default_that_is_said(
    quiet: Callable[[str, Declare], bool], stored: str, declare: Declare
) -> None:
    assert quiet(stored, declare)


@pytest.mark.parametrize("name", ["text", "date", "oid", "json"])
def test_a_table_named_like_a_type(database: Database, generating: Generating, name: str) -> None:
    """Its empty clone must not hide the type from what is tried on it."""
    generating.configure(INDEXES_ONLY)
    predicate = "s::date > date '2024-01-01' AND m = 'calm'::mood"
    execute(
        database,
        "CREATE SCHEMA app",
        "CREATE TYPE mood AS ENUM ('calm', 'wild')",
        f'CREATE TABLE app."{name}" (s timestamp, m mood)',
        f'CREATE INDEX ix ON app."{name}" ((s::date)) WHERE {predicate}',
        f'ALTER DATABASE "{database.name}" SET search_path = app, public',
    )
    metadata = MetaData()
    declared = Table(name, metadata, Column("s", DateTime))
    declared.append_constraint(
        index("ix", text("(CAST(s AS date))"), where=predicate.replace(" AND", "  AND"))  # type: ignore[arg-type]
    )

    assert generating.is_quiet(metadata)


OTHERS = {
    "a constraint's": "ALTER TABLE t ADD CONSTRAINT ex EXCLUDE USING btree (a WITH =)",
    "a build that is not finished": "CREATE INDEX ix_building_0123abcd ON t (a)",
    "an index that was replaced": "CREATE INDEX ix_replaced_0123abcd ON t (a)",
}


@pytest.mark.parametrize("statement", OTHERS.values(), ids=OTHERS.keys())
def test_an_index_that_is_not_the_models(
    database: Database, generating: Generating, statement: str
) -> None:
    generating.configure(INDEXES_ONLY)
    execute(database, TABLE, statement)

    assert generating.is_quiet(model())


def test_one_that_only_looks_like_it(database: Database, generating: Generating) -> None:
    generating.configure(INDEXES_ONLY)
    execute(database, TABLE, "CREATE INDEX ix_building ON t (a)")

    assert generating.body(model()) == 'op.drop_concurrent_index("ix_building", "t")'


def test_what_a_reindex_left(database: Database, generating: Generating) -> None:
    generating.configure(INDEXES_ONLY)
    metadata = model(lambda t: Index("ix", t.c.a))
    execute(database, TABLE, "CREATE INDEX ix ON t (a)", "CREATE INDEX ix_ccnew ON t (a)")
    assert not generating.is_quiet(metadata)

    invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_ccnew'::regclass"
    execute(database, invalid)

    assert generating.is_quiet(metadata)


def test_a_partitions_part_of_its_parents_index(database: Database, generating: Generating) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int, s text) PARTITION BY RANGE (a)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1)",
        "CREATE INDEX ix ON t (a DESC)",
    )
    metadata = model(lambda t: Index("ix", t.c.a.desc()))
    Table("t1", metadata, Column("a", Integer), Column("b", Integer), Column("s", Text))

    assert generating.is_quiet(metadata)


def test_a_partitioned_table_whose_index_differs(
    database: Database, generating: Generating
) -> None:
    execute(
        database,
        "CREATE TABLE t (a int, b int, s text) PARTITION BY RANGE (a)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1)",
        "CREATE INDEX ix ON t (a)",
    )
    metadata = model(lambda t: Index("ix", t.c.a.desc()))
    Table("t1", metadata, Column("a", Integer), Column("b", Integer), Column("s", Text))

    assert generating.body(metadata) == 'op.replace_index("ix", "t", ["a DESC"])'
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)
    part = "CREATE INDEX t1_a_idx ON public.t1 USING btree (a DESC)"
    assert indexes(database)["t1_a_idx"].definition == part
    generating.downgrade(metadata)
    assert indexes(database)["t1_a_idx"].definition == part.replace(" DESC", "")


def test_an_extensions_index(database: Database, generating: Generating) -> None:
    generating.configure(INDEXES_ONLY)
    execute(
        database,
        TABLE,
        "CREATE INDEX theirs ON t (a)",
        "CREATE EXTENSION IF NOT EXISTS plpgsql",
        "ALTER EXTENSION plpgsql ADD TABLE t",
    )
    try:
        assert generating.is_quiet(model())
    finally:
        execute(database, "ALTER EXTENSION plpgsql DROP TABLE t")


HARD = [
    "(b text_pattern_ops)",
    '(b COLLATE "C" DESC)',
    "(d varchar_pattern_ops DESC NULLS LAST)",
    "(lower(b) text_pattern_ops)",
    "(lower(b) DESC, a)",
    "(a) WHERE m = 'x'",
    "(a) WHERE d IN ('x', 'y') AND NOT (c IS NULL)",
    "USING gin (arr)",
    "USING gin (j jsonb_path_ops)",
    "USING gist (v)",
    "USING gist (v tsvector_ops (siglen = 100))",
    "USING brin (c) WITH (pages_per_range = 16, autosummarize = on)",
    "USING hash (a)",
    "USING gin (v) WITH (fastupdate = off)",
    '("Mixed Case", a) INCLUDE (b)',
    "((j ->> 'x'))",
    "((j -> 'x' ->> 'y') DESC)",
    "((a + 1) NULLS FIRST)",
    "USING brin (a int4_minmax_multi_ops (values_per_range = 16))",
    "USING spgist (r)",
    "(coalesce(b, 'x:y%z'))",
    '(md5(b) COLLATE "C")',
    "(dd)",
    "(ci)",
    '(ci COLLATE "POSIX")',
    "(c) WITH (fillfactor = 90, deduplicate_items = off)",
    "((a::text || b))",
    "(date_trunc('day', c AT TIME ZONE 'UTC'))",
    "(a, (a % 10)) WHERE a > 0 OR b LIKE 'x%'",
    '("quo""ted", "select") WHERE "select" > 0',
]


@pytest.fixture
def hard_schema(database: Database) -> None:
    """Indexes of every kind, in two schemas with a table of the same name."""
    statements = [
        "CREATE TYPE mood AS ENUM ('x', 'y')",
        "CREATE DOMAIN words AS text",
        "CREATE SCHEMA other",
    ]
    for table in ("t", "other.t"):
        statements.append(
            f'CREATE TABLE {table} (a int, b text, c timestamptz, "Mixed Case" text, d varchar(20),'
            ' m mood, arr int[], j jsonb, v tsvector, dd words, ci text COLLATE "C", r int4range,'
            ' "quo""ted" int, "select" int)'
        )
        statements += [f"CREATE INDEX ON {table} {definition}" for definition in HARD]
        statements += [
            f"CREATE UNIQUE INDEX ON {table} (a, b)",
            f"ALTER TABLE {table} ADD EXCLUDE USING gist (r WITH &&)",
            f"ALTER TABLE {table} ADD UNIQUE (a, c)",
        ]
    execute(database, *statements)


@pytest.mark.usefixtures("hard_schema")
def test_a_schema_is_what_it_is(database: Database, generating: Generating) -> None:
    generating.configure("include_schemas=True")
    metadata = MetaData()
    engine = create_engine(database.url, poolclass=NullPool)
    with engine.connect() as connection:
        for schema in (None, "other"):
            metadata.reflect(connection, schema=schema)
        reflect_indexes(connection, metadata)

    assert len(metadata.tables["other.t"].indexes) == len(HARD) + 1
    assert generating.is_quiet(metadata)
