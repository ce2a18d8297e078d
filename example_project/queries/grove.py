"""What grove asks of the database: the patterns its index analyser lists, and a few lists more."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Executable, select

from example_project.models.grove import (
    Branch,
    Conversation,
    Document,
    DocumentChunk,
    Grove,
    Message,
    User,
)

PAGE = 20


def user_by_email(email: str) -> Executable:
    return select(User).where(User.email == email)


def user_name(email: str) -> Executable:
    """Only what `idx_users_email_name` holds."""
    return select(User.name).where(User.email == email)


def latest_users() -> Executable:
    return select(User).order_by(User.created_at.desc()).limit(PAGE)


def conversations_of(user_id: UUID) -> Executable:
    return select(Conversation).where(Conversation.user_id == user_id)


def latest_conversations() -> Executable:
    return select(Conversation).order_by(Conversation.created_at.desc()).limit(PAGE)


def latest_conversations_of(user_id: UUID) -> Executable:
    return (
        select(Conversation)
        .where(Conversation.user_id == user_id)
        .order_by(Conversation.created_at.desc())
        .limit(PAGE)
    )


def conversations_in_tenant(tenant_id: UUID, user_id: UUID) -> Executable:
    return select(Conversation).where(
        Conversation.tenant_id == tenant_id, Conversation.user_id == user_id
    )


def messages_in(conversation_id: UUID) -> Executable:
    return select(Message).where(Message.conversation_id == conversation_id)


def messages_since(moment: datetime) -> Executable:
    return select(Message).where(Message.created_at >= moment)


def latest_messages_in(conversation_id: UUID) -> Executable:
    return (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.created_at.desc())
        .limit(PAGE)
    )


def documents_of(user_id: UUID) -> Executable:
    return select(Document).where(Document.user_id == user_id)


def latest_documents() -> Executable:
    return select(Document).order_by(Document.created_at.desc()).limit(PAGE)


def documents_with_status(status: str) -> Executable:
    return select(Document).where(Document.status == status)


def documents_in_tenant(tenant_id: UUID, user_id: UUID) -> Executable:
    return select(Document).where(Document.tenant_id == tenant_id, Document.user_id == user_id)


def chunks_of(document_id: UUID) -> Executable:
    return select(DocumentChunk).where(DocumentChunk.document_id == document_id)


def chunks_at(chunk_index: int) -> Executable:
    """The n-th chunk of every document; chunk 0 is each document's abstract."""
    return select(DocumentChunk).where(DocumentChunk.chunk_index == chunk_index)


def groves_of(client_app_id: UUID) -> Executable:
    return select(Grove).where(Grove.client_app_id == client_app_id)


def latest_groves() -> Executable:
    return select(Grove).order_by(Grove.created_at.desc()).limit(PAGE)


def branches_of(grove_id: UUID) -> Executable:
    return select(Branch).where(Branch.grove_id == grove_id)


def branches_with_status(status: str) -> Executable:
    return select(Branch).where(Branch.status == status)
