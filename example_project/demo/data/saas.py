"""Rows of saas: organisations of very different sizes and the content they ordered.

`:rows` is twice the number of content jobs; a fiftieth of it are organisations.
"""

from sqlalchemy import text

ORGANIZATIONS = text("""
    INSERT INTO saas.organizations (id, name, created_at)
    SELECT md5('org' || n)::uuid, 'Organisation ' || n,
           timestamptz '2024-01-13 00:00+00' + n * interval '5 minutes'
    FROM generate_series(1, 10 + :rows / 50) AS n
""")

USERS = text("""
    INSERT INTO saas.users (id, email, password_hash, created_at)
    SELECT md5('user' || n)::uuid, 'user' || n || '@example.com', md5(n::text) || md5('h' || n),
           timestamptz '2024-01-13 00:00+00' + n * interval '30 seconds'
    FROM generate_series(1, :rows / 5) AS n
""")

MEMBERSHIPS = text("""
    INSERT INTO saas.memberships (id, org_id, user_id, role, created_at)
    SELECT md5('membership' || n)::uuid,
           md5('org' || 1 + floor((10 + :rows / 50) * power(random(), 2)))::uuid,
           md5('user' || 1 + n % (:rows / 5))::uuid,
           CASE WHEN random() < 0.05 THEN 'owner' WHEN random() < 0.1 THEN 'admin'
                ELSE 'member' END,
           timestamptz '2024-01-13 00:00+00' + n * interval '30 seconds'
    FROM generate_series(1, :rows / 4) AS n
""")

SUBSCRIPTIONS = text("""
    INSERT INTO saas.subscriptions (id, org_id, plan, status, current_period_end)
    SELECT md5('subscription' || n)::uuid,
           md5('org' || 1 + n % (10 + :rows / 50))::uuid,
           (ARRAY['free', 'starter', 'team', 'enterprise'])[1 + n % 4],
           CASE WHEN dice < 0.3 THEN 'active' WHEN dice < 0.34 THEN 'past_due'
                WHEN dice < 0.4 THEN 'trialing' ELSE 'canceled' END,
           timestamptz '2026-02-01 00:00+00' - (n % 24) * interval '1 month'
    FROM (SELECT n, random() AS dice FROM generate_series(1, 3 * (10 + :rows / 50)) AS n) AS drawn
""")

USAGE_COUNTERS = text("""
    INSERT INTO saas.usage_counters (id, org_id, period_month, jobs_used, tokens_used)
    SELECT md5('usage' || month || '-' || n)::uuid, md5('org' || n)::uuid, month,
           (n * 7) % 400, (n * 7919) % 1000000
    FROM generate_series(date '2024-02-01', date '2026-01-01', interval '1 month') AS month,
         generate_series(1, 10 + :rows / 50) AS n
    ORDER BY month, n
""")

CONTENT_JOBS = text("""
    INSERT INTO saas.content_jobs (id, org_id, status, prompt, created_at)
    SELECT md5('job' || n)::uuid,
           md5('org' || 1 + floor((10 + :rows / 50) * power(random(), 2)))::uuid,
           CASE WHEN n > 0.99 * :rows / 2 AND random() < 0.8 THEN 'queued'
                WHEN n > 0.99 * :rows / 2 THEN 'running'
                WHEN random() < 0.05 THEN 'failed'
                ELSE 'succeeded' END,
           'Write about topic ' || n || ' for readers who ' || repeat('care ', 1 + n % 12),
           timestamptz '2025-01-13 00:00+00' + n * (interval '365 days' / (:rows / 2))
    FROM generate_series(1, :rows / 2) AS n
""")

CONTENT_ARTIFACTS = text("""
    INSERT INTO saas.content_artifacts (id, job_id, type, body)
    SELECT md5('artifact' || n)::uuid, md5('job' || n)::uuid,
           (ARRAY['article', 'summary', 'social_post', 'image_prompt'])[1 + n % 4],
           repeat('lorem ipsum ', 3 + n % 15)
    FROM generate_series(1, :rows / 4) AS n
""")

BILLING_EVENTS = text("""
    INSERT INTO saas.billing_events (id, provider, provider_event_id, payload, received_at)
    SELECT md5('event' || n)::uuid,
           CASE WHEN random() < 0.8 THEN 'stripe' ELSE 'paddle' END,
           'evt_' || md5('provider event' || n),
           jsonb_build_object('type', 'invoice.paid', 'amount', n % 9000),
           timestamptz '2024-01-13 00:00+00' + n * (interval '730 days' / (:rows / 4))
    FROM generate_series(1, :rows / 4) AS n
""")

FILLS = (
    ORGANIZATIONS,
    USERS,
    MEMBERSHIPS,
    SUBSCRIPTIONS,
    USAGE_COUNTERS,
    CONTENT_JOBS,
    CONTENT_ARTIFACTS,
    BILLING_EVENTS,
)
