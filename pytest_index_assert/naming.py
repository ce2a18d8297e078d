"""A name for an index that somebody has to create. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

_NAME_BYTES = 63


def default_name(table: str, columns: Sequence[Any]) -> str:
    """`ix_<table>_<columns>`, in at most 63 bytes."""
    words = [_column_word(column) for column in columns]
    name = "_".join(["ix", table, *words])
    if len(name.encode()) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: _NAME_BYTES - 9].decode(errors="ignore") + "_" + digest


def _column_word(column: Any) -> str:
    if isinstance(column, str):
        return column.split()[0] if column.split() else "expr"
    for attribute in ("column", "name"):
        word = getattr(column, attribute, None)
        if isinstance(word, str):
            return str(word)
    return "expr"
