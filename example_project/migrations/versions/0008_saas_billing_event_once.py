"""saas: a payment provider's event is recorded once.

The constraint's index is built while webhooks go on being written; only its last step, which looks
at no row, makes them wait, a tenth of a second at most in each try.

Revision ID: 0008
Revises: 0007
"""

from alembic_index_ops import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint_concurrently(
        "uq_billing_events_provider_event_id",
        "billing_events",
        ["provider", "provider_event_id"],
        schema="saas",
    )


def downgrade() -> None:
    op.drop_unique_constraint_concurrently(
        "uq_billing_events_provider_event_id", "billing_events", schema="saas"
    )
