"""What editors and type checkers know of the operations; checked, never run."""

import datetime

import sqlalchemy as sa

from alembic_index_ops import IndexSpec, KeyColumn, define_index, key, op

op.create_table("jobs", sa.Column("id", sa.Integer, primary_key=True))
op.create_desc_index("ix", "jobs", ["org_id", "created_at DESC"])
op.create_desc_index(op.f("ix"), "jobs", [sa.column("created_at").desc()], schema="app")
op.create_covering_index("ix", "users", ["email"], include=["name"], unique=True)
op.create_concurrent_index(
    "ix",
    "documents",
    [key("title", operator_class="text_pattern_ops", desc=True), sa.func.lower(sa.column("title"))],
    where=sa.column("deleted_at").is_(None),
    lock_timeout=datetime.timedelta(seconds=3),
    concurrently="auto",
    storage_parameters={"fillfactor": 70},
    comment="for the list of titles",
)
op.create_concurrent_index("ix", "documents", [sa.text("lower(title) DESC")], where="a IS NULL")
op.drop_concurrent_index("ix", "documents", schema="app", lock_timeout="3s")

spec: IndexSpec = define_index("ix", "jobs", ["id"])
column: KeyColumn = spec.key_columns[0]

op.create_desc_index("ix", "jobs")  # type: ignore[call-arg]  # pyright: ignore
op.create_desc_index("ix", "jobs", [1])  # type: ignore[list-item]  # pyright: ignore
op.create_covering_index("ix", "jobs", ["id"])  # type: ignore[call-arg]  # pyright: ignore
op.create_concurrent_index("ix", "jobs", ["id"], if_not_exists=True)  # type: ignore[call-arg]  # pyright: ignore
op.drop_concurrent_index("ix")  # type: ignore[call-arg]  # pyright: ignore
