"""earlybird: tables for users, orders, subscriptions, deliveries, leads and bills.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA earlybird")
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('new', 'contacted', 'converted', 'lost')", name="status_is_known"
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(12, 2), nullable=False),
        sa.Column("is_available", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "suppliers",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "role IN ('customer', 'delivery', 'supplier', 'admin')", name="role_is_known"
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "billing_records",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("status IN ('open', 'settled', 'overdue')", name="status_is_known"),
        sa.ForeignKeyConstraint(["customer_id"], ["earlybird.users.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("delivery_date", sa.Date(), nullable=False),
        sa.Column("items", JSONB(), nullable=False),
        sa.Column("total_amount", sa.Numeric(12, 2), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CONFIRMED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'CANCELLED')",
            name="status_is_known",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["earlybird.users.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "subscriptions_v2",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'cancelled')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["earlybird.users.id"]),
        sa.ForeignKeyConstraint(["product_id"], ["earlybird.products.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )
    op.create_table(
        "delivery_statuses",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_date", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('delivered', 'not_delivered', 'returned')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["earlybird.users.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["earlybird.orders.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="earlybird",
    )


def downgrade() -> None:
    op.drop_table("delivery_statuses", schema="earlybird")
    op.drop_table("subscriptions_v2", schema="earlybird")
    op.drop_table("orders", schema="earlybird")
    op.drop_table("billing_records", schema="earlybird")
    op.drop_table("users", schema="earlybird")
    op.drop_table("suppliers", schema="earlybird")
    op.drop_table("products", schema="earlybird")
    op.drop_table("leads", schema="earlybird")
    op.execute("DROP SCHEMA earlybird")
