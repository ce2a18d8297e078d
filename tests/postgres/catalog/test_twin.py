"""`normalise`: definitions as the server would store them, on a clone that is rolled back."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Connection, text

from alembic_index_ops.catalog import normalise, read_indexes, read_table
from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName, define_index, key
from alembic_index_ops.errors import ArgumentError, LockTimeoutError
from tests.postgres.catalog.cloning import as_stored, run

MODES = pytest.mark.parametrize("mode", ["transaction", "autocommit"])


def relations(connection: Connection) -> list[tuple[str, str]]:
    """Every relation outside the system's schemas."""
    rows = connection.execute(
        text(
            "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2"
        )
    )
    return [tuple(row) for row in rows]


@MODES
@pytest.mark.parametrize(
    ("where", "stored"),
    [
        ("status = 'active'", "(status)::text = 'active'::text"),
        (
            "status IN ('a', 'b')",
            "(status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])"
            "::text[])",
        ),
        ("note = ':x' AND note <> '%s'", "(note = ':x'::text) AND (note <> '%s'::text)"),
        ("(n) >= (1 + 2)", "n >= (1 + 2)"),
    ],
)
def test_predicate(connection, where, stored):
    run(connection, "CREATE TABLE t (status varchar(9), note text, n int)")
    assert as_stored(connection, ["n"], where=where) == IndexSpec(
        name="ix", table="t", schema="public", key_columns=(key("n"),), predicate=stored
    )


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (KeyColumn(expression="LOWER(status)"), KeyColumn(expression="lower((status)::text)")),
        (
            KeyColumn(expression="n+1", descending=True),
            KeyColumn(expression="n + 1", descending=True),
        ),
        (KeyColumn(expression="n"), key("n")),
        (KeyColumn(expression='status COLLATE "C"'), key("status", collation="C")),
        (key("status", operator_class="text_ops"), key("status")),
        (
            key("status", operator_class="varchar_pattern_ops", desc=True),
            key("status", operator_class="varchar_pattern_ops", desc=True),
        ),
        (key("status", collation="default"), key("status")),
        (key("status", collation="C"), key("status", collation="C")),
    ],
)
def test_key(connection, written, stored):
    run(connection, "CREATE TABLE t (status varchar(9), n int)")
    assert as_stored(connection, [written]).key_columns == (stored,)


