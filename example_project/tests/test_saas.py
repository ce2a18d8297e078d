"""The key indexes of saas: all of them in one test, as its document has it, and one by one."""

from datetime import date
from uuid import UUID

import pytest

from example_project.queries import saas
from example_project.tests import Fetch
from pytest_index_assert import IndexCatalog

SOME = UUID(int=1)


class TestDatabaseMigration:
    @pytest.mark.requires_index(name="ix_users_email", schema="saas")
    @pytest.mark.requires_index(name="idx_memberships_org_user", schema="saas")
    @pytest.mark.requires_index(name="idx_subscriptions_org_status", schema="saas")
    @pytest.mark.requires_index(name="idx_usage_counters_org_period", schema="saas")
    @pytest.mark.requires_index(name="idx_content_jobs_org_created_desc", schema="saas")
    @pytest.mark.requires_index(name="idx_content_jobs_status", schema="saas")
    @pytest.mark.requires_index(name="idx_content_artifacts_job_type", schema="saas")
    @pytest.mark.requires_index(name="uq_billing_events_provider_event_id", schema="saas")
    def test_key_indexes_exist(self) -> None:
        """Every one is looked up in the catalog after `alembic upgrade head`, and is valid."""


@pytest.mark.requires_index("users", "email", unique=True, schema="saas")
def test_user_by_email(fetch: Fetch) -> None:
    assert fetch(saas.user_by_email("nobody@example.com")) == []


@pytest.mark.requires_index("memberships", "org_id", "user_id", schema="saas")
def test_membership(fetch: Fetch) -> None:
    assert fetch(saas.membership(SOME, SOME)) == []


@pytest.mark.requires_index("subscriptions", "org_id", "status", schema="saas")
def test_subscriptions_with_status(fetch: Fetch) -> None:
    assert fetch(saas.subscriptions_with_status(SOME, "active")) == []


@pytest.mark.requires_index(
    "usage_counters",
    "org_id",
    "period_month",
    name="idx_usage_counters_org_period",
    schema="saas",
    reason="asked for beside the unique constraint on the same columns",
)
def test_usage_in(fetch: Fetch) -> None:
    assert fetch(saas.usage_in(SOME, date(2026, 1, 1))) == []


@pytest.mark.requires_index("content_jobs", "org_id", "created_at DESC", schema="saas")
def test_latest_jobs(fetch: Fetch) -> None:
    assert fetch(saas.latest_jobs(SOME)) == []


@pytest.mark.requires_index("content_jobs", "status", schema="saas")
def test_jobs_with_status(fetch: Fetch) -> None:
    assert fetch(saas.jobs_with_status("queued")) == []


@pytest.mark.requires_index("content_artifacts", "job_id", "type", schema="saas")
def test_artifacts_of(fetch: Fetch) -> None:
    assert fetch(saas.artifacts_of(SOME, "article")) == []


@pytest.mark.requires_index(
    "billing_events", "provider", "provider_event_id", unique=True, schema="saas"
)
def test_billing_event(fetch: Fetch) -> None:
    assert fetch(saas.billing_event("stripe", "evt_1")) == []


def test_a_billing_event_is_recorded_once(index_catalog: IndexCatalog) -> None:
    indexes = index_catalog.read("billing_events", schema="saas")

    constraints = {index.name for index in indexes if index.constraint_type == "u"}
    assert "uq_billing_events_provider_event_id" in constraints
