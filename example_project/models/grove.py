"""grove: conversations and documents of many tenants, and the groves that their apps grow.

The indexes are those of "Task 2-42: Database Index Strategy", and the covering one it describes.
"""

import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from example_project.models.base import Base, CreatedAt, UuidKey, one_of

SCHEMA = {"schema": "grove"}


class Tenant(Base):
    __tablename__ = "tenants"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    name: Mapped[str]


class User(Base):
    __tablename__ = "users"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Tenant.id))
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[CreatedAt]


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Tenant.id))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    title: Mapped[str]
    created_at: Mapped[CreatedAt]


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (one_of("role", "user", "assistant", "system"), SCHEMA)

    id: Mapped[UuidKey]
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Conversation.id))
    role: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[CreatedAt]


class Document(Base):
    __tablename__ = "documents"
    __table_args__ = (one_of("status", "uploaded", "processing", "ready", "failed"), SCHEMA)

    id: Mapped[UuidKey]
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Tenant.id))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    title: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[CreatedAt]


class DocumentChunk(Base):
    __tablename__ = "document_chunks"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Document.id))
    chunk_index: Mapped[int]
    content: Mapped[str]


class ClientApp(Base):
    __tablename__ = "client_apps"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Tenant.id))
    name: Mapped[str]


class Grove(Base):
    __tablename__ = "groves"
    __table_args__ = SCHEMA

    id: Mapped[UuidKey]
    client_app_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(ClientApp.id))
    name: Mapped[str]
    created_at: Mapped[CreatedAt]


class Branch(Base):
    __tablename__ = "branches"
    __table_args__ = (one_of("status", "growing", "merged", "pruned"), SCHEMA)

    id: Mapped[UuidKey]
    grove_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Grove.id))
    name: Mapped[str]
    status: Mapped[str]


Index("idx_users_email", User.email)
Index("idx_users_created_at", User.created_at)
Index("idx_users_email_name", User.email, postgresql_include=["name"])

Index("idx_conversations_user_id", Conversation.user_id)
Index("idx_conversations_created_at", Conversation.created_at)
Index("idx_conversations_user_created", Conversation.user_id, Conversation.created_at)
Index("idx_conversations_tenant", Conversation.tenant_id, Conversation.user_id)

Index("idx_messages_conversation_id", Message.conversation_id)
Index("idx_messages_created_at", Message.created_at)
Index("idx_messages_conv_created", Message.conversation_id, Message.created_at)

Index("idx_documents_user_id", Document.user_id)
Index("idx_documents_created_at", Document.created_at)
Index("idx_documents_status", Document.status)
Index("idx_documents_tenant", Document.tenant_id, Document.user_id)

Index("idx_chunks_document_id", DocumentChunk.document_id)
Index("idx_chunks_chunk_index", DocumentChunk.chunk_index)

Index("idx_groves_client_app_id", Grove.client_app_id)
Index("idx_groves_created_at", Grove.created_at)

Index("idx_branches_grove_id", Branch.grove_id)
Index("idx_branches_status", Branch.status)
