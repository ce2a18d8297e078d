"""`read_indexes`: which indexes, on which kinds of tables."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from alembic_index_ops.catalog import ObservedIndex, read_indexes, read_table
from alembic_index_ops.catalog.indexes import read_index_names
from alembic_index_ops.definition import IndexSpec, key
from alembic_index_ops.errors import TableNotFoundError, UnsupportedError
from tests.postgres.catalog.reading import only, read

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
        ' pass schema="Other app"'
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


def test_names_of_two_lines(database):
    index = only(
        read(
            database,
            'CREATE SCHEMA "s\n1"; CREATE TABLE "s\n1"."t\n2" ("a\n3" int);'
            'CREATE INDEX "i\n4" ON "s\n1"."t\n2" ("a\n3")',
            schema="s\n1",
        )
    )
    assert index.spec == IndexSpec(
        name="i\n4", schema="s\n1", table="t\n2", key_columns=(key("a\n3"),)
    )


def test_tables_that_have_lost_their_indexes_do_not_hide_the_others(database):
    tables = "".join(f"CREATE TABLE t{n} (a int); CREATE INDEX i{n} ON t{n} (a);" for n in range(9))
    drops = "".join(f"DROP INDEX i{n};" for n in range(9) if n != 4)
    assert only(read(database, tables + drops, schema="public")).spec == IndexSpec(
        name="i4", schema="public", table="t4", key_columns=(key("a"),)
    )


def test_repr_names_the_state(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    assert repr(index) == f"<ObservedIndex {index.spec!r}, valid>"


def test_names_alone_are_read_while_the_table_is_locked(database):
    read(
        database,
        "CREATE TABLE t (a int); CREATE INDEX b ON t (a) WHERE a > 0; CREATE INDEX a ON t (a)",
    )
    with database.connect() as holder, database.engine.connect() as connection:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        connection.execute(text("SET statement_timeout = '5s'"))
        assert sorted(read_index_names(connection, read_table(connection, "t", None))) == ["a", "b"]
