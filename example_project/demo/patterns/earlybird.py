"""The patterns of "Step 30: Database Index Strategy" and of its completion summary.

An `id` is an md5, so the first by `id` is a row drawn at random.
"""

from example_project.demo.pattern import Claim, Document, Pattern
from example_project.queries import earlybird

PRIORITY_1 = Claim("50-100x")
PRIORITY_2 = Claim("10-50x")
USER_LOOKUP = Claim("50-100x")
ORDER_HISTORY = Claim("25-100x")
BILLING = Claim("25-50x")
DASHBOARD = Claim("6-10x")
REPORT = Claim("5-10x")
SCAN_IS_FINE = Claim("full scan OK")
PARTIAL = Claim("Could optimize further")

A_USER = "SELECT id FROM earlybird.users ORDER BY id LIMIT 1"
AN_EMAIL = "SELECT email FROM earlybird.users ORDER BY id LIMIT 1"
A_CUSTOMER = "SELECT user_id FROM earlybird.orders ORDER BY id LIMIT 1"

DOCUMENT = Document(
    "earlybird",
    "Step 30: Database Index Strategy, and its Completion Summary",
    (
        Pattern("user by id", USER_LOOKUP, earlybird.user_by_id, A_USER),
        Pattern("user by email", PRIORITY_1, earlybird.user_by_email, AN_EMAIL),
        Pattern("users of a rare role", PRIORITY_1, earlybird.users_with_role, "SELECT 'delivery'"),
        Pattern("count customers", DASHBOARD, earlybird.count_users_with_role, "SELECT 'customer'"),
        Pattern("order history", ORDER_HISTORY, earlybird.order_history, A_CUSTOMER),
        Pattern(
            "delivered orders, newest first",
            REPORT,
            earlybird.orders_with_status,
            "SELECT 'DELIVERED'",
        ),
        Pattern("today's orders", DASHBOARD, earlybird.orders_due, "SELECT date '2026-01-27'"),
        Pattern(
            "a month's delivered orders",
            REPORT,
            earlybird.orders_between,
            "SELECT date '2025-12-01', date '2025-12-31', 'DELIVERED'",
        ),
        Pattern(
            "a customer's orders by status",
            REPORT,
            earlybird.orders_of_user_with_status,
            "SELECT user_id, ARRAY['PENDING', 'DELIVERED'] "
            "FROM earlybird.orders ORDER BY id LIMIT 1",
        ),
        Pattern("a customer's live orders", PARTIAL, earlybird.live_orders, A_CUSTOMER),
        Pattern(
            "a customer's subscriptions",
            PRIORITY_1,
            earlybird.subscriptions_of,
            "SELECT customer_id FROM earlybird.subscriptions_v2 ORDER BY id LIMIT 1",
        ),
        Pattern(
            "count active subscriptions",
            DASHBOARD,
            earlybird.count_subscriptions,
            "SELECT 'active'",
        ),
        Pattern(
            "subscriptions to bill",
            BILLING,
            earlybird.subscriptions_to_bill,
            "SELECT ARRAY['active', 'paused']",
        ),
        Pattern(
            "pause a subscription",
            PRIORITY_1,
            earlybird.pause_subscription,
            "SELECT id FROM earlybird.subscriptions_v2 WHERE status = 'active' ORDER BY id LIMIT 1",
        ),
        Pattern("all products", SCAN_IS_FINE, earlybird.catalogue),
        Pattern(
            "product by id",
            PRIORITY_1,
            earlybird.product_by_id,
            "SELECT id FROM earlybird.products ORDER BY id LIMIT 1",
        ),
        Pattern("products of a category", PRIORITY_2, earlybird.products_in, "SELECT 'milk'"),
        Pattern(
            "delivery of an order",
            PRIORITY_1,
            earlybird.delivery_of,
            "SELECT order_id FROM earlybird.delivery_statuses ORDER BY id LIMIT 1",
        ),
        Pattern("deliveries to a customer", PRIORITY_2, earlybird.deliveries_to, A_CUSTOMER),
        Pattern(
            "a customer's deliveries in a month",
            PRIORITY_1,
            earlybird.deliveries_between,
            "SELECT user_id, date '2025-12-01', date '2025-12-31' "
            "FROM earlybird.orders ORDER BY id LIMIT 1",
        ),
        Pattern("new leads, newest first", PRIORITY_2, earlybird.leads_with_status, "SELECT 'new'"),
        Pattern(
            "lead by id",
            PRIORITY_2,
            earlybird.lead_by_id,
            "SELECT id FROM earlybird.leads ORDER BY id LIMIT 1",
        ),
        Pattern(
            "a customer's bills",
            PRIORITY_2,
            earlybird.bills_of,
            "SELECT customer_id FROM earlybird.billing_records ORDER BY id LIMIT 1",
        ),
        Pattern(
            "a month's settled bills",
            PRIORITY_2,
            earlybird.bills_in,
            "SELECT '2025-12', 'settled'",
        ),
        Pattern(
            "supplier by email",
            PRIORITY_2,
            earlybird.supplier_by_email,
            "SELECT email FROM earlybird.suppliers ORDER BY id LIMIT 1",
        ),
    ),
)
