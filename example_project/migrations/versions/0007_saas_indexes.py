"""saas: the indexes of "Database Indexes Implementation Summary".

`ix_users_email` and `idx_content_artifacts_job_type` exist since revision 0003. Naming them here
makes sure of them: they are adopted as they are, and a downgrade leaves them alone.

Revision ID: 0007
Revises: 0006
"""

from alembic_index_ops import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "saas"


def upgrade() -> None:
    op.create_concurrent_index("ix_users_email", "users", ["email"], unique=True, schema=SCHEMA)
    op.create_concurrent_index(
        "idx_memberships_org_user", "memberships", ["org_id", "user_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "idx_subscriptions_org_status", "subscriptions", ["org_id", "status"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "idx_usage_counters_org_period",
        "usage_counters",
        ["org_id", "period_month"],
        schema=SCHEMA,
    )
    op.create_desc_index(
        "idx_content_jobs_org_created_desc",
        "content_jobs",
        ["org_id", "created_at DESC"],
        schema=SCHEMA,
    )
    op.create_concurrent_index("idx_content_jobs_status", "content_jobs", ["status"], schema=SCHEMA)
    op.create_concurrent_index(
        "idx_content_artifacts_job_type", "content_artifacts", ["job_id", "type"], schema=SCHEMA
    )


def downgrade() -> None:
    op.drop_concurrent_index("idx_content_artifacts_job_type", "content_artifacts", schema=SCHEMA)
    op.drop_concurrent_index("idx_content_jobs_status", "content_jobs", schema=SCHEMA)
    op.drop_concurrent_index("idx_content_jobs_org_created_desc", "content_jobs", schema=SCHEMA)
    op.drop_concurrent_index("idx_usage_counters_org_period", "usage_counters", schema=SCHEMA)
    op.drop_concurrent_index("idx_subscriptions_org_status", "subscriptions", schema=SCHEMA)
    op.drop_concurrent_index("idx_memberships_org_user", "memberships", schema=SCHEMA)
    op.drop_concurrent_index("ix_users_email", "users", schema=SCHEMA)
