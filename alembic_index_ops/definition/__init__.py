"""What an index is: values and text; no database, no Alembic, SQLAlchemy only inside functions."""

from alembic_index_ops.definition.columns import ColumnArgument, SqlArgument, define_index, key
from alembic_index_ops.definition.compare import Difference, compare_definitions, describe_key
from alembic_index_ops.definition.indexes import from_index
from alembic_index_ops.definition.model import ModelColumn, index, to_index
from alembic_index_ops.definition.source import render_create_call, render_drop_call
from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName
from alembic_index_ops.definition.sql import render_create, render_drop, render_key, render_value

__all__ = [
    "ColumnArgument",
    "Difference",
    "IndexSpec",
    "KeyColumn",
    "ModelColumn",
    "QualifiedName",
    "SqlArgument",
    "compare_definitions",
    "define_index",
    "describe_key",
    "from_index",
    "index",
    "key",
    "render_create",
    "render_create_call",
    "render_drop",
    "render_drop_call",
    "render_key",
    "render_value",
    "to_index",
]
