"""IndexSpec and KeyColumn: canonical at birth, so that == means "the same index"."""

from __future__ import annotations

import dataclasses

import pytest

from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName, define_index, key
from alembic_index_ops.definition.spec import canonical_expression, digest
from alembic_index_ops.errors import ArgumentError


def spec(**options: object) -> IndexSpec:
    return IndexSpec(**{"name": "ix", "table": "t", "key_columns": (KeyColumn("a"),)} | options)


@pytest.mark.parametrize(
    ("descending", "given", "nulls_first"),
    [
        (False, None, False),
        (True, None, True),
        (False, True, True),
        (True, False, False),
    ],
)
def test_nulls_first(descending, given, nulls_first):
    assert KeyColumn("a", descending=descending, nulls_first=given).nulls_first is nulls_first


def test_the_default_order_of_nulls_written_or_not_is_the_same():
    assert KeyColumn("a", descending=True) == KeyColumn("a", descending=True, nulls_first=True)


@pytest.mark.parametrize(
    ("sql", "canonical"),
    [
        ("a", "a"),
        ("  a\n", "a"),
        ("(a)", "a"),
        ("( ( a ) )", "a"),
        ("(a) = (b)", "(a) = (b)"),
        ("((a) = (b))", "(a) = (b)"),
        ("(a = ')')", "a = ')'"),
        ("(a = '(')", "a = '('"),
        ("(a = 'it''s)')", "a = 'it''s)'"),
        ("(a = ')') AND (b = '(')", "(a = ')') AND (b = '(')"),
        ('("a)" = 1)', '"a)" = 1'),
        ('("a""(" = 1)', '"a""(" = 1'),
        ("(a = '\\')", "a = '\\'"),
        ("(a = E'\\')')", "a = E'\\')'"),
        ("(a = E'\\')') OR (b = ' E')", "(a = E'\\')') OR (b = ' E')"),
        ("(a = $q$($q$) OR (b = $q$)$q$)", "(a = $q$($q$) OR (b = $q$)$q$)"),
        ("(a = $$)$$)", "a = $$)$$"),
        ("(a$b$ = 1)", "a$b$ = 1"),
        ("(a = '$1$)')", "a = '$1$)'"),
        ("(a", "(a"),
        ("f(a)", "f(a)"),
    ],
)
def test_an_expression_loses_the_parentheses_around_the_whole(sql, canonical):
    assert canonical_expression(sql) == canonical


def test_expression_and_predicate_are_canonical():
    made = spec(key_columns=(KeyColumn(expression=" (lower(a)) "),), predicate="((a > 1))")
    assert (made.key_columns[0].expression, made.predicate) == ("lower(a)", "a > 1")


@pytest.mark.parametrize(
    ("value", "text"),
    [(70, "70"), (True, "true"), (False, "false"), ("auto", "auto"), (0.5, "0.5")],
)
def test_storage_parameters_are_text(value, text):
    assert define_index("ix", "t", ["a"], storage_parameters={"x": value}).storage_parameters == (
        ("x", text),
    )


def test_storage_parameters_have_no_order():
    assert spec(storage_parameters=(("b", "1"), ("a", "2"))) == spec(
        storage_parameters=(("a", "2"), ("b", "1"))
    )


def test_nulls_not_distinct_means_nothing_without_unique():
    assert spec(nulls_not_distinct=True) == spec()


def test_pg_catalog_is_the_search_path():
    assert QualifiedName("C", "pg_catalog") == QualifiedName("C")


def test_the_order_of_keys_matters():
    assert spec(key_columns=(KeyColumn("a"), KeyColumn("b"))) != spec(
        key_columns=(KeyColumn("b"), KeyColumn("a"))
    )


def test_named_changes_the_name_only():
    assert spec(unique=True).named("other") == spec(unique=True, name="other")


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec().name = "other"


def test_equal_specs_have_equal_hashes():
    assert {spec(), spec()} == {spec()}


