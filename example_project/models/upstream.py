"""upstream: report runs, the audit trail and product switches of healthcare customers.

Once a Django application, hence table names like `upstream_reportrun` and bigint keys. The indexes
are those of "Database Index Optimization - Phase 3", and the covering index it put off.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from example_project.models.base import Base, CreatedAt, one_of

SCHEMA = {"schema": "upstream"}


class Customer(Base):
    __tablename__ = "upstream_customer"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    created_at: Mapped[CreatedAt]


class User(Base):
    __tablename__ = "auth_user"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    username: Mapped[str] = mapped_column(unique=True)


class ReportRun(Base):
    """`summary_json` holds a few totals, never the report itself."""

    __tablename__ = "upstream_reportrun"
    __table_args__ = (one_of("status", "pending", "running", "success", "failed"), SCHEMA)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    run_type: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
    summary_json: Mapped[dict[str, Any]]


class DomainAuditEvent(Base):
    """`user_id` is empty for what the system did by itself."""

    __tablename__ = "upstream_domainauditevent"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    user_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))
    action: Mapped[str]
    entity_type: Mapped[str]
    entity_id: Mapped[str]
    timestamp: Mapped[CreatedAt]
    metadata_json: Mapped[dict[str, Any]]


class ProductConfig(Base):
    __tablename__ = "upstream_productconfig"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    product_slug: Mapped[str]
    enabled: Mapped[bool]
    config_json: Mapped[dict[str, Any]]


Index(
    "reportrun_cust_status_idx",
    ReportRun.customer_id,
    ReportRun.status,
    ReportRun.started_at.desc(),
)
Index(
    "reportrun_cust_type_idx",
    ReportRun.customer_id,
    ReportRun.run_type,
    ReportRun.started_at.desc(),
)
Index("reportrun_status_date_idx", ReportRun.status, ReportRun.started_at.desc())
Index(
    "reportrun_covering_idx",
    ReportRun.customer_id,
    ReportRun.status,
    ReportRun.started_at.desc(),
    postgresql_include=["run_type", "summary_json"],
)

Index(
    "audit_cust_action_idx",
    DomainAuditEvent.customer_id,
    DomainAuditEvent.action,
    DomainAuditEvent.timestamp.desc(),
)
Index(
    "audit_entity_idx",
    DomainAuditEvent.entity_type,
    DomainAuditEvent.entity_id,
    DomainAuditEvent.timestamp.desc(),
)
Index("audit_user_date_idx", DomainAuditEvent.user_id, DomainAuditEvent.timestamp.desc())
Index("audit_action_date_idx", DomainAuditEvent.action, DomainAuditEvent.timestamp.desc())

Index("prodcfg_cust_enabled_idx", ProductConfig.customer_id, ProductConfig.enabled)
Index("prodcfg_slug_enabled_idx", ProductConfig.product_slug, ProductConfig.enabled)
