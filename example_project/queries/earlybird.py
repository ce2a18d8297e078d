"""What earlybird's routes ask of the database, as its document lists them."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Executable, func, select, update

from example_project.models.earlybird import (
    BillingRecord,
    DeliveryStatus,
    Lead,
    Order,
    Product,
    Subscription,
    Supplier,
    User,
)


def user_by_id(user_id: UUID) -> Executable:
    return select(User).where(User.id == user_id)


def user_by_email(email: str) -> Executable:
    return select(User).where(User.email == email)


def users_with_role(role: str) -> Executable:
    return select(User).where(User.role == role)


def count_users_with_role(role: str) -> Executable:
    return select(func.count()).select_from(User).where(User.role == role)


def order_history(user_id: UUID) -> Executable:
    return select(Order).where(Order.user_id == user_id)


def orders_with_status(status: str) -> Executable:
    return select(Order).where(Order.status == status).order_by(Order.delivery_date.desc())


def orders_due(day: date) -> Executable:
    return select(Order).where(Order.delivery_date == day)


def orders_between(first: date, last: date, status: str) -> Executable:
    return select(Order).where(Order.delivery_date.between(first, last), Order.status == status)


def orders_of_user_with_status(user_id: UUID, statuses: Sequence[str]) -> Executable:
    return select(Order).where(Order.user_id == user_id, Order.status.in_(statuses))


def live_orders(user_id: UUID) -> Executable:
    """A customer's orders that are not deleted, the newest first."""
    return (
        select(Order)
        .where(Order.user_id == user_id, Order.deleted_at.is_(None))
        .order_by(Order.delivery_date.desc())
    )


def subscriptions_of(customer_id: UUID) -> Executable:
    return select(Subscription).where(Subscription.customer_id == customer_id)


def count_subscriptions(status: str) -> Executable:
    return select(func.count()).select_from(Subscription).where(Subscription.status == status)


def subscriptions_to_bill(statuses: Sequence[str]) -> Executable:
    return select(Subscription).where(Subscription.status.in_(statuses))


def pause_subscription(subscription_id: UUID) -> Executable:
    return (
        update(Subscription)
        .where(Subscription.id == subscription_id, Subscription.status == "active")
        .values(status="paused")
    )


def catalogue() -> Executable:
    return select(Product)


def product_by_id(product_id: UUID) -> Executable:
    return select(Product).where(Product.id == product_id)


def products_in(category: str) -> Executable:
    return select(Product).where(Product.category == category)


def delivery_of(order_id: UUID) -> Executable:
    return select(DeliveryStatus).where(DeliveryStatus.order_id == order_id)


def deliveries_to(customer_id: UUID) -> Executable:
    return select(DeliveryStatus).where(DeliveryStatus.customer_id == customer_id)


def deliveries_between(customer_id: UUID, first: date, last: date) -> Executable:
    return select(DeliveryStatus).where(
        DeliveryStatus.customer_id == customer_id,
        DeliveryStatus.delivery_date.between(first, last),
    )


def leads_with_status(status: str) -> Executable:
    return select(Lead).where(Lead.status == status).order_by(Lead.created_at.desc())


def lead_by_id(lead_id: UUID) -> Executable:
    return select(Lead).where(Lead.id == lead_id)


def bills_of(customer_id: UUID) -> Executable:
    return select(BillingRecord).where(BillingRecord.customer_id == customer_id)


def bills_in(period: str, status: str) -> Executable:
    return select(BillingRecord).where(
        BillingRecord.period == period, BillingRecord.status == status
    )


def supplier_by_email(email: str) -> Executable:
    return select(Supplier).where(Supplier.email == email)