def test_digest_is_the_same_in_every_process():
    assert digest("a", "b") == "69b765fe"


@pytest.mark.parametrize(
    ("column", "plain"),
    [
        (key("a", desc=True), True),
        (key("a", operator_class="text_ops"), False),
        (key("a", collation="C"), False),
        (KeyColumn(expression="lower(a)"), False),
    ],
)
def test_evidently_plain(column, plain):
    assert spec(key_columns=(column,)).evidently_plain is plain


def test_a_predicate_is_not_evidently_plain():
    assert spec(predicate="a > 1").evidently_plain is False


@pytest.mark.parametrize("method", ["hash", "gin", "gist", "spgist", "brin"])
@pytest.mark.parametrize("column", ["a DESC", "a NULLS FIRST"])
def test_access_methods_that_keep_no_order(method, column):
    with pytest.raises(ArgumentError) as caught:
        define_index("ix", "t", [column], using=method)
    assert str(caught.value) == (
        f'index "ix" on "t": access method {method} keeps no order, so a can be neither DESC nor'
        " NULLS FIRST; leave that out, or use btree"
    )


@pytest.mark.parametrize("method", ["hash", "gin", "gist", "spgist", "brin"])
def test_access_methods_that_are_never_unique(method):
    with pytest.raises(ArgumentError) as caught:
        define_index("ix", "t", ["a"], using=method, unique=True)
    assert str(caught.value) == (
        f'index "ix" on "t": access method {method} cannot be unique; use btree for a unique index'
    )


@pytest.mark.parametrize("method", ["hash", "gin", "brin"])
def test_access_methods_that_include_nothing(method):
    with pytest.raises(ArgumentError) as caught:
        define_index("ix", "t", ["a"], using=method, include=["b"])
    assert str(caught.value) == (
        f'index "ix" on "t": access method {method} cannot include columns; use btree, gist or'
        " spgist"
    )


@pytest.mark.parametrize("method", ["gist", "spgist", "an_extensions"])
def test_other_access_methods_include_columns(method):
    assert define_index("ix", "t", ["a"], using=method.upper(), include=["b"]) == spec(
        access_method=method, included_columns=("b",)
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("t", "a DESC"), {}, 'columns is a list; write ["a DESC"]'),
        (("t", 5), {}, 'columns is a list; write ["..."]'),
        (("t", []), {}, "it has no key columns; name at least one column"),
        (("t", ["a"]), {"include": "b"}, 'include is a list; write include=["b"]'),
        (("t", ["a"]), {"include": [5]}, "include takes column names, not 5"),
        (("t", ["a"]), {"include": [""]}, "an included column has an empty name"),
        (
            ("t", ["a"]),
            {"nulls_not_distinct": True},
            "nulls_not_distinct=True needs unique=True",
        ),
        (
            ("t", ["a"]),
            {"where": " "},
            "an expression or predicate is empty; leave it out, or write its SQL",
        ),
        (
            ("t", ["a b"]),
            {},
            "'a b' is neither a column name nor a column name with ASC, DESC, NULLS FIRST or"
            ' NULLS LAST; for a column of that name, write key("a b")',
        ),
    ],
)
def test_an_error_names_the_index_and_the_argument(arguments, options, message):
    with pytest.raises(ArgumentError) as caught:
        define_index("ix", *arguments, **options)
    assert str(caught.value) == f'index "ix" on "t": {message}'


def test_a_table_without_a_name():
    with pytest.raises(ArgumentError) as caught:
        define_index("ix", "", ["a"])
    assert str(caught.value) == 'index "ix": the table has no name'


@pytest.mark.parametrize("options", [{}, {"column": "a", "expression": "lower(a)"}])
def test_a_key_is_a_column_or_an_expression(options):
    with pytest.raises(ArgumentError) as caught:
        KeyColumn(**options)
    assert str(caught.value) == "a key is either a column or an expression, exactly one of them"
