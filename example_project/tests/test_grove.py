"""A query of grove for each index of its document."""

from datetime import datetime, timezone
from uuid import UUID

from example_project.queries import grove
from example_project.tests import Fetch
from pytest_index_assert import requires_index

SOME = UUID(int=1)


@requires_index("users", "email", schema="grove")
def test_user_by_email(fetch: Fetch) -> None:
    assert fetch(grove.user_by_email("nobody@example.com")) == []


@requires_index("users", "email", include=["name"], schema="grove")
def test_user_name(fetch: Fetch) -> None:
    assert fetch(grove.user_name("nobody@example.com")) == []


@requires_index("users", "created_at", schema="grove")
def test_latest_users(fetch: Fetch) -> None:
    assert fetch(grove.latest_users()) == []


@requires_index("conversations", "user_id", schema="grove")
def test_conversations_of(fetch: Fetch) -> None:
    assert fetch(grove.conversations_of(SOME)) == []


@requires_index("conversations", "created_at", schema="grove")
def test_latest_conversations(fetch: Fetch) -> None:
    assert fetch(grove.latest_conversations()) == []


@requires_index("conversations", "user_id", "created_at", schema="grove")
def test_latest_conversations_of(fetch: Fetch) -> None:
    assert fetch(grove.latest_conversations_of(SOME)) == []


@requires_index("conversations", "tenant_id", "user_id", schema="grove")
def test_conversations_in_tenant(fetch: Fetch) -> None:
    assert fetch(grove.conversations_in_tenant(SOME, SOME)) == []


@requires_index("messages", "conversation_id", schema="grove")
def test_messages_in(fetch: Fetch) -> None:
    assert fetch(grove.messages_in(SOME)) == []


@requires_index("messages", "created_at", schema="grove")
def test_messages_since(fetch: Fetch) -> None:
    assert fetch(grove.messages_since(datetime(2026, 1, 1, tzinfo=timezone.utc))) == []


@requires_index("messages", "conversation_id", "created_at", schema="grove")
def test_latest_messages_in(fetch: Fetch) -> None:
    assert fetch(grove.latest_messages_in(SOME)) == []


@requires_index("documents", "user_id", schema="grove")
def test_documents_of(fetch: Fetch) -> None:
    assert fetch(grove.documents_of(SOME)) == []


@requires_index("documents", "created_at", schema="grove")
def test_latest_documents(fetch: Fetch) -> None:
    assert fetch(grove.latest_documents()) == []


@requires_index("documents", "status", schema="grove")
def test_documents_with_status(fetch: Fetch) -> None:
    assert fetch(grove.documents_with_status("processing")) == []


@requires_index("documents", "tenant_id", "user_id", schema="grove")
def test_documents_in_tenant(fetch: Fetch) -> None:
    assert fetch(grove.documents_in_tenant(SOME, SOME)) == []


@requires_index("document_chunks", "document_id", schema="grove")
def test_chunks_of(fetch: Fetch) -> None:
    assert fetch(grove.chunks_of(SOME)) == []


@requires_index("document_chunks", "chunk_index", schema="grove")
def test_chunks_at(fetch: Fetch) -> None:
    assert fetch(grove.chunks_at(0)) == []


@requires_index("groves", "client_app_id", schema="grove")
def test_groves_of(fetch: Fetch) -> None:
    assert fetch(grove.groves_of(SOME)) == []


@requires_index("groves", "created_at", schema="grove")
def test_latest_groves(fetch: Fetch) -> None:
    assert fetch(grove.latest_groves()) == []


@requires_index("branches", "grove_id", schema="grove")
def test_branches_of(fetch: Fetch) -> None:
    assert fetch(grove.branches_of(SOME)) == []


@requires_index("branches", "status", schema="grove")
def test_branches_with_status(fetch: Fetch) -> None:
    assert fetch(grove.branches_with_status("growing")) == []