def test_several_definitions_keep_their_order_and_names(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    specs = [
        define_index("plain", "t", ["n DESC"]),
        define_index("second", "t", ["a"], where="n>1"),
        define_index("third", "t", [KeyColumn(expression="LOWER(a)")], include=["n"]),
    ]
    stored = normalise(connection, read_table(connection, "t", None), specs)
    assert stored == (
        define_index("plain", "t", ["n DESC"], schema="public"),
        define_index("second", "t", ["a"], schema="public", where="n > 1"),
        define_index(
            "third", "t", [KeyColumn(expression="lower(a)")], schema="public", include=["n"]
        ),
    )


def test_several_definitions_share_one_clone(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    specs = [define_index(f"i{n}", "t", ["n"], where=f"n > {n}") for n in range(5)]
    before = int(connection.scalar(text("SELECT 't'::regclass::oid::text")))
    normalise(connection, read_table(connection, "t", None), specs)
    run(connection, "CREATE TABLE after_it (a int)")
    after = int(connection.scalar(text("SELECT 'after_it'::regclass::oid::text")))
    # A clone takes about five numbers (table, row type, array, TOAST and its index), an index one.
    assert after - before < 25


def test_options_that_need_no_normalising_are_kept(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    options = {
        "unique": True,
        "include": ["n"],
        "storage_parameters": {"fillfactor": 70},
        "tablespace": "is never looked at",
        "where": "n > 1",
    }
    assert as_stored(connection, ["a DESC"], **options) == define_index(
        "ix", "t", ["a DESC"], schema="public", **options
    )


def test_evidently_plain_definitions_need_no_clone(connection):
    run(connection, "CREATE TABLE t (a int)", "SET default_transaction_read_only = on")
    assert as_stored(connection, ["a DESC"]) == define_index("ix", "t", ["a DESC"], schema="public")


@MODES
def test_nothing_is_left_behind(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    before = relations(connection)
    as_stored(connection, ["a"], where="n > 1")
    assert relations(connection) == before
    assert read_indexes(connection, table="t") == ()


@MODES
def test_nothing_is_left_behind_by_a_refusal(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    before = relations(connection)
    with pytest.raises(ArgumentError):
        as_stored(connection, ["a"], where="nothing > 1")
    assert relations(connection) == before


@MODES
def test_the_session_keeps_its_settings(connection):
    run(connection, "CREATE TABLE t (a text, n int)", "SET lock_timeout = '1234ms'")
    as_stored(connection, ["a"], where="n > 1")
    assert connection.scalar(text("SHOW lock_timeout")) == "1234ms"
    with pytest.raises(ArgumentError):
        as_stored(connection, ["a"], where="nothing > 1")
    assert connection.scalar(text("SHOW lock_timeout")) == "1234ms"


@pytest.mark.parametrize("where", ["n > 1", "nothing > 1"])
def test_the_callers_transaction_goes_on(connection, where):
    run(connection, "CREATE TABLE t (a text, n int)")
    connection.execute(text("INSERT INTO t VALUES ('kept', 1)"))
    try:
        as_stored(connection, ["a"], where=where)
    except ArgumentError:
        assert where == "nothing > 1"
    assert connection.scalar(text("SELECT a FROM t")) == "kept"
    connection.commit()
    assert connection.scalar(text("SELECT a FROM t")) == "kept"


def test_it_takes_no_lock_that_stops_writers(database, connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    with database.connect() as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO t VALUES ('open', 1)")
        assert as_stored(connection, ["a"], where="n > 1").predicate == "n > 1"
        writer.execute("INSERT INTO t VALUES ('still', 1)")


@MODES
def test_a_locked_table_is_waited_for_two_seconds(database, connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    table = read_table(connection, "t", None)
    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(LockTimeoutError) as caught:
            normalise(connection, table, [define_index("ix", "t", ["a"], where="n > 1")])
    assert 1.9 < time.monotonic() - started < 5
    assert str(caught.value) == (
        'index "ix" on "public"."t" cannot be judged: the table was locked for more than 2s.'
        " Try again when that lock is gone."
    )


# Tables of every kind


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE MATERIALIZED VIEW t AS SELECT 'x'::varchar AS a, 1 AS n"],
        ["CREATE TABLE t (a varchar, n int) PARTITION BY LIST (n)"],
        ["CREATE UNLOGGED TABLE t (a varchar, n int)"],
        ["CREATE TABLE t (a varchar, b int, n int GENERATED ALWAYS AS (b * 2) STORED)"],
        ["CREATE TABLE t (x int, a varchar, y int, n int)", "ALTER TABLE t DROP x, DROP y"],
        [
            "CREATE DOMAIN label AS varchar",
            "CREATE TABLE t (a label NOT NULL DEFAULT 'x', n int CHECK (n > 0))",
        ],
    ],
    ids=["matview", "partitioned", "unlogged", "generated", "dropped columns", "domain"],
)
def test_kinds_of_tables(connection, statements):
    run(connection, *statements)
    stored = as_stored(connection, ["n DESC"], include=["a"], where="a = 'x' AND n>1")
    assert stored == define_index(
        "ix",
        "t",
        ["n DESC"],
        schema="public",
        include=["a"],
        where="((a)::text = 'x'::text) AND (n > 1)",
    )


def test_enum(connection):
    run(
        connection,
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE TABLE t (a mood, n int)",
    )
    assert as_stored(connection, ["n"], where="a = 'sad'").predicate == "a = 'sad'::mood"


@pytest.mark.parametrize(
    ("schema", "table"),
    [
        ("public", "select"),
        ("My Größe %s :x", 'Or"der'),
        ("a.b", "a.b"),
        ("public", "🐘" * 15 + "abc"),
        ("public", "i0"),
        ("public", "pg_temp"),
    ],
)
def test_odd_names(connection, schema, table):
    quoted = [f'"{name}"' for name in (schema, table.replace('"', '""'))]
    if schema != "public":
        run(connection, f"CREATE SCHEMA {quoted[0]}")
    run(connection, f'CREATE TABLE {".".join(quoted)} ("a""b" varchar)')
    stored = as_stored(connection, [key('a"b')], table=table, schema=schema, where='"a""b" = \'x\'')
    assert stored == define_index(
        "ix",
        table,
        [key('a"b')],
        schema=schema,
        where='("a""b")::text = \'x\'::text',
    )


def test_references_qualified_by_the_tables_name(connection):
    run(connection, "CREATE TABLE t (n int)")
    assert as_stored(connection, ["n"], where="t.n > 1").predicate == "n > 1"


def test_a_table_off_the_search_path(connection):
    run(connection, "CREATE SCHEMA app", "CREATE TABLE app.t (n int)", "CREATE TABLE t (n text)")
    stored = as_stored(connection, ["n"], schema="app", where="n > '1'")
    assert stored.predicate == "n > 1"


def test_an_operator_class_outside_pg_catalog_gets_its_schema(connection):
    run(
        connection,
        "CREATE SCHEMA ext",
        "CREATE OPERATOR CLASS ext.own_ops FOR TYPE int USING btree AS"
        " OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,"
        " FUNCTION 1 btint4cmp(int, int)",
        "CREATE TABLE t (n int)",
        "SET search_path = public, ext",
    )
    stored = as_stored(connection, [key("n", operator_class="own_ops")])
    assert stored.key_columns[0].operator_class == QualifiedName("own_ops", "ext")
