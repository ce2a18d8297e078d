"""Lengths of time in words, and as the server's settings have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_index_ops.durations import milliseconds, parse_duration, render_duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.1, "0.1 s"),
        (0.1234, "0.123 s"),
        (1.5, "1.5 s"),
        (59.94, "59.9 s"),
        (60, "1 min"),
        (61.4, "1 min 1 s"),
        (90, "1 min 30 s"),
        (900, "15 min"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (7530, "2 h 5 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
        (86_400 * 12 + 5, "12 d"),
    ],
)
def test_in_words(seconds: float, words: str) -> None:
    assert render_duration(seconds) == words


@given(st.floats(min_value=0, max_value=1e8))
def test_words_are_never_more_than_two_units_nor_empty(seconds: float) -> None:
    words = render_duration(seconds).split()

    assert len(words) in (2, 4)
    assert set(words[1::2]) <= {"s", "min", "h", "d"}


@given(st.integers(min_value=1, max_value=59) | st.sampled_from([60, 900, 3600, 86_400]))
def test_words_of_one_unit_are_a_duration_again(seconds: int) -> None:
    assert parse_duration(render_duration(seconds), "x") == seconds


@pytest.mark.parametrize(
    ("seconds", "value"),
    [(1.5, "1500ms"), (0.1, "100ms"), (0.0006, "1ms"), (0.00001, "1ms"), (86_400, "86400000ms")],
)
def test_as_a_setting_of_the_server_it_is_never_the_zero_that_means_for_ever(
    seconds: float, value: str
) -> None:
    assert milliseconds(seconds) == value
