"""grove: tables for tenants, conversations, documents, groves and branches.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA grove")
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "client_apps",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["grove.tenants.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["grove.tenants.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["grove.tenants.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["grove.users.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('uploaded', 'processing', 'ready', 'failed')", name="status_is_known"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["grove.tenants.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["grove.users.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "groves",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("client_app_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.ForeignKeyConstraint(["client_app_id"], ["grove.client_apps.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "branches",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("grove_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('growing', 'merged', 'pruned')", name="status_is_known"),
        sa.ForeignKeyConstraint(["grove_id"], ["grove.groves.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "document_chunks",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("chunk_index", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["grove.documents.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system')", name="role_is_known"),
        sa.ForeignKeyConstraint(["conversation_id"], ["grove.conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema="grove",
    )


def downgrade() -> None:
    op.drop_table("messages", schema="grove")
    op.drop_table("document_chunks", schema="grove")
    op.drop_table("branches", schema="grove")
    op.drop_table("groves", schema="grove")
    op.drop_table("documents", schema="grove")
    op.drop_table("conversations", schema="grove")
    op.drop_table("users", schema="grove")
    op.drop_table("client_apps", schema="grove")
    op.drop_table("tenants", schema="grove")
    op.execute("DROP SCHEMA grove")
