"""Lengths of time: from what users write to seconds, and from seconds to words."""

from __future__ import annotations

import re
from datetime import timedelta

from alembic_index_ops.errors import ArgumentError

Duration = float | int | str | timedelta
"""Seconds, a timedelta, or PostgreSQL text such as "3s", "500ms", "15min"."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_BARE_NUMBER = 86_400


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


def render_duration(seconds: float) -> str:
    """The time in words, of at most two units: "1.5 s", "15 min", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    parts = []
    rest = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
        if parts and (len(parts) == 2 or not rest or not count):
            break
    return " ".join(parts)


def milliseconds(seconds: float) -> str:
    """Seconds as a value of PostgreSQL's time settings; 0, which means "never", is avoided."""
    return f"{max(1, round(seconds * 1000))}ms"
