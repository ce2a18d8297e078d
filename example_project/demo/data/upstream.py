"""Rows of upstream: two years of report runs and of the audit trail.

`:rows` is the number of audit events, twice that of report runs. A few customers make most of both.
"""

from sqlalchemy import text

CUSTOMERS = text("""
    INSERT INTO upstream.upstream_customer (id, name, created_at)
    SELECT n, 'Clinic ' || n, timestamptz '2022-01-01 00:00+00' + n * interval '1 day'
    FROM generate_series(1, 20 + :rows / 400) AS n
""")

USERS = text("""
    INSERT INTO upstream.auth_user (id, customer_id, username)
    SELECT n, 1 + n % (20 + :rows / 400), 'user' || n
    FROM generate_series(1, 100 + :rows / 100) AS n
""")

REPORT_RUNS = text("""
    INSERT INTO upstream.upstream_reportrun
        (customer_id, run_type, status, started_at, finished_at, summary_json)
    SELECT 1 + floor((20 + :rows / 400) * power(random(), 2)),
           (ARRAY['weekly', 'drift', 'denials', 'payer_mix', 'claims'])[1 + floor(5 * random())],
           CASE WHEN dice < 0.09 THEN 'failed' WHEN dice < 0.10 THEN 'running'
                WHEN dice < 0.11 THEN 'pending' ELSE 'success' END,
           started,
           CASE WHEN dice < 0.09 OR dice >= 0.11 THEN started + interval '90 seconds' END,
           jsonb_build_object('claims', n % 5000, 'denied', n % 300, 'drift', round(dice * 100))
    FROM (
        SELECT n, random() AS dice,
               timestamptz '2024-01-26 00:00+00'
               + n * (interval '730 days' / (:rows / 2)) AS started
        FROM generate_series(1, :rows / 2) AS n
    ) AS drawn
""")

AUDIT_EVENTS = text("""
    INSERT INTO upstream.upstream_domainauditevent
        (customer_id, user_id, action, entity_type, entity_id, timestamp, metadata_json)
    SELECT 1 + floor((20 + :rows / 400) * power(random(), 2)),
           CASE WHEN random() < 0.85 THEN 1 + floor((100 + :rows / 100) * power(random(), 2)) END,
           (ARRAY['report_viewed', 'report_viewed', 'report_viewed', 'login', 'login',
                  'upload_created', 'upload_created', 'config_changed', 'alert_acknowledged',
                  'export_created'])[1 + floor(10 * random())],
           (ARRAY['report', 'upload', 'claim', 'patient', 'config'])[1 + floor(5 * random())],
           (1 + floor(:rows / 20 * random()))::text,
           timestamptz '2024-01-26 00:00+00' + n * (interval '730 days' / :rows),
           jsonb_build_object('ip', '10.0.' || n % 200 || '.' || n % 250)
    FROM generate_series(1, :rows) AS n
""")

PRODUCT_CONFIGS = text("""
    INSERT INTO upstream.upstream_productconfig
        (customer_id, product_slug, enabled, config_json)
    SELECT customer, 'product-' || slug, random() < 0.4, jsonb_build_object('threshold', slug)
    FROM generate_series(1, 20 + :rows / 400) AS customer, generate_series(1, 40) AS slug
    ORDER BY customer, slug
""")

FILLS = (CUSTOMERS, USERS, REPORT_RUNS, AUDIT_EVENTS, PRODUCT_CONFIGS)
