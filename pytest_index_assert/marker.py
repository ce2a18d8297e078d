"""`requires_index`: the marker, typed for editors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, TextClause

    from alembic_index_ops import KeyColumn

    Column = str | KeyColumn | ColumnElement[Any] | TextClause
    Condition = str | ColumnElement[bool] | TextClause

NAME = "requires_index"


def requires_index(
    table: str | None = None,
    *columns: Column | Sequence[Column],
    schema: str | None = None,
    name: str | None = None,
    include: Sequence[str] = (),
    unique: bool | None = None,
    using: str = "btree",
    where: Condition | None = None,
    nulls_not_distinct: bool = False,
    match: Literal["exact", "equivalent"] = "equivalent",
    reason: str | None = None,
) -> pytest.MarkDecorator:
    """`@pytest.mark.requires_index(...)`, with a signature.

    The test fails, and its body is not run, unless the migrated database has a valid index of
    this definition, of this name, or both. Columns are written as in the operations:
    "created_at DESC", `key(...)` or SQLAlchemy expressions; one list of them will do as well.
    """
    given: dict[str, Any] = {
        "schema": schema,
        "name": name,
        "include": include,
        "unique": unique,
        "using": using,
        "where": where,
        "nulls_not_distinct": nulls_not_distinct,
        "match": match,
        "reason": reason,
    }
    positional: tuple[Any, ...] = columns if table is None else (table, *columns)
    return getattr(pytest.mark, NAME).with_args(*positional, **given)  # type: ignore[no-any-return]
