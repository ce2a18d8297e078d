"""The patterns of "Database Index Optimization - Phase 3", one per index.

An `id` counts up, so a row drawn at random is found by the md5 of it.
"""

from example_project.demo.pattern import Claim, Document, Pattern
from example_project.queries import upstream

DOCUMENT = Document(
    "upstream",
    "Database Index Optimization - Phase 3",
    (
        Pattern(
            "a customer's failed reports",
            Claim("85% faster"),
            upstream.reports_with_status,
            "SELECT customer_id, 'failed' FROM upstream.upstream_reportrun "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "a customer's report summaries",
            Claim("Eliminates table lookups"),
            upstream.report_summaries,
            "SELECT customer_id, 'failed' FROM upstream.upstream_reportrun "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "a customer's reports of a type",
            Claim("80% faster"),
            upstream.reports_of_type,
            "SELECT customer_id, run_type FROM upstream.upstream_reportrun "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "latest failed reports",
            Claim("75% faster"),
            upstream.latest_reports,
            "SELECT 'failed'",
        ),
        Pattern(
            "a customer's events of an action",
            Claim("85% faster"),
            upstream.audit_of_action,
            "SELECT customer_id, 'upload_created' FROM upstream.upstream_domainauditevent "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "history of an entity",
            Claim("80% faster"),
            upstream.audit_of_entity,
            "SELECT entity_type, entity_id FROM upstream.upstream_domainauditevent "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "activity of a user",
            Claim("75% faster"),
            upstream.audit_of_user,
            "SELECT user_id FROM upstream.upstream_domainauditevent WHERE user_id IS NOT NULL "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "latest events of an action",
            Claim("70% faster"),
            upstream.latest_actions,
            "SELECT 'export_created'",
        ),
        Pattern(
            "products enabled for a customer",
            Claim("70% faster"),
            upstream.products_enabled_for,
            "SELECT customer_id FROM upstream.upstream_productconfig "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
        Pattern(
            "customers with a product",
            Claim("65% faster"),
            upstream.customers_with,
            "SELECT product_slug FROM upstream.upstream_productconfig "
            "ORDER BY md5(id::text) LIMIT 1",
        ),
    ),
)
