"""The keyword arguments that our operations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from alembic_index_ops.definition.arguments import DEFINITION, unknown_argument
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.settings import SETTING_NAMES

Concurrently = Literal["auto"] | bool


def take_settings(label: str, options: dict[str, Any], allowed: Sequence[str]) -> dict[str, object]:
    """The settings among the options. Raises ArgumentError for any other option."""
    settings = {name: options.pop(name) for name in allowed if name in options}
    for name in options:
        raise unknown_argument(label, name, ("schema", *allowed))
    return settings


def how_to_build(label: str, options: dict[str, Any]) -> tuple[Concurrently, dict[str, object]]:
    """Take `concurrently` and the settings out of the options, which are to be empty then.

    Raises ArgumentError for what is left, with our spelling of it where there is one.
    """
    concurrently = options.pop("concurrently", "auto")
    if concurrently not in ("auto", True, False):
        raise ArgumentError(f'{label}: concurrently is "auto", True or False, not {concurrently!r}')
    settings = {name: options.pop(name) for name in SETTING_NAMES if name in options}
    for name in options:
        known = (*DEFINITION, "comment", "concurrently", *SETTING_NAMES)
        raise unknown_argument(label, name, known)
    return concurrently, settings
