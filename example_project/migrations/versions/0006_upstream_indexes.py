"""upstream: the nine indexes of "Database Index Optimization - Phase 3", and the covering one.

The document puts `reportrun_covering_idx` off: "Trade-off: Larger index size, slower writes". There
is a harder limit too. An index row of a B-tree has to fit a third of a page, so a report run whose
compressed `summary_json` exceeds about 2,700 bytes can no longer be inserted. It holds totals only.

Revision ID: 0006
Revises: 0005
"""

from alembic_index_ops import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "upstream"
REPORTS = "upstream_reportrun"
AUDIT = "upstream_domainauditevent"
PRODUCTS = "upstream_productconfig"


def upgrade() -> None:
    op.create_desc_index(
        "reportrun_cust_status_idx",
        REPORTS,
        ["customer_id", "status", "started_at DESC"],
        schema=SCHEMA,
    )
    op.create_desc_index(
        "reportrun_cust_type_idx",
        REPORTS,
        ["customer_id", "run_type", "started_at DESC"],
        schema=SCHEMA,
    )
    op.create_desc_index(
        "reportrun_status_date_idx", REPORTS, ["status", "started_at DESC"], schema=SCHEMA
    )
    op.create_covering_index(
        "reportrun_covering_idx",
        REPORTS,
        ["customer_id", "status", "started_at DESC"],
        include=["run_type", "summary_json"],
        schema=SCHEMA,
    )

    op.create_desc_index(
        "audit_cust_action_idx", AUDIT, ["customer_id", "action", "timestamp DESC"], schema=SCHEMA
    )
    op.create_desc_index(
        "audit_entity_idx", AUDIT, ["entity_type", "entity_id", "timestamp DESC"], schema=SCHEMA
    )
    op.create_desc_index("audit_user_date_idx", AUDIT, ["user_id", "timestamp DESC"], schema=SCHEMA)
    op.create_desc_index(
        "audit_action_date_idx", AUDIT, ["action", "timestamp DESC"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "prodcfg_cust_enabled_idx", PRODUCTS, ["customer_id", "enabled"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "prodcfg_slug_enabled_idx", PRODUCTS, ["product_slug", "enabled"], schema=SCHEMA
    )


def downgrade() -> None:
    op.drop_concurrent_index("prodcfg_slug_enabled_idx", PRODUCTS, schema=SCHEMA)
    op.drop_concurrent_index("prodcfg_cust_enabled_idx", PRODUCTS, schema=SCHEMA)
    op.drop_concurrent_index("audit_action_date_idx", AUDIT, schema=SCHEMA)
    op.drop_concurrent_index("audit_user_date_idx", AUDIT, schema=SCHEMA)
    op.drop_concurrent_index("audit_entity_idx", AUDIT, schema=SCHEMA)
    op.drop_concurrent_index("audit_cust_action_idx", AUDIT, schema=SCHEMA)
    op.drop_concurrent_index("reportrun_covering_idx", REPORTS, schema=SCHEMA)
    op.drop_concurrent_index("reportrun_status_date_idx", REPORTS, schema=SCHEMA)
    op.drop_concurrent_index("reportrun_cust_type_idx", REPORTS, schema=SCHEMA)
    op.drop_concurrent_index("reportrun_cust_status_idx", REPORTS, schema=SCHEMA)
