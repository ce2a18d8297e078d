"""Settings in layers: the strongest that says something wins, and every word is checked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alembic_index_ops.durations import parse_duration
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.settings import Settings, layer_settings

LAYERS = ("alembic -x", 'index "ix"', "context.configure(index_ops=...)")


def layered(*values: object) -> Settings:
    return layer_settings(
        *(
            (source, {} if value is None else {"lock_timeout": value})
            for source, value in zip(LAYERS, values, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (("1s", "2s", "3s"), 1.0),
        ((None, "2s", "3s"), 2.0),
        ((None, None, "3s"), 3.0),
        ((None, None, None), 300.0),
    ],
)
def test_the_strongest_layer_wins(values: tuple[object, ...], seconds: float) -> None:
    assert layered(*values) == Settings(lock_timeout=seconds)


def test_none_is_not_said() -> None:
    assert layer_settings(("a", {"lock_timeout": None}), ("b", {"lock_timeout": 4})) == Settings(4)


@pytest.mark.parametrize("source", LAYERS)
def test_an_unknown_name_is_an_error_that_names_the_layer(source: str) -> None:
    with pytest.raises(ArgumentError) as unknown:
        layer_settings((source, {"lock_timout": 3}))

    assert str(unknown.value) == (
        f"{source}: there is no setting 'lock_timout'; known: analyze, drain_timeout,"
        " duplicates_timeout, lock_timeout, maintenance_work_mem, max_parallel_maintenance_workers,"
        " show_duplicates, stall_timeout, workers"
    )


@pytest.mark.parametrize("position", range(3))
def test_a_malformed_value_is_an_error_even_in_a_weaker_layer(position: int) -> None:
    values: list[object] = [None, None, None]
    values[position] = "3 parsecs"
    values[0] = values[0] or "1s"

    with pytest.raises(ArgumentError) as malformed:
        layered(*values)

    assert str(malformed.value) == (
        f"{LAYERS[position]}: lock_timeout is '3 parsecs'; write a number with its unit, like"
        ' "500ms", "3s", "15min"'
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3, 3.0),
        (0.5, 0.5),
        ("3", 3.0),
        ("500ms", 0.5),
        ("3s", 3.0),
        (" 15 min ", 900.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
        ("250us", 0.00025),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value, "x") == pytest.approx(seconds)


@pytest.mark.parametrize("value", [900_000, "900000"])
def test_a_number_of_days_asks_whether_milliseconds_were_meant(value: object) -> None:
    with pytest.raises(ArgumentError) as asks:
        parse_duration(value, "drain")

    assert str(asks.value) == (
        "drain is 900000: a bare number is seconds, and that is 10.4 days. If milliseconds were"
        ' meant, write "900000ms".'
    )


@pytest.mark.parametrize(
    "value", [0, -1, "0s", "-3s", "", "s", "1.2.3", "3S", True, None, [3], float("nan"), "3 s 4 s"]
)
def test_what_is_no_duration_is_an_error_that_names_it(value: object) -> None:
    with pytest.raises(ArgumentError) as malformed:
        parse_duration(value, "the layer: lock_timeout")

    assert str(malformed.value).startswith("the layer: lock_timeout is ")
