"""`normalise`: what the server refuses, and what it cannot judge."""

from __future__ import annotations

import pytest

from alembic_index_ops.catalog import normalise, read_table
from alembic_index_ops.definition import KeyColumn, define_index, key
from alembic_index_ops.errors import ArgumentError, CannotJudgeError
from tests.postgres.catalog.cloning import as_stored, run

MODES = pytest.mark.parametrize("mode", ["transaction", "autocommit"])


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        (["n"], {"where": "missing > 1"}, 'column "missing" does not exist'),
        (["n"], {"where": "n >"}, "syntax error at end of input"),
        (["n"], {"where": "n > now()"}, "operator does not exist"),
        (["n"], {"where": "random() > 1"}, "functions in index predicate must be marked IMMUTABLE"),
        (["n"], {"where": "n"}, "argument of WHERE must be type boolean, not type integer"),
        (
            [KeyColumn(expression="random() + n")],
            {},
            "functions in index expression must be marked IMMUTABLE",
        ),
        ([KeyColumn(expression="missing(n)")], {}, "function missing(integer) does not exist"),
        (
            [key("n", operator_class="text_ops")],
            {},
            'operator class "text_ops" does not accept data type integer',
        ),
        (
            [key("n", operator_class="no_ops")],
            {},
            'operator class "no_ops" does not exist for access method "btree"',
        ),
        ([key("n", collation="C")], {}, "collations are not supported by type integer"),
        ([key("a", collation="nowhere")], {}, 'collation "nowhere" for encoding "UTF8" does not'),
        (["a"], {"where": "n > 1", "using": "nomad"}, 'access method "nomad" does not exist'),
        (
            ["n"],
            {"where": "n > 1", "storage_parameters": {"fullfactor": 5}},
            'unrecognized parameter "fullfactor"',
        ),
        (["missing"], {"where": "n > 1"}, 'column "missing" does not exist'),
        (["n"], {"where": "sum(n) > 1"}, "aggregate functions are not allowed in index predicates"),
        (
            ["n"],
            {"where": "EXISTS (SELECT 1)"},
            "cannot use subquery in index predicate",
        ),
    ],
)
def test_what_the_server_refuses_on_the_real_table_too(connection, columns, options, said):
    run(connection, "CREATE TABLE t (a text, n int)")
    with pytest.raises(ArgumentError) as caught:
        as_stored(connection, columns, **options)
    message = str(caught.value)
    assert message.startswith(
        f'index "ix" on "public"."t": the server refuses this definition: {said}'
    )
    assert message.endswith(
        ". Nothing was changed; correct the columns, the expression or the predicate."
    )


def test_the_refused_one_of_several_is_named(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    specs = [
        define_index("good", "t", ["a"], where="n > 1"),
        define_index("bad", "t", ["a"], where="x > 1"),
    ]
    with pytest.raises(ArgumentError, match=r'^index "bad" on "public"\."t": the server refuses'):
        normalise(connection, read_table(connection, "t", None), specs)


CANNOT_JUDGE = (
    'index "ix" on "public"."t" cannot be judged: the server does not normalise its expression or'
    " predicate on a temporary clone: "
)


@MODES
def test_without_temp_privilege(database, connection, make_role):
    role = make_role()
    run(
        connection,
        f'REVOKE TEMP ON DATABASE "{database.name}" FROM PUBLIC',
        "CREATE TABLE t (a text, n int)",
        f'ALTER TABLE t OWNER TO "{role}"',
        f'SET ROLE "{role}"',
    )
    with pytest.raises(CannotJudgeError) as caught:
        as_stored(connection, ["a"], where="n > 1")
    assert str(caught.value).startswith(
        CANNOT_JUDGE + f'permission denied to create temporary tables in database "{database.name}"'
    )


@MODES
def test_in_a_read_only_session(connection):
    run(connection, "CREATE TABLE t (a text, n int)", "SET default_transaction_read_only = on")
    with pytest.raises(CannotJudgeError) as caught:
        as_stored(connection, ["a"], where="n > 1")
    assert str(caught.value).startswith(
        CANNOT_JUDGE + "cannot execute CREATE TABLE in a read-only transaction"
    )


WHOLE_ROW = (
    "CREATE TABLE t (a text, n int)",
    "CREATE FUNCTION of_row(t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.n'",
)


@MODES
@pytest.mark.parametrize("function", ["of_row(t)", "of_row(t.*)"])
def test_a_function_of_the_whole_row(connection, function):
    run(connection, *WHOLE_ROW)
    with pytest.raises(CannotJudgeError) as caught:
        as_stored(connection, [KeyColumn(expression=function)])
    assert str(caught.value).startswith(CANNOT_JUDGE + "function of_row(")


def test_a_function_of_the_whole_row_in_the_predicate(connection):
    run(connection, *WHOLE_ROW)
    with pytest.raises(CannotJudgeError):
        as_stored(connection, ["n"], where="of_row(t) > 1")


def test_references_qualified_by_schema_and_table(connection):
    run(connection, "CREATE TABLE t (a text, n int)")
    with pytest.raises(CannotJudgeError) as caught:
        as_stored(connection, ["n"], where="public.t.n > 1")
    assert str(caught.value).startswith(
        CANNOT_JUDGE + 'invalid reference to FROM-clause entry for table "t"'
    )


def test_a_temporary_table_of_the_same_name_stands_in_the_way(connection):
    run(connection, "CREATE TABLE t (a text, n int)", "CREATE TEMP TABLE t (z int)")
    with pytest.raises(CannotJudgeError) as caught:
        as_stored(connection, ["n"], schema="public", where="n > 1")
    assert str(caught.value).startswith(CANNOT_JUDGE + 'relation "t" already exists')
