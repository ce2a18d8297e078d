"""upstream: tables for customers, report runs, the audit trail and product switches.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA upstream")
    op.create_table(
        "upstream_customer",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="upstream",
    )
    op.create_table(
        "auth_user",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["upstream.upstream_customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("username"),
        schema="upstream",
    )
    op.create_table(
        "upstream_productconfig",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("product_slug", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("config_json", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["upstream.upstream_customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="upstream",
    )
    op.create_table(
        "upstream_reportrun",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("run_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary_json", JSONB(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'success', 'failed')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["upstream.upstream_customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="upstream",
    )
    op.create_table(
        "upstream_domainauditevent",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column(
            "timestamp", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("metadata_json", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["upstream.upstream_customer.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["upstream.auth_user.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="upstream",
    )


def downgrade() -> None:
    op.drop_table("upstream_domainauditevent", schema="upstream")
    op.drop_table("upstream_reportrun", schema="upstream")
    op.drop_table("upstream_productconfig", schema="upstream")
    op.drop_table("auth_user", schema="upstream")
    op.drop_table("upstream_customer", schema="upstream")
    op.execute("DROP SCHEMA upstream")
