"""`read_indexes`: every field, on every kind of table."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from alembic_index_ops.catalog import ObservedIndex, read_indexes
from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName, key
from alembic_index_ops.errors import TableNotFoundError, UnsupportedError
from tests.servers import Database


def read(database: Database, statements: str = "", **asked: str) -> tuple[ObservedIndex, ...]:
    """Run the statements, then read: the indexes of table t unless something else is asked."""
    with database.connect() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement)
    with database.engine.connect() as connection:
        return read_indexes(connection, **(asked or {"table": "t"}))


def spec(*keys: KeyColumn, **options: object) -> IndexSpec:
    defaults = {"name": "ix", "table": "t", "schema": "public", "key_columns": keys}
    return IndexSpec(**defaults | options)


def only(indexes: tuple[ObservedIndex, ...]) -> ObservedIndex:
    (index,) = indexes
    return index


# What the state is


def test_a_plain_valid_index(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    assert (index.name, index.schema, index.table) == ("ix", "public", "t")
    assert index.spec == spec(key("a"))
    assert (index.valid, index.ready, index.live) == (True, True, True)
    assert (index.replica_identity, index.clustered, index.partitioned) == (False, False, False)
    assert (index.constraint_type, index.constraint_name) == (None, None)
    assert (index.parent_oid, index.comment, index.tablespace) == (None, None, None)
    assert (index.usable, index.state) == (True, "valid")


def test_oids(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    with database.connect() as connection:
        oids = connection.execute("SELECT 'ix'::regclass::oid, 't'::regclass::oid").fetchone()
    assert (index.oid, index.table_oid) == oids


def test_a_unique_build_that_failed_is_neither_valid_nor_ready(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix ON t (a)")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, False, True)
    assert index.state == "INVALID, not ready: neither maintained nor enforcing"
    assert index.usable is False
    assert index.spec == spec(key("a"), unique=True)


def test_a_build_cut_off_by_an_old_snapshot_is_ready_and_not_valid(database):
    with database.connect() as connection, database.connect() as reader:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE TABLE other (a int)")
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM other")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("CREATE INDEX CONCURRENTLY ix ON t (a)")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, True, True)
    assert index.state == "INVALID, ready: writes maintain it, no query uses it"


def test_an_index_whose_drop_was_cut_off(database):
    with database.connect() as connection, database.connect() as reader:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("DROP INDEX CONCURRENTLY ix")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, True, True)
    assert index.usable is False


def test_an_index_in_the_last_stage_of_its_drop_is_not_live(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        # No SQL stops a drop between its two last waits, so the catalog says it for once.
        connection.execute(
            "UPDATE pg_index SET indislive = false, indisvalid = false, indisready = false"
            " WHERE indexrelid = 'ix'::regclass"
        )
    index = only(read(database))
    assert index.live is False
    assert index.state == "INVALID, being dropped"


@pytest.mark.parametrize(
    ("constraint", "letter"),
    [("PRIMARY KEY (a)", "p"), ("UNIQUE (a)", "u"), ("EXCLUDE (a WITH =)", "x")],
)
def test_the_constraint_behind_it(database, constraint, letter):
    index = only(read(database, f"CREATE TABLE t (a int, CONSTRAINT con {constraint})"))
    assert (index.constraint_type, index.constraint_name) == (letter, "con")


def test_foreign_keys_that_point_at_an_index_do_not_multiply_it(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE UNIQUE INDEX ix ON t (a);"
            "CREATE TABLE r1 (a int REFERENCES t (a)); CREATE TABLE r2 (a int REFERENCES t (a))",
        )
    )
    assert index.constraint_type is None


def test_replica_identity(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX ix ON t (a);"
            "ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
        )
    )
    assert index.replica_identity is True


def test_clustered(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE INDEX ix ON t (a); ALTER TABLE t CLUSTER ON ix",
        )
    )
    assert index.clustered is True


PARTITIONED = (
    "CREATE TABLE t (a int, b int) PARTITION BY LIST (a);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
)


def test_a_partitioned_index_and_its_leaf(database):
    parent, leaf = read(database, PARTITIONED + "CREATE INDEX ix ON t (b)", schema="public")
    assert (parent.table, parent.partitioned, parent.parent_oid) == ("t", True, None)
    assert (leaf.table, leaf.partitioned, leaf.parent_oid) == ("t1", False, parent.oid)


def test_a_partitioned_index_without_its_leaves_is_invalid(database):
    index = only(read(database, PARTITIONED + "CREATE INDEX ix ON ONLY t (b)"))
    assert (index.valid, index.ready, index.partitioned) == (False, True, True)


def test_size_is_in_bytes(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 5000);"
            "CREATE INDEX ix ON t (a)",
        )
    )
    with database.connect() as connection:
        assert connection.execute("SELECT pg_relation_size('ix')").fetchone() == (index.size,)
    assert index.size > 8192


def test_comment(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE INDEX ix ON t (a);"
            "COMMENT ON INDEX ix IS E'first: it''s 5%\\nsecond'",
        )
    )
    assert index.comment == "first: it's 5%\nsecond"


def test_the_comment_of_something_else_with_the_same_number_is_not_taken(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        connection.execute(
            "INSERT INTO pg_description VALUES ('ix'::regclass, 'pg_proc'::regclass, 0, 'no'),"
            " ('ix'::regclass, 'pg_class'::regclass, 1, 'no')"
        )
    assert only(read(database)).comment is None


def test_tablespace(server, database):
    with server.connect() as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute("CREATE TABLESPACE \"fast disk\" LOCATION ''")
    try:
        index = only(
            read(
                database, 'CREATE TABLE t (a int); CREATE INDEX ix ON t (a) TABLESPACE "fast disk"'
            )
        )
        assert index.tablespace == "fast disk"
        assert index.spec == spec(key("a"), tablespace="fast disk")
    finally:
        server.drop_database(database.name)
        server.execute('DROP TABLESPACE "fast disk"')


# What the definition is


@pytest.mark.parametrize(
    ("order", "descending", "nulls_first"),
    [
        ("ASC", False, False),
        ("DESC", True, True),
        ("NULLS FIRST", False, True),
        ("DESC NULLS LAST", True, False),
    ],
)
def test_order(database, order, descending, nulls_first):
    index = only(read(database, f"CREATE TABLE t (a int); CREATE INDEX ix ON t (a {order})"))
    assert index.spec == spec(KeyColumn("a", descending=descending, nulls_first=nulls_first))


def test_columns_by_position_after_dropped_ones(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (x int, a int, y int, b int, c int); ALTER TABLE t DROP x, DROP y;"
            "CREATE INDEX ix ON t (b, a DESC) INCLUDE (c)",
        )
    )
    assert index.spec == spec(key("b"), key("a", desc=True), included_columns=("c",))


def test_included_columns_are_no_keys(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int, b text, c int); CREATE UNIQUE INDEX ix ON t (a) INCLUDE (c, b)",
        )
    )
    assert index.spec == spec(key("a"), unique=True, included_columns=("c", "b"))


def test_expressions_between_columns(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a text, b int, c int);"
            "CREATE INDEX ix ON t (b, lower(a) DESC, c, (b + c)) INCLUDE (a)",
        )
    )
    assert index.spec == spec(
        key("b"),
        KeyColumn(expression="lower(a)", descending=True),
        key("c"),
        KeyColumn(expression="b + c"),
        included_columns=("a",),
    )


def test_predicate(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int, s varchar); CREATE INDEX ix ON t (a) WHERE s IN ('x', 'y')",
        )
    )
    assert index.spec == spec(
        key("a"),
        predicate="(s)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])"
        "::text[])",
    )


def test_storage_parameters(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int);"
            "CREATE INDEX ix ON t (a) WITH (fillfactor = 70, deduplicate_items = off)",
        )
    )
    assert index.spec == spec(
        key("a"), storage_parameters=(("deduplicate_items", "off"), ("fillfactor", "70"))
    )


def test_nulls_not_distinct(database, pg_version):
    clause = "NULLS NOT DISTINCT" if pg_version >= 15 else ""
    index = only(
        read(database, f"CREATE TABLE t (a int); CREATE UNIQUE INDEX ix ON t (a) {clause}")
    )
    assert index.nulls_not_distinct is (pg_version >= 15)
    assert index.spec == spec(key("a"), unique=True, nulls_not_distinct=pg_version >= 15)


@pytest.mark.parametrize(
    ("method", "column"),
    [
        ("btree", "int"),
        ("hash", "int"),
        ("gin", "tsvector"),
        ("gist", "tsvector"),
        ("spgist", "text"),
        ("brin", "int"),
    ],
)
def test_access_method_with_its_default_operator_class(database, method, column):
    index = only(
        read(database, f"CREATE TABLE t (a {column}); CREATE INDEX ix ON t USING {method} (a)")
    )
    assert index.spec == spec(key("a"), access_method=method)


@pytest.mark.parametrize(
    ("column", "method", "operator_class"),
    [
        ("text", "btree", "text_pattern_ops"),
        ("varchar", "btree", "varchar_pattern_ops"),
        ("varchar", "btree", "varchar_ops"),
        ("char(3)", "btree", "bpchar_pattern_ops"),
        ("jsonb", "gin", "jsonb_path_ops"),
        ("inet", "gist", "inet_ops"),
        ("int", "brin", "int4_minmax_multi_ops"),
    ],
)
def test_operator_class_other_than_the_default(database, column, method, operator_class):
    index = only(
        read(
            database,
            f"CREATE TABLE t (a {column});CREATE INDEX ix ON t USING {method} (a {operator_class})",
        )
    )
    assert index.spec.key_columns == (key("a", operator_class=operator_class),)


def test_operator_class_of_an_expression(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a text); CREATE INDEX ix ON t (lower(a) text_pattern_ops DESC)",
        )
    )
    assert index.spec.key_columns == (
        KeyColumn(
            expression="lower(a)",
            descending=True,
            operator_class=QualifiedName("text_pattern_ops"),
        ),
    )


@pytest.mark.parametrize(
    ("column", "class_of_the_index"),
    [
        ("varchar", "text_ops"),
        ("varchar", "pg_catalog.text_ops"),
        ("mood", "enum_ops"),
        ("int[]", "array_ops"),
        ("mood[]", "array_ops"),
        ("whole", "int4_ops"),
        ("label", "text_ops"),
        ("cidr", "inet_ops"),
        ("int4range", "range_ops"),
        ("pair", "record_ops"),
    ],
)
def test_the_default_operator_class_written_out_is_none(database, column, class_of_the_index):
    index = only(
        read(
            database,
            "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN whole AS int;"
            "CREATE DOMAIN label AS varchar; CREATE TYPE pair AS (x int, y int);"
            f"CREATE TABLE t (a {column}); CREATE INDEX ix ON t (a {class_of_the_index})",
        )
    )
    assert index.spec.key_columns == (key("a"),)


# What CREATE EXTENSION citext makes, as far as operator classes go: a type that has a default of
# its own, and can use that of text without a cast. Not every server carries the extension.
CITEXT = """
CREATE TYPE ext.citext;
CREATE FUNCTION ext.citextin(cstring) RETURNS ext.citext
  LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION ext.citextout(ext.citext) RETURNS cstring
  LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE ext.citext (
  INPUT = ext.citextin, OUTPUT = ext.citextout, LIKE = text, CATEGORY = 'S', COLLATABLE = true);
