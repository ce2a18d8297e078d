"""saas: a payment provider's event is recorded once.

A constraint of Alembic's own, in a revision of its own: it keeps writers out while its index is
built, and what stands beside a concurrent build is committed by it.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint(
        "uq_billing_events_provider_event_id",
        "billing_events",
        ["provider", "provider_event_id"],
        schema="saas",
    )


def downgrade() -> None:
    op.drop_constraint("uq_billing_events_provider_event_id", "billing_events", schema="saas")
