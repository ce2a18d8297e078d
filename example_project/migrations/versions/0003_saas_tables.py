"""saas: tables for organisations, members, subscriptions, content jobs and billing events.

Two indexes are as old as their tables and were made the plain way.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA saas")
    op.create_table(
        "billing_events",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_event_id", sa.Text(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider_event_id"),
        schema="saas",
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_table(
        "content_jobs",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["saas.organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="role_is_known"),
        sa.ForeignKeyConstraint(["org_id"], ["saas.organizations.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["saas.users.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("current_period_end", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('trialing', 'active', 'past_due', 'canceled')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["saas.organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_table(
        "usage_counters",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("period_month", sa.Date(), nullable=False),
        sa.Column("jobs_used", sa.Integer(), nullable=False),
        sa.Column("tokens_used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["saas.organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("org_id", "period_month", name="uq_usage_counters_org_id_period_month"),
        schema="saas",
    )
    op.create_table(
        "content_artifacts",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["saas.content_jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="saas",
    )
    op.create_index("ix_users_email", "users", ["email"], unique=True, schema="saas")
    op.create_index(
        "idx_content_artifacts_job_type", "content_artifacts", ["job_id", "type"], schema="saas"
    )


def downgrade() -> None:
    op.drop_table("content_artifacts", schema="saas")
    op.drop_table("usage_counters", schema="saas")
    op.drop_table("subscriptions", schema="saas")
    op.drop_table("memberships", schema="saas")
    op.drop_table("content_jobs", schema="saas")
    op.drop_table("users", schema="saas")
    op.drop_table("organizations", schema="saas")
    op.drop_table("billing_events", schema="saas")
    op.execute("DROP SCHEMA saas")
