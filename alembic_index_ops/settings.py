"""How to build: one frozen value, and the one place that layers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from alembic_index_ops.errors import ArgumentError

Duration = float | int | str | timedelta
"""Seconds, a timedelta, or PostgreSQL text such as "3s", "500ms", "15min"."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_BARE_NUMBER = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """What a build may take; never a part of what an index is.

    `lock_timeout`, in seconds, bounds every wait for a lock: for the table, and inside the
    server's concurrent statements for open transactions and old snapshots. The server's
    deadlock_timeout plus half a second is its floor: below that it loses to autovacuum.
    """

    lock_timeout: float = 30.0


def layer_settings(*layers: tuple[str, Mapping[str, object]]) -> Settings:
    """Settings from layers, the strongest first, each with the name that messages call it by.

    None in a layer means "not said here". Raises ArgumentError for an unknown or malformed
    setting, which names the layer.
    """
    known = {field.name for field in fields(Settings)}
    values: dict[str, float] = {}
    for source, layer in layers:
        for name, value in layer.items():
            if name not in known:
                raise ArgumentError(
                    f"{source}: there is no setting {name!r}; known: {', '.join(sorted(known))}"
                )
            if value is not None:
                seconds = parse_duration(value, f"{source}: {name}")
                values.setdefault(name, seconds)
    return Settings(**values)


def parse_duration(value: object, label: str) -> float:
    """Seconds. Raises ArgumentError, which starts with `label`, for anything malformed."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ArgumentError(f'{label} is {value!r}; give seconds, a timedelta or text like "3s"')
    elif isinstance(value, str) and not re.fullmatch(r"\s*[\d.]+\s*", value):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)\s*", value)
        if found is None:
            raise ArgumentError(
                f'{label} is {value!r}; write a number with its unit, like "500ms", "3s", "15min"'
            )
        seconds = float(found[1]) * _UNITS[found[2]]
    else:
        try:
            seconds = float(value)
        except ValueError:
            raise ArgumentError(f"{label} is {value!r}, which is no number") from None
        if seconds > _LONGEST_BARE_NUMBER:
            raise ArgumentError(
                f"{label} is {value}: a bare number is seconds, and that is"
                f' {seconds / 86_400:.1f} days. If milliseconds were meant, write "{value}ms".'
            )
    if not seconds > 0:
        raise ArgumentError(f"{label} is {value!r}; it has to be more than zero")
    return seconds
