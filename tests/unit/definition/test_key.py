"""`key(...)`: a column by its literal name, with what the notation cannot say."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from alembic_index_ops.definition import KeyColumn, QualifiedName, key
from alembic_index_ops.errors import ArgumentError


@pytest.mark.parametrize("name", ["order date", "lower(x)", "created_at DESC", 'a"b', "é"])
def test_the_name_is_literal(name):
    assert key(name) == KeyColumn(column=name)


@pytest.mark.parametrize(
    ("arguments", "descending", "nulls_first"),
    [
        ({}, False, False),
        ({"desc": True}, True, True),
        ({"nulls_first": True}, False, True),
        ({"desc": True, "nulls_first": False}, True, False),
    ],
)
def test_order(arguments, descending, nulls_first):
    made = key("a", **arguments)
    assert (made.descending, made.nulls_first) == (descending, nulls_first)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("text_pattern_ops", QualifiedName("text_pattern_ops")),
        ("ext.gin_trgm_ops", QualifiedName("gin_trgm_ops", "ext")),
        ("pg_catalog.text_ops", QualifiedName("text_ops")),
        (("my.schema", "my.ops"), QualifiedName("my.ops", "my.schema")),
    ],
)
def test_operator_class(written, name):
    assert key("a", operator_class=written).operator_class == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("C", QualifiedName("C")),
        ("de-x-icu", QualifiedName("de-x-icu")),
        ("app.natural", QualifiedName("natural", "app")),
        ("pg_catalog.C", QualifiedName("C")),
        ("de_DE.utf8", QualifiedName("de_DE.utf8")),
        ("en_US.UTF-8", QualifiedName("en_US.UTF-8")),
        (("app", "x.y"), QualifiedName("x.y", "app")),
    ],
)
def test_collation(written, name):
    assert key("a", collation=written).collation == name


def test_operator_class_parameters_are_sorted_text():
    made = key("a", operator_class="x_ops", operator_class_parameters={"siglen": 32, "on": True})
    assert made.operator_class_parameters == (("on", "true"), ("siglen", "32"))


def test_parameters_need_their_operator_class():
    with pytest.raises(ArgumentError) as caught:
        key("title", operator_class_parameters={"siglen": 32})
    assert str(caught.value) == (
        "title: operator_class_parameters need the operator_class that takes them"
    )


def test_an_expression_is_not_for_key():
    with pytest.raises(ArgumentError) as caught:
        key(sa.func.lower(sa.column("a")))
    assert str(caught.value) == (
        "key() takes a column's name, not Function; give the SQLAlchemy expression itself in the"
        " list of columns"
    )


def test_an_empty_name():
    with pytest.raises(ArgumentError) as caught:
        key("")
    assert str(caught.value) == "a key column needs a name, and this one is empty"
