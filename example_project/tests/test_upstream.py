"""A query of upstream for each index that its document adds, and for the one it put off."""

from example_project.queries import upstream
from example_project.tests import Fetch
from pytest_index_assert import requires_index


@requires_index(
    "upstream_reportrun",
    "customer_id",
    "status",
    "started_at DESC",
    name="reportrun_cust_status_idx",
    schema="upstream",
)
def test_reports_with_status(fetch: Fetch) -> None:
    assert fetch(upstream.reports_with_status(1, "success")) == []


@requires_index(
    "upstream_reportrun",
    "customer_id",
    "status",
    "started_at DESC",
    include=["run_type", "summary_json"],
    name="reportrun_covering_idx",
    schema="upstream",
)
def test_report_summaries(fetch: Fetch) -> None:
    assert fetch(upstream.report_summaries(1, "success")) == []


@requires_index(
    "upstream_reportrun",
    "customer_id",
    "run_type",
    "started_at DESC",
    name="reportrun_cust_type_idx",
    schema="upstream",
)
def test_reports_of_type(fetch: Fetch) -> None:
    assert fetch(upstream.reports_of_type(1, "weekly")) == []


@requires_index(
    "upstream_reportrun",
    "status",
    "started_at DESC",
    name="reportrun_status_date_idx",
    schema="upstream",
)
def test_latest_reports(fetch: Fetch) -> None:
    assert fetch(upstream.latest_reports("failed")) == []


@requires_index(
    "upstream_domainauditevent",
    "customer_id",
    "action",
    "timestamp DESC",
    name="audit_cust_action_idx",
    schema="upstream",
    reason="audit trail queries",
)
def test_audit_of_action(fetch: Fetch) -> None:
    assert fetch(upstream.audit_of_action(1, "upload_created")) == []


@requires_index(
    "upstream_domainauditevent",
    "entity_type",
    "entity_id",
    "timestamp DESC",
    name="audit_entity_idx",
    schema="upstream",
    reason="who saw this patient's data",
)
def test_audit_of_entity(fetch: Fetch) -> None:
    assert fetch(upstream.audit_of_entity("patient", "1")) == []


@requires_index(
    "upstream_domainauditevent",
    "user_id",
    "timestamp DESC",
    name="audit_user_date_idx",
    schema="upstream",
    reason="what this user saw",
)
def test_audit_of_user(fetch: Fetch) -> None:
    assert fetch(upstream.audit_of_user(1)) == []


@requires_index(
    "upstream_domainauditevent",
    "action",
    "timestamp DESC",
    name="audit_action_date_idx",
    schema="upstream",
)
def test_latest_actions(fetch: Fetch) -> None:
    assert fetch(upstream.latest_actions("export_created")) == []


@requires_index(
    "upstream_productconfig",
    "customer_id",
    "enabled",
    name="prodcfg_cust_enabled_idx",
    schema="upstream",
)
def test_products_enabled_for(fetch: Fetch) -> None:
    assert fetch(upstream.products_enabled_for(1)) == []


@requires_index(
    "upstream_productconfig",
    "product_slug",
    "enabled",
    name="prodcfg_slug_enabled_idx",
    schema="upstream",
)
def test_customers_with(fetch: Fetch) -> None:
    assert fetch(upstream.customers_with("drift")) == []
