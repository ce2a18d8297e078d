"""alembic.op, and our operations on it."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from alembic.op import *  # noqa: F403
from typing_extensions import Unpack

from alembic_index_ops.definition import ColumnArgument, IndexSpec, SqlArgument
from alembic_index_ops.durations import Duration

class _Building(TypedDict, total=False):
    schema: str | None
    concurrently: Literal["auto"] | bool
    lock_timeout: Duration | None
    drain_timeout: Duration | None
    stall_timeout: Duration | None
    maintenance_work_mem: str | None
    max_parallel_maintenance_workers: int | None

class _Several(_Building, total=False):
    workers: int | None

class _SeveralNew(_Several, total=False):
    analyze: bool | None
    show_duplicates: bool | None
    duplicates_timeout: Duration | None

class _Constraint(TypedDict, total=False):
    schema: str | None
    lock_timeout: Duration | None
    stall_timeout: Duration | None

class _UniqueConstraint(_Constraint, total=False):
    include: Sequence[str]
    nulls_not_distinct: bool
    deferrable: bool | None
    initially: Literal["IMMEDIATE", "DEFERRED"] | None
    storage_parameters: Mapping[str, object] | None
    tablespace: str | None
    comment: str | None
    drain_timeout: Duration | None
    maintenance_work_mem: str | None
    max_parallel_maintenance_workers: int | None
    show_duplicates: bool | None
    duplicates_timeout: Duration | None

class _Index(_Building, total=False):
    workers: int | None
    analyze: bool | None
    show_duplicates: bool | None
    duplicates_timeout: Duration | None
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
    expression; the index holds only those rows. `concurrently`: "auto" (at once where nobody is
    disturbed), True or False.

    Times are seconds, a timedelta, or text like "3s": `lock_timeout` (5 min) for the table's lock,
    `drain_timeout` (15 min) for the end of older transactions, `stall_timeout` (100 ms) for each
    try for a lock that makes readers or writers wait. `maintenance_work_mem` ("1GB") and
    `max_parallel_maintenance_workers` hold while it builds. `analyze`: ANALYZE afterwards.
    `show_duplicates=False`: a failing unique index tells no values; `duplicates_timeout`
    (10 s) bounds the search for them. `alembic -x index_ops.drain_timeout=1h` beats what is
    written here, which beats `context.configure(index_ops={...})`.

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
    """Drop an index of a live table, after all transactions that use the table now.

    The started drop of a valid index is never cut, whatever `drain_timeout` says: it would leave
    the index INVALID. In a downgrade, an index that this revision found and did not build is kept.
    Raises DropRefusedError for an index that a constraint or a replica identity stands on.
    """

def replace_index(
    index_name: str,
    table_name: str,
    columns: Sequence[ColumnArgument],
    **options: Unpack[_IncludingIndex],
) -> None:
    """Give an index of a live table another definition: create_desc_index's arguments.

    The old index serves until the new one is built, verified and has its name. Its definition is
    kept in the new one's comment, for restore_index. Raises ReplaceRefusedError for an index that
    a constraint or a foreign key stands on, IndexNotFoundError where there is none.
    """

def restore_index(
    index_name: str,
    table_name: str,
    **options: Unpack[_Building],
) -> None:
    """In a downgrade: give an index the definition that this revision's replace_index replaced."""

def rename_index(
    index_name: str,
    new_index_name: str,
    table_name: str,
    *,
    schema: str | None = None,
    lock_timeout: Duration | None = None,
) -> None:
    """Rename an index, with its tags. Where it has the new name already, nothing is done."""

def reindex_concurrently(
    index_name: str | None = None,
    *,
    table_name: str | None = None,
    schema: str | None = None,
    lock_timeout: Duration | None = None,
    drain_timeout: Duration | None = None,
    maintenance_work_mem: str | None = None,
    max_parallel_maintenance_workers: int | None = None,
    show_duplicates: bool | None = None,
    duplicates_timeout: Duration | None = None,
) -> None:
    """Rebuild one index, all of a table (table_name=), or all of a schema (schema= alone).

    An INVALID index becomes valid; INVALID copies that earlier runs left (_ccnew, _ccold) are
    dropped. Raises DuplicateKeysError for an INVALID unique index whose rows hold duplicates, and
    UnsupportedError on PostgreSQL 14.0 to 14.3, whose concurrent builds can corrupt.
    https://www.postgresql.org/docs/current/sql-reindex.html
    """

def create_unique_constraint_concurrently(
    constraint_name: str,
    table_name: str,
    columns: Sequence[str],
    **options: Unpack[_UniqueConstraint],
) -> None:
    """Add a UNIQUE constraint to a live table: its index is built concurrently, then taken.

    `columns`: names alone. Only the last step makes others wait, no longer than stall_timeout
    each try.
    """

def drop_unique_constraint_concurrently(
    constraint_name: str,
    table_name: str,
    **options: Unpack[_Constraint],
) -> None:
    """Drop a UNIQUE constraint of a live table, in tries of stall_timeout."""

def create_indexes(specs: Sequence[IndexSpec], **options: Unpack[_SeveralNew]) -> None:
    """Create several indexes, `workers` (1) at a time, one per table at a time.

    `specs`: made by alembic_index_ops.define_index, which has create_desc_index's arguments. A
    failure lets the running others finish; then one error tells all.
    """

def drop_indexes(specs: Sequence[IndexSpec], **options: Unpack[_Several]) -> None:
    """Drop several indexes; in a downgrade, only what this revision built."""
