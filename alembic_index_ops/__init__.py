"""Alembic operations that build PostgreSQL indexes on live tables.

PYTEST_DONT_REWRITE
"""

from alembic_index_ops.catalog import ObservedIndex, Table, normalise, read_indexes, read_table
from alembic_index_ops.definition import (
    Difference,
    IndexSpec,
    KeyColumn,
    QualifiedName,
    compare_definitions,
    define_index,
    describe_key,
    from_index,
    key,
    render_create,
    render_create_call,
)
from alembic_index_ops.errors import (
    ArgumentError,
    BuildError,
    CannotJudgeError,
    DefinitionDiffersError,
    DropError,
    DropRefusedError,
    DuplicateKeysError,
    IndexOpsError,
    LockTimeoutError,
    NameTakenError,
    TableNotFoundError,
    TransactionError,
    UnsupportedError,
    VerificationError,
)

__all__ = [
    "ArgumentError",
    "BuildError",
    "CannotJudgeError",
    "DefinitionDiffersError",
    "Difference",
    "DropError",
    "DropRefusedError",
    "DuplicateKeysError",
    "IndexOpsError",
    "IndexSpec",
    "KeyColumn",
    "LockTimeoutError",
    "NameTakenError",
    "ObservedIndex",
    "QualifiedName",
    "Table",
    "TableNotFoundError",
    "TransactionError",
    "UnsupportedError",
    "VerificationError",
    "compare_definitions",
    "define_index",
    "describe_key",
    "from_index",
    "key",
    "normalise",
    "read_indexes",
    "read_table",
    "render_create",
    "render_create_call",
]
