"""What saas asks of the database on its hot paths."""

from datetime import date
from uuid import UUID

from sqlalchemy import Executable, select

from example_project.models.saas import (
    BillingEvent,
    ContentArtifact,
    ContentJob,
    Membership,
    Subscription,
    UsageCounter,
    User,
)

JOBS_PER_PAGE = 20


def user_by_email(email: str) -> Executable:
    return select(User).where(User.email == email)


def membership(org_id: UUID, user_id: UUID) -> Executable:
    return select(Membership).where(Membership.org_id == org_id, Membership.user_id == user_id)


def subscriptions_with_status(org_id: UUID, status: str) -> Executable:
    return select(Subscription).where(Subscription.org_id == org_id, Subscription.status == status)


def usage_in(org_id: UUID, month: date) -> Executable:
    return select(UsageCounter).where(
        UsageCounter.org_id == org_id, UsageCounter.period_month == month
    )


def latest_jobs(org_id: UUID) -> Executable:
    return (
        select(ContentJob)
        .where(ContentJob.org_id == org_id)
        .order_by(ContentJob.created_at.desc())
        .limit(JOBS_PER_PAGE)
    )


def jobs_with_status(status: str) -> Executable:
    return select(ContentJob).where(ContentJob.status == status)


def artifacts_of(job_id: UUID, artifact_type: str) -> Executable:
    return select(ContentArtifact).where(
        ContentArtifact.job_id == job_id, ContentArtifact.type == artifact_type
    )


def billing_event(provider: str, provider_event_id: str) -> Executable:
    """The look-up of a webhook's handler: was this event seen before?"""
    return select(BillingEvent.id).where(
        BillingEvent.provider == provider, BillingEvent.provider_event_id == provider_event_id
    )
