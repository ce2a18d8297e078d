"""grove: the nineteen indexes of "Task 2-42: Database Index Strategy", and its covering one.

Revision ID: 0009
Revises: 0008
"""

from alembic_index_ops import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "grove"


def upgrade() -> None:
    op.create_concurrent_index("idx_users_email", "users", ["email"], schema=SCHEMA)
    op.create_concurrent_index("idx_users_created_at", "users", ["created_at"], schema=SCHEMA)
    op.create_covering_index(
        "idx_users_email_name", "users", ["email"], include=["name"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "idx_conversations_user_id", "conversations", ["user_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "idx_conversations_created_at", "conversations", ["created_at"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "idx_conversations_user_created",
        "conversations",
        ["user_id", "created_at"],
        schema=SCHEMA,
    )
    op.create_concurrent_index(
        "idx_conversations_tenant", "conversations", ["tenant_id", "user_id"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "idx_messages_conversation_id", "messages", ["conversation_id"], schema=SCHEMA
    )
    op.create_concurrent_index("idx_messages_created_at", "messages", ["created_at"], schema=SCHEMA)
    op.create_concurrent_index(
        "idx_messages_conv_created",
        "messages",
        ["conversation_id", "created_at"],
        schema=SCHEMA,
    )

    op.create_concurrent_index("idx_documents_user_id", "documents", ["user_id"], schema=SCHEMA)
    op.create_concurrent_index(
        "idx_documents_created_at", "documents", ["created_at"], schema=SCHEMA
    )
    op.create_concurrent_index("idx_documents_status", "documents", ["status"], schema=SCHEMA)
    op.create_concurrent_index(
        "idx_documents_tenant", "documents", ["tenant_id", "user_id"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "idx_chunks_document_id", "document_chunks", ["document_id"], schema=SCHEMA
    )
    op.create_concurrent_index(
        "idx_chunks_chunk_index", "document_chunks", ["chunk_index"], schema=SCHEMA
    )

    op.create_concurrent_index(
        "idx_groves_client_app_id", "groves", ["client_app_id"], schema=SCHEMA
    )
    op.create_concurrent_index("idx_groves_created_at", "groves", ["created_at"], schema=SCHEMA)

    op.create_concurrent_index("idx_branches_grove_id", "branches", ["grove_id"], schema=SCHEMA)
    op.create_concurrent_index("idx_branches_status", "branches", ["status"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_concurrent_index("idx_branches_status", "branches", schema=SCHEMA)
    op.drop_concurrent_index("idx_branches_grove_id", "branches", schema=SCHEMA)
    op.drop_concurrent_index("idx_groves_created_at", "groves", schema=SCHEMA)
    op.drop_concurrent_index("idx_groves_client_app_id", "groves", schema=SCHEMA)
    op.drop_concurrent_index("idx_chunks_chunk_index", "document_chunks", schema=SCHEMA)
    op.drop_concurrent_index("idx_chunks_document_id", "document_chunks", schema=SCHEMA)
    op.drop_concurrent_index("idx_documents_tenant", "documents", schema=SCHEMA)
    op.drop_concurrent_index("idx_documents_status", "documents", schema=SCHEMA)
    op.drop_concurrent_index("idx_documents_created_at", "documents", schema=SCHEMA)
    op.drop_concurrent_index("idx_documents_user_id", "documents", schema=SCHEMA)
    op.drop_concurrent_index("idx_messages_conv_created", "messages", schema=SCHEMA)
    op.drop_concurrent_index("idx_messages_created_at", "messages", schema=SCHEMA)
    op.drop_concurrent_index("idx_messages_conversation_id", "messages", schema=SCHEMA)
    op.drop_concurrent_index("idx_conversations_tenant", "conversations", schema=SCHEMA)
    op.drop_concurrent_index("idx_conversations_user_created", "conversations", schema=SCHEMA)
    op.drop_concurrent_index("idx_conversations_created_at", "conversations", schema=SCHEMA)
    op.drop_concurrent_index("idx_conversations_user_id", "conversations", schema=SCHEMA)
    op.drop_concurrent_index("idx_users_email_name", "users", schema=SCHEMA)
    op.drop_concurrent_index("idx_users_created_at", "users", schema=SCHEMA)
    op.drop_concurrent_index("idx_users_email", "users", schema=SCHEMA)
