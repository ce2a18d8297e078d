"""A definition as the one line of text that an index's comment keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_index_ops import define_index
from alembic_index_ops.definition.stored import Former, dump_former, load_former
from tests.unit.definition.strategies import specs

formers = st.builds(
    Former,
    specs(),
    st.none() | st.text(),
    st.lists(st.tuples(st.integers(1, 32), st.integers(0, 10_000))).map(tuple),
)


@given(formers)
def test_what_is_stored_is_read_again(former: Former) -> None:
    assert load_former(dump_former(former)) == former


@given(formers)
def test_what_is_stored_is_one_line_of_ascii(former: Former) -> None:
    stored = dump_former(former)

    assert stored.isascii()
    assert stored.splitlines() == [stored]


def test_defaults_are_left_out() -> None:
    spec = define_index("ix", "users", ["email", "name DESC"], unique=True)

    assert dump_former(Former(spec)) == (
        '{"name":"ix","table":"users","key_columns":[{"column":"email","nulls_first":false},'
        '{"column":"name","descending":true,"nulls_first":true}],"unique":true}'
    )


def test_a_comment_and_statistics_stand_beside_the_definition() -> None:
    former = Former(define_index("ix", "t", ["a"]), "for\nthe list", ((1, 77),))

    assert dump_former(former) == (
        '{"name":"ix","table":"t","key_columns":[{"column":"a","nulls_first":false}],'
        '"comment":"for\\nthe list","statistics":[[1,77]]}'
    )


def test_a_definition_alone_is_read_too() -> None:
    assert load_former(WHOLE) == Former(define_index("ix", "t", ["a"]))


WHOLE = '{"name":"ix","table":"t","key_columns":[{"column":"a"}]}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "built by hand",
        WHOLE[:-1],
        "null",
        "3",
        "[]",
        '"ix"',
        "{}",
        WHOLE.replace('"name":"ix",', ""),
        WHOLE.replace("key_columns", "keys"),
        WHOLE.replace('[{"column":"a"}]', "null"),
        WHOLE.replace('[{"column":"a"}]', "[]"),
        WHOLE.replace('[{"column":"a"}]', '"a"'),
        WHOLE.replace('[{"column":"a"}]', '["a"]'),
        WHOLE.replace('"column":"a"', ""),
        WHOLE.replace('"column":"a"', '"column":"a","expression":"b"'),
        WHOLE.replace('"column":"a"', '"column":"a","operator_class":"text_ops"'),
        WHOLE.replace('"column":"a"', '"column":"a","ordering":1'),
        WHOLE.replace('"table"', '"fillfactor":70,"table"'),
        WHOLE.replace('"ix"', '""'),
        WHOLE.replace('"ix"', "7"),
        WHOLE.replace('"t"', "7"),
        WHOLE.replace('"a"', "7"),
        WHOLE.replace('"table"', '"unique":"no","table"'),
        WHOLE.replace('"table"', '"included_columns":"abc","table"'),
        WHOLE.replace('"table"', '"included_columns":[1],"table"'),
        WHOLE.replace('"table"', '"storage_parameters":[["fillfactor"]],"table"'),
        WHOLE.replace('"table"', '"predicate":7,"table"'),
        WHOLE.replace('"table"', '"comment":7,"table"'),
        WHOLE.replace('"table"', '"statistics":7,"table"'),
        WHOLE.replace('"table"', '"statistics":[7],"table"'),
        WHOLE.replace('"table"', '"statistics":[["a",7]],"table"'),
    ],
)
def test_a_text_that_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        load_former(text)


@given(formers)
def test_a_text_that_was_cut(former: Former) -> None:
    with pytest.raises(ValueError, match=r"line 1|Unterminated"):
        load_former(dump_former(former)[:-1])
