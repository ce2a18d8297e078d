"""What upstream's dashboards and audits ask of the database, page by page."""

from sqlalchemy import Executable, select

from example_project.models.upstream import DomainAuditEvent, ProductConfig, ReportRun

REPORTS_PER_PAGE = 10
EVENTS_PER_PAGE = 50


def reports_with_status(customer_id: int, status: str) -> Executable:
    return (
        select(ReportRun)
        .where(ReportRun.customer_id == customer_id, ReportRun.status == status)
        .order_by(ReportRun.started_at.desc())
        .limit(REPORTS_PER_PAGE)
    )


def report_summaries(customer_id: int, status: str) -> Executable:
    """Only what the list shows, all of which `reportrun_covering_idx` holds."""
    return (
        select(ReportRun.started_at, ReportRun.run_type, ReportRun.summary_json)
        .where(ReportRun.customer_id == customer_id, ReportRun.status == status)
        .order_by(ReportRun.started_at.desc())
        .limit(REPORTS_PER_PAGE)
    )


def reports_of_type(customer_id: int, run_type: str) -> Executable:
    return (
        select(ReportRun)
        .where(ReportRun.customer_id == customer_id, ReportRun.run_type == run_type)
        .order_by(ReportRun.started_at.desc())
        .limit(REPORTS_PER_PAGE)
    )


def latest_reports(status: str) -> Executable:
    """Of all customers, for the administrators."""
    return (
        select(ReportRun)
        .where(ReportRun.status == status)
        .order_by(ReportRun.started_at.desc())
        .limit(REPORTS_PER_PAGE)
    )


def audit_of_action(customer_id: int, action: str) -> Executable:
    return (
        select(DomainAuditEvent)
        .where(DomainAuditEvent.customer_id == customer_id, DomainAuditEvent.action == action)
        .order_by(DomainAuditEvent.timestamp.desc())
        .limit(EVENTS_PER_PAGE)
    )


def audit_of_entity(entity_type: str, entity_id: str) -> Executable:
    return (
        select(DomainAuditEvent)
        .where(DomainAuditEvent.entity_type == entity_type, DomainAuditEvent.entity_id == entity_id)
        .order_by(DomainAuditEvent.timestamp.desc())
        .limit(EVENTS_PER_PAGE)
    )


def audit_of_user(user_id: int) -> Executable:
    return (
        select(DomainAuditEvent)
        .where(DomainAuditEvent.user_id == user_id)
        .order_by(DomainAuditEvent.timestamp.desc())
        .limit(EVENTS_PER_PAGE)
    )


def latest_actions(action: str) -> Executable:
    """Of all customers, for the administrators."""
    return (
        select(DomainAuditEvent)
        .where(DomainAuditEvent.action == action)
        .order_by(DomainAuditEvent.timestamp.desc())
        .limit(EVENTS_PER_PAGE)
    )


def products_enabled_for(customer_id: int) -> Executable:
    return select(ProductConfig.product_slug).where(
        ProductConfig.customer_id == customer_id, ProductConfig.enabled
    )


def customers_with(product_slug: str) -> Executable:
    return select(ProductConfig.customer_id).where(
        ProductConfig.product_slug == product_slug, ProductConfig.enabled
    )
