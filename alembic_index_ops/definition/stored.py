"""What an index is, or was, <-> one line of text, as a comment keeps it."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from typing import Any

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName

_SWITCHES = frozenset({"descending", "nulls_first", "unique", "nulls_not_distinct"})


@dataclass(frozen=True, slots=True)
class Former:
    """An index as it was before another one took its name, and what that one does not carry on.

    `comment`: the user's, where the other was given its own ("" for none). `statistics`: targets by
    column number, of expressions that the other has not.
    """

    spec: IndexSpec
    comment: str | None = None
    statistics: tuple[tuple[int, int], ...] = ()


def dump_former(former: Former) -> str:
    """The definition as one line of JSON, with the rest where there is any."""
    further = {"comment": former.comment, "statistics": _plain(former.statistics) or None}
    given = {name: value for name, value in further.items() if value is not None}
    return json.dumps({**_plain(former.spec), **given}, ensure_ascii=True, separators=(",", ":"))


def load_former(text: str) -> Former:
    """The same again, also of a definition alone. Raises ValueError for a text that is none."""
    try:
        values = json.loads(text)
        comment, statistics = values.pop("comment", None), values.pop("statistics", [])
        if not isinstance(comment, (str, type(None))):
            raise TypeError(comment)
        targets = tuple((int(number), int(target)) for number, target in statistics)
        return Former(_load(values), comment, targets)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no stored definition of an index: {text[:80]!r}") from error


def _load(values: dict[str, Any]) -> IndexSpec:
    keys = tuple(_load_key(key) for key in values.pop("key_columns"))
    return IndexSpec(key_columns=keys, **_checked(values))


def _load_key(values: dict[str, Any]) -> KeyColumn:
    names: dict[str, Any] = {
        name: QualifiedName(**_checked(values.pop(name)))
        for name in ("operator_class", "collation")
        if name in values
    }
    return KeyColumn(**_checked(values), **names)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values as the constructors take them: they do not look at types."""
    return {
        name: _tupled(value, bool if name in _SWITCHES else str) for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    return {
        field.name: _plain(getattr(value, field.name))
        for field in fields(value)
        if field.default is MISSING or getattr(value, field.name) != field.default
    }


def _tupled(value: Any, kind: type) -> Any:
    if isinstance(value, list):
        return tuple(_tupled(each, kind) for each in value)
    if not isinstance(value, kind):
        raise TypeError(value)
    return value
