"""earlybird: a delivery service's users, orders, subscriptions and bills.

The indexes follow the Mongo collections of "Step 30: Database Index Strategy". Where it asks for an
index on `id` alone, the primary key is that index.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from example_project.models.base import Base, CreatedAt, UuidKey, one_of

SCHEMA = {"schema": "earlybird"}


class User(Base):
    __tablename__ = "users"
    __table_args__ = (one_of("role", "customer", "delivery", "supplier", "admin"), SCHEMA)

    id: Mapped[UuidKey]
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[CreatedAt]


class Product(Base):
    __tablename__ = "products"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    name: Mapped[str]
    category: Mapped[str]
    unit: Mapped[str]
    price: Mapped[Decimal]
    is_available: Mapped[bool]


class Order(Base):
    """`deleted_at` is set when an order is deleted softly; its row stays for the books."""

    __tablename__ = "orders"
    __table_args__ = (
        one_of("status", "PENDING", "CONFIRMED", "OUT_FOR_DELIVERY", "DELIVERED", "CANCELLED"),
        SCHEMA,
    )

    id: Mapped[UuidKey]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    status: Mapped[str]
    delivery_date: Mapped[date]
    items: Mapped[dict[str, Any]]
    total_amount: Mapped[Decimal]
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[datetime | None]


class Subscription(Base):
    __tablename__ = "subscriptions_v2"
    __table_args__ = (one_of("status", "draft", "active", "paused", "cancelled"), SCHEMA)

    id: Mapped[UuidKey]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Product.id))
    status: Mapped[str]
    quantity: Mapped[int]
    start_date: Mapped[date]
    created_at: Mapped[CreatedAt]


class DeliveryStatus(Base):
    __tablename__ = "delivery_statuses"
    __table_args__ = (one_of("status", "delivered", "not_delivered", "returned"), SCHEMA)

    id: Mapped[UuidKey]
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Order.id))
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    delivery_date: Mapped[date]
    status: Mapped[str]
    note: Mapped[str | None]


class Lead(Base):
    __tablename__ = "leads"
    __table_args__ = (one_of("status", "new", "contacted", "converted", "lost"), SCHEMA)

    id: Mapped[UuidKey]
    name: Mapped[str]
    phone: Mapped[str]
    source: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[CreatedAt]


class BillingRecord(Base):
    """`period` is a month, as in 2026-01."""

    __tablename__ = "billing_records"
    __table_args__ = (one_of("status", "open", "settled", "overdue"), SCHEMA)

    id: Mapped[UuidKey]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    period: Mapped[str]
    status: Mapped[str]
    amount: Mapped[Decimal]
    created_at: Mapped[CreatedAt]


class Supplier(Base):
    __tablename__ = "suppliers"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    name: Mapped[str]
    email: Mapped[str]
    phone: Mapped[str]


Index("ix_users_email", User.email, unique=True)
Index("ix_users_role", User.role)

Index("ix_orders_user_id", Order.user_id)
Index("ix_orders_status_delivery_date", Order.status, Order.delivery_date.desc())
Index("ix_orders_delivery_date", Order.delivery_date)
Index("ix_orders_user_id_status", Order.user_id, Order.status)
Index("ix_orders_delivery_date_status", Order.delivery_date, Order.status)
Index(
    "ix_orders_user_id_delivery_date_live",
    Order.user_id,
    Order.delivery_date.desc(),
    postgresql_where=Order.deleted_at.is_(None),
)

Index("ix_subscriptions_v2_status", Subscription.status)
Index("ix_subscriptions_v2_customer_id", Subscription.customer_id)
Index("ix_subscriptions_v2_id_status", Subscription.id, Subscription.status)

Index("ix_products_category", Product.category)

Index("ix_delivery_statuses_order_id", DeliveryStatus.order_id)
Index("ix_delivery_statuses_customer_id", DeliveryStatus.customer_id)
Index(
    "ix_delivery_statuses_customer_id_delivery_date",
    DeliveryStatus.customer_id,
    DeliveryStatus.delivery_date.desc(),
)

Index("ix_leads_status_created_at", Lead.status, Lead.created_at.desc())

Index("ix_billing_records_customer_id", BillingRecord.customer_id)
Index("ix_billing_records_period_status", BillingRecord.period, BillingRecord.status)

Index("ix_suppliers_email", Supplier.email)
