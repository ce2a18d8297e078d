"""earlybird: the indexes of "Step 30: Database Index Strategy", and its partial one.

The document also asks for an index on users(id), products(id) and leads(id). The primary keys
`users_pkey`, `products_pkey` and `leads_pkey` are those indexes, so none is built a second time.

Revision ID: 0005
Revises: 0004
"""

from alembic_index_ops import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "earlybird"


def upgrade() -> None:
    op.create_concurrent_index("ix_users_email", "users", ["email"], unique=True, schema=SCHEMA)
    op.create_concurrent_index("ix_users_role", "users", ["role"], schema=SCHEMA)

    op.create_concurrent_index("ix_orders_user_id", "orders", ["user_id"], schema=SCHEMA)
    op.create_desc_index(
        "ix_orders_status_delivery_date", "orders", ["status", "delivery_date DESC"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_orders_delivery_date", "orders", ["delivery_date"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_orders_user_id_status", "orders", ["user_id", "status"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_orders_delivery_date_status", "orders", ["delivery_date", "status"], schema=SCHEMA
    )
    op.create_desc_index(
        "ix_orders_user_id_delivery_date_live",
        "orders",
        ["user_id", "delivery_date DESC"],
        where="deleted_at IS NULL",
        schema=SCHEMA,
    )

    op.create_concurrent_index(
        "ix_subscriptions_v2_status", "subscriptions_v2", ["status"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_subscriptions_v2_customer_id", "subscriptions_v2", ["customer_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_subscriptions_v2_id_status", "subscriptions_v2", ["id", "status"], schema=SCHEMA
    )

    op.create_concurrent_index("ix_products_category", "products", ["category"], schema=SCHEMA)

    op.create_concurrent_index(
        "ix_delivery_statuses_order_id", "delivery_statuses", ["order_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_delivery_statuses_customer_id", "delivery_statuses", ["customer_id"], schema=SCHEMA
    )
    op.create_desc_index(
        "ix_delivery_statuses_customer_id_delivery_date",
        "delivery_statuses",
        ["customer_id", "delivery_date DESC"],
        schema=SCHEMA,
    )

    op.create_desc_index(
        "ix_leads_status_created_at", "leads", ["status", "created_at DESC"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "ix_billing_records_customer_id", "billing_records", ["customer_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "ix_billing_records_period_status", "billing_records", ["period", "status"], schema=SCHEMA
    )

    op.create_concurrent_index("ix_suppliers_email", "suppliers", ["email"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_concurrent_index("ix_suppliers_email", "suppliers", schema=SCHEMA)
    op.drop_concurrent_index("ix_billing_records_period_status", "billing_records", schema=SCHEMA)
    op.drop_concurrent_index("ix_billing_records_customer_id", "billing_records", schema=SCHEMA)
    op.drop_concurrent_index("ix_leads_status_created_at", "leads", schema=SCHEMA)
    op.drop_concurrent_index(
        "ix_delivery_statuses_customer_id_delivery_date", "delivery_statuses", schema=SCHEMA
    )
    op.drop_concurrent_index("ix_delivery_statuses_customer_id", "delivery_statuses", schema=SCHEMA)
    op.drop_concurrent_index("ix_delivery_statuses_order_id", "delivery_statuses", schema=SCHEMA)
    op.drop_concurrent_index("ix_products_category", "products", schema=SCHEMA)
    op.drop_concurrent_index("ix_subscriptions_v2_id_status", "subscriptions_v2", schema=SCHEMA)
    op.drop_concurrent_index("ix_subscriptions_v2_customer_id", "subscriptions_v2", schema=SCHEMA)
    op.drop_concurrent_index("ix_subscriptions_v2_status", "subscriptions_v2", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_user_id_delivery_date_live", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_delivery_date_status", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_user_id_status", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_delivery_date", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_status_delivery_date", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_orders_user_id", "orders", schema=SCHEMA)
    op.drop_concurrent_index("ix_users_role", "users", schema=SCHEMA)
    op.drop_concurrent_index("ix_users_email", "users", schema=SCHEMA)