CREATE CAST (ext.citext AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE FUNCTION ext.citext_hash(ext.citext) RETURNS int
  LANGUAGE internal IMMUTABLE STRICT AS 'hashtext';
CREATE OPERATOR CLASS ext.citext_ops DEFAULT FOR TYPE ext.citext USING hash AS
  OPERATOR 1 = (text, text), FUNCTION 1 (ext.citext, ext.citext) ext.citext_hash(ext.citext);
CREATE DOMAIN ext.email AS ext.citext;
CREATE TABLE t (a ext.citext, e ext.email);
"""


@pytest.mark.parametrize("column", ["a", "e"])
def test_the_default_of_a_type_with_one_of_its_own(database, column):
    index = only(
        read(database, f"CREATE SCHEMA ext; {CITEXT} CREATE INDEX ix ON t USING hash ({column})")
    )
    assert index.spec.key_columns == (key(column),)


@pytest.mark.parametrize("column", ["a", "e"])
def test_the_default_of_text_is_none_of_a_type_with_one_of_its_own(database, column):
    index = only(
        read(
            database,
            f"CREATE SCHEMA ext; {CITEXT} CREATE INDEX ix ON t USING hash ({column} text_ops)",
        )
    )
    assert index.spec.key_columns == (key(column, operator_class="text_ops"),)


def test_an_operator_class_outside_pg_catalog_has_its_schema(database):
    index = only(
        read(
            database,
            'CREATE SCHEMA "my ext"; CREATE TABLE t (a text);'
            'CREATE OPERATOR CLASS "my ext"."My Ops" FOR TYPE text USING btree AS'
            " OPERATOR 1 ~<~, OPERATOR 2 ~<=~, OPERATOR 3 =, OPERATOR 4 ~>=~, OPERATOR 5 ~>~,"
            " FUNCTION 1 bttext_pattern_cmp(text, text);"
            'CREATE INDEX ix ON t (a "my ext"."My Ops")',
        )
    )
    assert index.spec.key_columns == (key("a", operator_class=("my ext", "My Ops")),)


def test_operator_class_parameters(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int, v tsvector, w tsvector);"
            "CREATE INDEX ix ON t USING gist (v, w tsvector_ops (siglen = 64))",
        )
    )
    assert index.spec == spec(
        key("v"),
        key("w", operator_class="tsvector_ops", operator_class_parameters={"siglen": 64}),
        access_method="gist",
    )


@pytest.mark.parametrize(
    ("column", "written", "collation"),
    [
        ("text", "", None),
        ("text", 'COLLATE "C"', "C"),
        ("text", 'COLLATE "default"', None),
        ('text COLLATE "C"', "", None),
        ('text COLLATE "C"', 'COLLATE "C"', None),
        ('text COLLATE "C"', 'COLLATE "POSIX"', "POSIX"),
        ('text COLLATE "C"', 'COLLATE "default"', "default"),
        ("text", 'COLLATE "my s"."Natural"', ("my s", "Natural")),
    ],
)
def test_collation_is_named_where_it_is_not_the_columns(database, column, written, collation):
    index = only(
        read(
            database,
            'CREATE SCHEMA "my s"; CREATE COLLATION "my s"."Natural" FROM "C";'
            f"CREATE TABLE t (a {column}); CREATE INDEX ix ON t (a {written})",
        )
    )
    assert index.spec.key_columns == (key("a", collation=collation),)


def test_collation_of_an_expression(database):
    index = only(
        read(database, 'CREATE TABLE t (a text); CREATE INDEX ix ON t (lower(a) COLLATE "C")')
    )
    assert index.spec.key_columns == (
        KeyColumn(expression="lower(a)", collation=QualifiedName("C")),
    )


def test_columns_of_the_same_name_in_several_tables_and_indexes(database):
    found = read(
        database,
        'CREATE TABLE t (a text); CREATE TABLE u (a text COLLATE "C"); CREATE TABLE w (a varchar);'
        'CREATE INDEX t1 ON t (a COLLATE "C"); CREATE INDEX t2 ON t (a DESC);'
        "CREATE INDEX t3 ON t (a text_pattern_ops); CREATE INDEX t4 ON t USING brin (a);"
        'CREATE INDEX u1 ON u (a COLLATE "C"); CREATE INDEX u2 ON u (a COLLATE "default");'
        "CREATE INDEX w1 ON w (a NULLS FIRST)",
        schema="public",
    )
    assert [(index.name, *index.spec.key_columns) for index in found] == [
        ("t1", key("a", collation="C")),
        ("t2", key("a", desc=True)),
        ("t3", key("a", operator_class="text_pattern_ops")),
        ("t4", key("a")),
        ("u1", key("a")),
        ("u2", key("a", collation="default")),
        ("w1", key("a", nulls_first=True)),
    ]


# Which indexes


TWO_SCHEMAS = (
    'CREATE SCHEMA app; CREATE SCHEMA "Other app"; CREATE TABLE app.t (a int);'
    'CREATE TABLE "Other app".t (a int); CREATE TABLE app.u (a int);'
    "CREATE INDEX b ON app.t (a); CREATE INDEX a ON app.t (a); CREATE INDEX c ON app.u (a);"
    'CREATE INDEX d ON "Other app".t (a);'
)


def names(indexes: tuple[ObservedIndex, ...]) -> list[tuple[str, str, str]]:
    return [(index.schema, index.table, index.name) for index in indexes]


def test_a_schema_sorted_by_table_and_name(database):
    assert names(read(database, TWO_SCHEMAS, schema="app")) == [
        ("app", "t", "a"),
        ("app", "t", "b"),
        ("app", "u", "c"),
    ]


def test_a_table_of_a_schema(database):
    assert names(read(database, TWO_SCHEMAS, schema="Other app", table="t")) == [
        ("Other app", "t", "d")
    ]


def test_a_table_by_the_search_path(database):
    read(database, TWO_SCHEMAS, schema="app")
    with database.engine.connect() as connection:
        connection.execute(text('SET search_path = nothing, "Other app", app'))
        assert names(read_indexes(connection, table="t")) == [("Other app", "t", "d")]


def test_a_table_without_indexes(database):
    assert read(database, "CREATE TABLE t (a int)") == ()


def test_all_but_the_systems(database):
    read(database, TWO_SCHEMAS + "CREATE TABLE public.p (a int PRIMARY KEY, x text)", table="p")
    with database.engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE mine (a int PRIMARY KEY)"))
        found = names(read_indexes(connection))
    assert found == [
        ("Other app", "t", "d"),
        ("app", "t", "a"),
        ("app", "t", "b"),
        ("app", "u", "c"),
        ("public", "p", "p_pkey"),
    ]


def test_tables_by_number(database):
    read(database, TWO_SCHEMAS, schema="app")
    with database.engine.connect() as connection:
        oids = connection.scalars(
            text("SELECT oid FROM pg_class WHERE relname IN ('t', 'u') AND relkind = 'r'")
        ).all()
        assert [index.name for index in read_indexes(connection, table_oids=oids)] == [
            "d",
            "a",
            "b",
            "c",
        ]


def test_no_tables(database):
    with database.engine.connect() as connection:
        assert read_indexes(connection, table_oids=[]) == ()


def test_a_table_that_is_not_there(database):
    with pytest.raises(TableNotFoundError) as caught:
        read(database, TWO_SCHEMAS, table="t")
    assert str(caught.value) == (
        'table "t" does not exist in the search path; there is one in schema "Other app":'
        " pass schema="
    )


def test_a_table_that_is_nowhere(database):
    with pytest.raises(TableNotFoundError) as caught:
        read(database, "", schema="app", table="t")
    assert str(caught.value) == 'table "t" does not exist in schema "app"'


def test_a_view_has_no_indexes(database):
    with pytest.raises(UnsupportedError) as caught:
        read(database, "CREATE VIEW t AS SELECT 1")
    assert str(caught.value) == (
        '"public"."t" is a view, and indexes belong on tables, partitioned tables and'
        " materialised views"
    )


@pytest.mark.parametrize(
    "table",
    [
        "CREATE UNLOGGED TABLE t (a int)",
        "CREATE MATERIALIZED VIEW t AS SELECT 1 AS a",
        "CREATE TABLE t (a int) PARTITION BY LIST (a)",
        "CREATE TEMP TABLE t (a int)",
    ],
)
def test_kinds_of_tables(database, table):
    with database.engine.connect() as connection:
        connection.execute(text(table))
        connection.execute(text("CREATE INDEX ix ON t (a DESC)"))
        index = only(read_indexes(connection, table="t"))
    assert index.spec.key_columns == (key("a", desc=True),)


def test_odd_names(database):
    index = only(
        read(
            database,
            'CREATE SCHEMA "Größe %s"; CREATE TABLE "Größe %s"."select"":x" ("a""b" int);'
            'CREATE INDEX "I:x %" ON "Größe %s"."select"":x" ("a""b")',
            schema="Größe %s",
            table='select":x',
        )
    )
    assert index.spec == IndexSpec(
        name="I:x %", schema="Größe %s", table='select":x', key_columns=(key('a"b'),)
    )


def test_repr_names_the_state(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    assert repr(index) == f"<ObservedIndex {index.spec!r}, valid>"
