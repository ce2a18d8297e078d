"""`requires_index`: the marker, typed for editors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, TextClause

    from alembic_index_ops import KeyColumn
    from pytest_index_assert.facets import Level

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
    match: Level = "equivalent",
    eq: Sequence[Column] | None = None,
    range: Sequence[Column] | None = None,
    order_by: Sequence[Column] | None = None,
    query_where: Condition | None = None,
    index_only: Sequence[str] | None = None,
    reason: str | None = None,
) -> pytest.MarkDecorator:
    """`@pytest.mark.requires_index(...)`, with a signature.

    The test fails, and its body is not run, unless the migrated database has a valid index of
    this definition, of this name, or both. Columns are written as in the operations:
    "created_at DESC", `key(...)` or SQLAlchemy expressions; one list of them will do as well.

    `eq`, `range` and `order_by` in place of the columns ask for any index that, alone, serves such
    a query: `query_where` is what it says beside, `index_only` what it returns without a look at
    the table.
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
        "eq": eq,
        "range": range,
        "order_by": order_by,
        "query_where": query_where,
        "index_only": index_only,
        "reason": reason,
    }
    positional: tuple[Any, ...] = columns if table is None else (table, *columns)
    return getattr(pytest.mark, NAME).with_args(*positional, **given)  # type: ignore[no-any-return]
