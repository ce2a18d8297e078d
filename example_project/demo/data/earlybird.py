"""Rows of earlybird: a year of deliveries up to the day the document was written.

`:rows` is the number of orders. A twentieth of that are customers with orders, a few of them with
very many; rows lie in the table in the order in which life wrote them.
"""

from sqlalchemy import text

USERS = text("""
    INSERT INTO earlybird.users (id, email, name, role, is_active, created_at)
    SELECT md5('user' || n)::uuid,
           'user' || n || '@example.com',
           'User ' || n,
           CASE WHEN dice < 0.005 THEN 'admin' WHEN dice < 0.015 THEN 'supplier'
                WHEN dice < 0.04 THEN 'delivery' ELSE 'customer' END,
           random() < 0.9,
           timestamptz '2026-01-27 06:00+00' - random() * interval '900 days'
    FROM (SELECT n, random() AS dice FROM generate_series(1, :rows / 5) AS n) AS drawn
""")

PRODUCTS = text("""
    INSERT INTO earlybird.products (id, name, category, unit, price, is_available)
    SELECT md5('product' || n)::uuid,
           'Product ' || n,
           (ARRAY['milk', 'curd', 'bread', 'eggs', 'fruit', 'vegetables', 'snacks'])[1 + n % 7],
           (ARRAY['litre', 'packet', 'dozen', 'kilogram'])[1 + n % 4],
           20 + (n % 97) * 1.5,
           random() < 0.95
    FROM generate_series(1, 40 + :rows / 500) AS n
""")

SUPPLIERS = text("""
    INSERT INTO earlybird.suppliers (id, name, email, phone)
    SELECT md5('supplier' || n)::uuid,
           'Supplier ' || n,
           'contact@supplier' || n || '.example.com',
           '+91' || 7000000000 + n
    FROM generate_series(1, 40 + :rows / 1000) AS n
""")

ORDERS = text("""
    INSERT INTO earlybird.orders
        (id, user_id, status, delivery_date, items, total_amount, created_at, deleted_at)
    SELECT md5('order' || n)::uuid,
           md5('user' || 1 + floor(:rows / 20 * power(random(), 2)))::uuid,
           CASE WHEN day > date '2026-01-27' THEN (ARRAY['PENDING', 'CONFIRMED'])[1 + n % 2]
                WHEN day = date '2026-01-27' THEN 'OUT_FOR_DELIVERY'
                WHEN random() < 0.06 THEN 'CANCELLED'
                ELSE 'DELIVERED' END,
           day,
           jsonb_build_object('product', n % 240, 'quantity', 1 + n % 4),
           30 + (n % 400),
           day - interval '14 hours',
           CASE WHEN random() < 0.04 THEN day + interval '1 day' END
    FROM (
        SELECT n, date '2026-01-30' - floor(368 * power(1 - n::float8 / :rows, 1.3))::int AS day
        FROM generate_series(1, :rows) AS n
    ) AS dated
""")

SUBSCRIPTIONS = text("""
    INSERT INTO earlybird.subscriptions_v2
        (id, customer_id, product_id, status, quantity, start_date, created_at)
    SELECT md5('subscription' || n)::uuid,
           md5('user' || 1 + floor(:rows / 20 * random()))::uuid,
           md5('product' || 1 + n % 40)::uuid,
           CASE WHEN dice < 0.55 THEN 'active' WHEN dice < 0.65 THEN 'paused'
                WHEN dice < 0.95 THEN 'cancelled' ELSE 'draft' END,
           1 + n % 3,
           date '2026-01-27' - (n % 700),
           timestamptz '2026-01-27 06:00+00' - (n % 700) * interval '1 day'
    FROM (SELECT n, random() AS dice FROM generate_series(1, :rows / 5) AS n) AS drawn
""")

DELIVERIES = text("""
    INSERT INTO earlybird.delivery_statuses
        (id, order_id, customer_id, delivery_date, status, note)
    SELECT md5('delivery' || id)::uuid, id, user_id, delivery_date,
           CASE WHEN random() < 0.97 THEN 'delivered' ELSE 'returned' END,
           CASE WHEN random() < 0.1 THEN 'left at the door' END
    FROM earlybird.orders
    WHERE status = 'DELIVERED'
    ORDER BY delivery_date, id
""")

LEADS = text("""
    INSERT INTO earlybird.leads (id, name, phone, source, status, created_at)
    SELECT md5('lead' || n)::uuid,
           'Lead ' || n,
           '+91' || 8000000000 + n,
           (ARRAY['website', 'referral', 'whatsapp', 'field'])[1 + n % 4],
           CASE WHEN dice < 0.04 THEN 'new' WHEN dice < 0.15 THEN 'contacted'
                WHEN dice < 0.4 THEN 'converted' ELSE 'lost' END,
           timestamptz '2024-01-27 06:00+00' + n * (interval '730 days' / (:rows / 10))
    FROM (SELECT n, random() AS dice FROM generate_series(1, :rows / 10) AS n) AS drawn
""")

BILLING_RECORDS = text("""
    INSERT INTO earlybird.billing_records (id, customer_id, period, status, amount, created_at)
    SELECT md5('bill' || month || '-' || n)::uuid,
           md5('user' || n)::uuid,
           to_char(month, 'YYYY-MM'),
           CASE WHEN month = date '2026-01-01' THEN 'open'
                WHEN random() < 0.03 THEN 'overdue' ELSE 'settled' END,
           300 + (n * 37) % 2100,
           month + interval '1 month'
    FROM generate_series(date '2025-02-01', date '2026-01-01', interval '1 month') AS month,
         generate_series(1, :rows / 20) AS n
    ORDER BY month, n
""")

FILLS = (
    USERS,
    PRODUCTS,
    SUPPLIERS,
    ORDERS,
    SUBSCRIPTIONS,
    DELIVERIES,
    LEADS,
    BILLING_RECORDS,
)
