"""Index names: at most 63 bytes, and a proposal where they are longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_index_ops.definition import KeyColumn, define_index
from alembic_index_ops.definition.spec import IndexSpec, check_name, cut, shorten
from alembic_index_ops.errors import ArgumentError


@pytest.mark.parametrize("name", ["a" * 63, "é" * 31 + "a", "€" * 21, "🐘" * 15 + "abc"])
def test_63_bytes_fit(name):
    assert IndexSpec(name=name, table="t", key_columns=(KeyColumn("a"),)).name == name


@pytest.mark.parametrize(
    ("name", "size", "proposed"),
    [
        ("a" * 64, 64, "a" * 54 + "_751c00fb"),
        ("é" * 32, 64, "é" * 27 + "_64225d81"),
        ("x" + "é" * 32, 65, "x" + "é" * 26 + "_bb2c7b17"),
        ("€" * 22, 66, "€" * 18 + "_f7776bb7"),
        ("🐘" * 16, 64, "🐘" * 13 + "_47ab79f0"),
    ],
)
def test_over_63_bytes_is_an_error_that_proposes_a_name(name, size, proposed):
    with pytest.raises(ArgumentError) as caught:
        define_index(name, "t", ["a"])
    assert str(caught.value) == (
        f'index name "{name}" is {size} bytes long, and PostgreSQL would cut it at 63;'
        f' a name that fits: "{proposed}"'
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_proposed_name_fits_and_starts_like_the_long_one(name):
    proposed = shorten(name)
    check_name(proposed)
    assert proposed == name or (
        len(name.encode()) > 63
        and name.startswith(proposed[:-9])
        and 60 <= len(proposed.encode()) <= 63
    )


def test_long_names_with_the_same_start_get_different_proposals():
    assert shorten("a" * 70) != shorten("a" * 71)


@pytest.mark.parametrize(
    ("name", "size", "kept"), [("aé", 2, "a"), ("aé", 3, "aé"), ("€", 2, ""), ("ab", 9, "ab")]
)
def test_a_cut_breaks_no_character(name, size, kept):
    assert cut(name, size) == kept


def test_an_empty_name():
    with pytest.raises(ArgumentError) as caught:
        define_index("", "t", ["a"])
    assert "an index needs a name, and this one is empty" in str(caught.value)


def test_a_nul_character():
    with pytest.raises(ArgumentError) as caught:
        check_name("a\0b")
    assert str(caught.value) == (
        "index name 'a\\x00b': PostgreSQL names cannot hold a NUL character"
    )
