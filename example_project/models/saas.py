"""saas: organisations that pay for generated content.

The indexes are the eight of "Database Indexes Implementation Summary"; one of them is a unique
constraint.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from example_project.models.base import Base, CreatedAt, UuidKey, one_of

SCHEMA = {"schema": "saas"}


class Organization(Base):
    __tablename__ = "organizations"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    name: Mapped[str]
    created_at: Mapped[CreatedAt]


class User(Base):
    __tablename__ = "users"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    email: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[CreatedAt]


class Membership(Base):
    __tablename__ = "memberships"
    __table_args__ = (one_of("role", "owner", "admin", "member"), SCHEMA)

    id: Mapped[UuidKey]
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Organization.id))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    role: Mapped[str]
    created_at: Mapped[CreatedAt]


class Subscription(Base):
    __tablename__ = "subscriptions"
    __table_args__ = (one_of("status", "trialing", "active", "past_due", "canceled"), SCHEMA)

    id: Mapped[UuidKey]
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Organization.id))
    plan: Mapped[str]
    status: Mapped[str]
    current_period_end: Mapped[datetime]


class UsageCounter(Base):
    """One row per organisation and month; `period_month` is the month's first day."""

    __tablename__ = "usage_counters"
    __table_args__ = (
        UniqueConstraint("org_id", "period_month", name="uq_usage_counters_org_id_period_month"),
        SCHEMA,
    )

    id: Mapped[UuidKey]
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Organization.id))
    period_month: Mapped[date]
    jobs_used: Mapped[int]
    tokens_used: Mapped[int]


class ContentJob(Base):
    __tablename__ = "content_jobs"
    __table_args__ = (one_of("status", "queued", "running", "succeeded", "failed"), SCHEMA)

    id: Mapped[UuidKey]
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Organization.id))
    status: Mapped[str]
    prompt: Mapped[str]
    created_at: Mapped[CreatedAt]


class ContentArtifact(Base):
    __tablename__ = "content_artifacts"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(ContentJob.id))
    type: Mapped[str]
    body: Mapped[str]


class BillingEvent(Base):
    """A webhook that a payment provider sent; the constraint makes handling it twice impossible."""

    __tablename__ = "billing_events"
    __table_args__ = (
        UniqueConstraint(
            "provider", "provider_event_id", name="uq_billing_events_provider_event_id"
        ),
        SCHEMA,
    )

    id: Mapped[UuidKey]
    provider: Mapped[str]
    provider_event_id: Mapped[str] = mapped_column(unique=True)
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[CreatedAt]


Index("ix_users_email", User.email, unique=True)
Index("idx_memberships_org_user", Membership.org_id, Membership.user_id)
Index("idx_subscriptions_org_status", Subscription.org_id, Subscription.status)
Index("idx_usage_counters_org_period", UsageCounter.org_id, UsageCounter.period_month)
Index("idx_content_jobs_org_created_desc", ContentJob.org_id, ContentJob.created_at.desc())
Index("idx_content_jobs_status", ContentJob.status)
Index("idx_content_artifacts_job_type", ContentArtifact.job_id, ContentArtifact.type)
