"""`read_indexes`: what an index is."""

from __future__ import annotations

import pytest

from alembic_index_ops.definition import KeyColumn, QualifiedName, key
from tests.postgres.catalog.reading import only, read, spec


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


def test_an_access_method_of_ones_own(database):
    if database.server.version < 18:
        pytest.skip("the server's own btree code wants its own access method there")
    index = only(
        read(
            database,
            'CREATE ACCESS METHOD "my, tree" TYPE INDEX HANDLER bthandler; CREATE TABLE t (a int);'
            'CREATE OPERATOR CLASS own DEFAULT FOR TYPE int USING "my, tree" AS'
            " OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,"
            " FUNCTION 1 btint4cmp(int, int);"
            'CREATE INDEX ix ON t USING "my, tree" (a)',
        )
    )
    assert index.spec == spec(key("a"), access_method="my, tree")


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


@pytest.mark.parametrize(
    ("setting", "predicate"),
    [
        ("DateStyle = 'German'", "d > '2020-04-03'::date"),
        ("DateStyle = 'SQL, DMY'", "d > '2020-04-03'::date"),
        ("IntervalStyle = 'sql_standard'", "i > '-1 days -02:03:04'::interval"),
    ],
)
def test_a_predicate_whatever_the_session_has_set(database, setting, predicate):
    statements = "CREATE TABLE t (d date, i interval); CREATE INDEX ix ON t (d) WHERE " + predicate
    alter = f'; ALTER DATABASE "{database.name}" SET {setting}'
    assert only(read(database, statements + alter)).spec.predicate == predicate


@pytest.mark.parametrize(
    ("definition", "operator_class"),
    [
        ("((a || 'x'))", None),
        ("((a::bpchar))", None),
        ("((a::bpchar) bpchar_pattern_ops)", QualifiedName("bpchar_pattern_ops")),
        ("((a::text) varchar_ops)", QualifiedName("varchar_ops")),
        ("((ARRAY[a]))", None),
        ("USING hash ((a::bpchar))", None),
    ],
)
def test_the_operator_class_of_an_expression(database, definition, operator_class):
    """A default is that of the expression's own type: text_ops is none of bpchar."""
    index = only(read(database, f"CREATE TABLE t (a text); CREATE INDEX ix ON t {definition}"))
    assert index.spec.key_columns[0].operator_class == operator_class
