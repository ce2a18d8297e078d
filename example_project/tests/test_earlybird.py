"""A query of earlybird for each index that its document asks for."""

from datetime import date
from uuid import UUID

from sqlalchemy import Engine

from example_project.queries import earlybird
from example_project.tests import Fetch
from pytest_index_assert import requires_index

SOME = UUID(int=1)
FIRST, LAST = date(2025, 12, 1), date(2025, 12, 31)


@requires_index("users", "id", unique=True, schema="earlybird", reason="users_pkey serves it")
def test_user_by_id(fetch: Fetch) -> None:
    assert fetch(earlybird.user_by_id(SOME)) == []


@requires_index("users", "email", unique=True, schema="earlybird")
def test_user_by_email(fetch: Fetch) -> None:
    assert fetch(earlybird.user_by_email("nobody@example.com")) == []


@requires_index("users", "role", schema="earlybird")
def test_users_with_role(fetch: Fetch) -> None:
    assert fetch(earlybird.users_with_role("delivery")) == []
    assert fetch(earlybird.count_users_with_role("customer")) == [(0,)]


@requires_index("orders", "user_id", schema="earlybird")
def test_order_history(fetch: Fetch) -> None:
    assert fetch(earlybird.order_history(SOME)) == []


@requires_index("orders", "status", "delivery_date DESC", schema="earlybird")
def test_orders_with_status(fetch: Fetch) -> None:
    assert fetch(earlybird.orders_with_status("DELIVERED")) == []


@requires_index("orders", "delivery_date", schema="earlybird")
def test_orders_due(fetch: Fetch) -> None:
    assert fetch(earlybird.orders_due(FIRST)) == []


@requires_index("orders", "user_id", "status", schema="earlybird")
def test_orders_of_user_with_status(fetch: Fetch) -> None:
    assert fetch(earlybird.orders_of_user_with_status(SOME, ["PENDING", "DELIVERED"])) == []


@requires_index("orders", "delivery_date", "status", schema="earlybird")
def test_orders_between(fetch: Fetch) -> None:
    assert fetch(earlybird.orders_between(FIRST, LAST, "DELIVERED")) == []


@requires_index(
    "orders", "user_id", "delivery_date DESC", where="deleted_at IS NULL", schema="earlybird"
)
def test_live_orders(fetch: Fetch) -> None:
    assert fetch(earlybird.live_orders(SOME)) == []


@requires_index("subscriptions_v2", "status", schema="earlybird")
def test_subscriptions_to_bill(fetch: Fetch) -> None:
    assert fetch(earlybird.subscriptions_to_bill(["active", "paused"])) == []
    assert fetch(earlybird.count_subscriptions("active")) == [(0,)]


@requires_index("subscriptions_v2", "customer_id", schema="earlybird")
def test_subscriptions_of(fetch: Fetch) -> None:
    assert fetch(earlybird.subscriptions_of(SOME)) == []


@requires_index("subscriptions_v2", "id", "status", schema="earlybird")
def test_pause_subscription(index_engine: Engine) -> None:
    with index_engine.connect() as connection:
        assert connection.execute(earlybird.pause_subscription(SOME)).rowcount == 0


@requires_index("products", "id", unique=True, schema="earlybird", reason="products_pkey serves it")
def test_product_by_id(fetch: Fetch) -> None:
    assert fetch(earlybird.product_by_id(SOME)) == []


@requires_index("products", "category", schema="earlybird")
def test_products_in(fetch: Fetch) -> None:
    assert fetch(earlybird.products_in("milk")) == []


@requires_index("delivery_statuses", "order_id", schema="earlybird")
def test_delivery_of(fetch: Fetch) -> None:
    assert fetch(earlybird.delivery_of(SOME)) == []


@requires_index("delivery_statuses", "customer_id", schema="earlybird")
def test_deliveries_to(fetch: Fetch) -> None:
    assert fetch(earlybird.deliveries_to(SOME)) == []


@requires_index("delivery_statuses", "customer_id", "delivery_date DESC", schema="earlybird")
def test_deliveries_between(fetch: Fetch) -> None:
    assert fetch(earlybird.deliveries_between(SOME, FIRST, LAST)) == []


@requires_index("leads", "status", "created_at DESC", schema="earlybird")
def test_leads_with_status(fetch: Fetch) -> None:
    assert fetch(earlybird.leads_with_status("new")) == []


@requires_index("leads", "id", unique=True, schema="earlybird", reason="leads_pkey serves it")
def test_lead_by_id(fetch: Fetch) -> None:
    assert fetch(earlybird.lead_by_id(SOME)) == []


@requires_index("billing_records", "customer_id", schema="earlybird")
def test_bills_of(fetch: Fetch) -> None:
    assert fetch(earlybird.bills_of(SOME)) == []


@requires_index("billing_records", "period", "status", schema="earlybird")
def test_bills_in(fetch: Fetch) -> None:
    assert fetch(earlybird.bills_in("2025-12", "settled")) == []


@requires_index("suppliers", "email", schema="earlybird")
def test_supplier_by_email(fetch: Fetch) -> None:
    assert fetch(earlybird.supplier_by_email("nobody@example.com")) == []
