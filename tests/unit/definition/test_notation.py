"""Columns as strings: `name [ASC | DESC] [NULLS FIRST | NULLS LAST]`."""

from __future__ import annotations

import pytest

from alembic_index_ops.definition import KeyColumn
from alembic_index_ops.definition.columns import parse_notation, to_key_column
from alembic_index_ops.errors import ArgumentError


@pytest.mark.parametrize(
    ("notation", "column", "descending", "nulls_first"),
    [
        ("created_at", "created_at", False, False),
        ("created_at ASC", "created_at", False, False),
        ("created_at DESC", "created_at", True, True),
        ("created_at NULLS FIRST", "created_at", False, True),
        ("created_at NULLS LAST", "created_at", False, False),
        ("created_at ASC NULLS FIRST", "created_at", False, True),
        ("created_at ASC NULLS LAST", "created_at", False, False),
        ("created_at DESC NULLS FIRST", "created_at", True, True),
        ("created_at DESC NULLS LAST", "created_at", True, False),
        ("created_at desc nulls last", "created_at", True, False),
        ("created_at Desc Nulls Last", "created_at", True, False),
        ("created_at   DESC\tNULLS \n LAST  ", "created_at", True, False),
        ("createdAt DESC", "createdAt", True, True),
        ("_x$1", "_x$1", False, False),
        ("größe DESC", "größe", True, True),
        ("desc", "desc", False, False),
        ("desc DESC", "desc", True, True),
        ("nulls NULLS FIRST", "nulls", False, True),
        ("order", "order", False, False),
    ],
)
def test_notation(notation, column, descending, nulls_first):
    assert to_key_column(notation) == KeyColumn(
        column, descending=descending, nulls_first=nulls_first
    )


@pytest.mark.parametrize(
    ("notation", "hint"),
    [
        ("order date", 'for a column of that name, write key("order date")'),
        ("order date DESC", 'for a column of that name, write key("order date", desc=True)'),
        (
            "order date DESC NULLS LAST",
            'for a column of that name, write key("order date", desc=True, nulls_first=False)',
        ),
        ("a NULLS FIRST DESC", 'for a column of that name, write key("a NULLS FIRST", desc=True)'),
        ('"Order"', 'for a column of that name, write key("Order")'),
        ("it's", 'for a column of that name, write key("it\'s")'),
        ('inch" wide', r'for a column of that name, write key("inch\" wide")'),
        (" created_at", 'for a column of that name, write key("created_at")'),
        ("1st", 'for a column of that name, write key("1st")'),
        ("orders.id", 'for a column of that name, write key("orders.id")'),
        ("", 'for a column of that name, write key("")'),
        ("lower(email)", 'for an expression, write sa.func.lower(sa.column("email"))'),
        ("lower( email )", 'for an expression, write sa.func.lower(sa.column("email"))'),
        ("lower(email) DESC", 'for an expression, write sa.text("lower(email) DESC")'),
        ("coalesce(a, b)", 'for an expression, write sa.text("coalesce(a, b)")'),
        ("email::text", 'for an expression, write sa.text("email::text")'),
        ("a || b", 'for an expression, write sa.text("a || b")'),
        ("'x' || a", "for an expression, write sa.text(\"'x' || a\")"),
    ],
)
def test_a_string_never_becomes_sql(notation, hint):
    with pytest.raises(ArgumentError) as caught:
        parse_notation(notation)
    assert str(caught.value) == (
        f"{notation!r} is neither a column name nor a column name with"
        f" ASC, DESC, NULLS FIRST or NULLS LAST; {hint}"
    )


@pytest.mark.parametrize("thing", [5, None, ["a"], b"a"])
def test_what_is_no_column_at_all(thing):
    with pytest.raises(ArgumentError) as caught:
        to_key_column(thing)
    assert str(caught.value) == (
        f"{thing!r} is no column: give a name, key(...) or a SQLAlchemy expression"
    )
