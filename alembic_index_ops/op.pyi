"""alembic.op, and our operations on it."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from alembic.op import *  # noqa: F403
from typing_extensions import Unpack

from alembic_index_ops.definition import ColumnArgument, SqlArgument
from alembic_index_ops.settings import Duration

class _Building(TypedDict, total=False):
    schema: str | None
    concurrently: Literal["auto"] | bool
    lock_timeout: Duration | None

class _Index(_Building, total=False):
    unique: bool
    using: str
    where: SqlArgument | None
    nulls_not_distinct: bool
    storage_parameters: Mapping[str, object] | None
    tablespace: str | None
    comment: str | None

class _IncludingIndex(_Index, total=False):
    include: Sequence[str]

def create_desc_index(
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    **options: Unpack[_IncludingIndex],
) -> None:
    """Create an index with at least one DESC key on a live table.

    `columns`: names with their order ("created_at DESC NULLS LAST"), key(...) or SQLAlchemy
    expressions. `include`: columns that are stored, not searched. `where`: SQL text or an
    expression; the index holds only those rows. `lock_timeout`: seconds, a timedelta, or text
    like "3s". `concurrently`: "auto" (at once where nobody is disturbed), True or False.

    Raises the errors of alembic_index_ops.errors; after each, running the migration again
    ends right. https://www.postgresql.org/docs/current/sql-createindex.html
    """

def create_covering_index(
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    *,
    include: Sequence[str],
    **options: Unpack[_Index],
) -> None:
    """Create an index with included columns on a live table: create_desc_index's arguments."""

def create_concurrent_index(
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    **options: Unpack[_IncludingIndex],
) -> None:
    """Create any index on a live table: create_desc_index's arguments."""

def drop_concurrent_index(
    index_name: str,
    table_name: str,
    **options: Unpack[_Building],
) -> None:
    """Drop an index of a live table.

    In a downgrade, an index that this revision found and did not build is kept. Raises
    DropRefusedError for an index that a constraint or a replica identity stands on.
    """
