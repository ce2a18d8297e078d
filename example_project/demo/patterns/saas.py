"""The patterns of "Database Indexes Implementation Summary".

An `id` is an md5, so the first by `id` is a row drawn at random.
"""

from example_project.demo.pattern import Claim, Document, Pattern
from example_project.queries import saas

EXISTS = Claim("Already exists")

DOCUMENT = Document(
    "saas",
    "Database Indexes Implementation Summary",
    (
        Pattern(
            "membership of a user",
            Claim("10-100x"),
            saas.membership,
            "SELECT org_id, user_id FROM saas.memberships ORDER BY id LIMIT 1",
        ),
        Pattern(
            "an organisation's active subscriptions",
            Claim("5-50x"),
            saas.subscriptions_with_status,
            "SELECT org_id, 'active' FROM saas.subscriptions ORDER BY id LIMIT 1",
        ),
        Pattern(
            "usage in a month",
            Claim("10-100x"),
            saas.usage_in,
            "SELECT org_id, period_month FROM saas.usage_counters ORDER BY id LIMIT 1",
        ),
        Pattern(
            "an organisation's newest jobs",
            Claim("5-20x"),
            saas.latest_jobs,
            "SELECT org_id FROM saas.content_jobs ORDER BY id LIMIT 1",
        ),
        Pattern("queued jobs", Claim("2-10x"), saas.jobs_with_status, "SELECT 'queued'"),
        Pattern(
            "webhook seen before?",
            Claim("Prevents duplicates"),
            saas.billing_event,
            "SELECT provider, provider_event_id FROM saas.billing_events ORDER BY id LIMIT 1",
        ),
        Pattern(
            "user by email",
            EXISTS,
            saas.user_by_email,
            "SELECT email FROM saas.users ORDER BY id LIMIT 1",
        ),
        Pattern(
            "a job's artifacts of a type",
            EXISTS,
            saas.artifacts_of,
            "SELECT job_id, type FROM saas.content_artifacts ORDER BY id LIMIT 1",
        ),
    ),
)
