"""Rows of grove: tenants with users who talk and upload, and the groves of their apps.

`:rows` is twice the number of messages and of document chunks. A user belongs to one of forty
tenants.
"""

from sqlalchemy import text

TENANTS = text("""
    INSERT INTO grove.tenants (id, name)
    SELECT md5('tenant' || n)::uuid, 'Tenant ' || n
    FROM generate_series(0, 39) AS n
""")

USERS = text("""
    INSERT INTO grove.users (id, tenant_id, email, name, created_at)
    SELECT md5('user' || n)::uuid, md5('tenant' || n % 40)::uuid,
           'user' || n || '@example.com', 'User ' || n,
           timestamptz '2024-01-01 00:00+00' + n * (interval '730 days' / (:rows / 5))
    FROM generate_series(1, :rows / 5) AS n
""")

CONVERSATIONS = text("""
    INSERT INTO grove.conversations (id, tenant_id, user_id, title, created_at)
    SELECT md5('conversation' || n)::uuid, md5('tenant' || owner % 40)::uuid,
           md5('user' || owner)::uuid, 'Conversation ' || n,
           timestamptz '2024-01-01 00:00+00' + n * (interval '730 days' / (:rows / 5))
    FROM (
        SELECT n, 1 + floor(:rows / 50 * power(random(), 2))::int AS owner
        FROM generate_series(1, :rows / 5) AS n
    ) AS owned
""")

MESSAGES = text("""
    INSERT INTO grove.messages (id, conversation_id, role, content, created_at)
    SELECT md5('message' || n)::uuid,
           md5('conversation' || 1 + floor(:rows / 5 * power(random(), 2)))::uuid,
           (ARRAY['user', 'assistant'])[1 + n % 2],
           repeat('words and more words ', 1 + n % 8),
           timestamptz '2024-01-01 00:00+00' + n * (interval '730 days' / (:rows / 2))
    FROM generate_series(1, :rows / 2) AS n
""")

DOCUMENTS = text("""
    INSERT INTO grove.documents (id, tenant_id, user_id, title, status, created_at)
    SELECT md5('document' || n)::uuid, md5('tenant' || owner % 40)::uuid,
           md5('user' || owner)::uuid, 'Document ' || n,
           CASE WHEN n > 0.995 * :rows / 5 THEN 'processing' WHEN dice < 0.02 THEN 'failed'
                ELSE 'ready' END,
           timestamptz '2024-01-01 00:00+00' + n * (interval '730 days' / (:rows / 5))
    FROM (
        SELECT n, random() AS dice, 1 + floor(:rows / 50 * power(random(), 2))::int AS owner
        FROM generate_series(1, :rows / 5) AS n
    ) AS owned
""")

DOCUMENT_CHUNKS = text("""
    INSERT INTO grove.document_chunks (id, document_id, chunk_index, content)
    SELECT md5('chunk' || n)::uuid, md5('document' || 1 + n / 5)::uuid, n % 5,
           repeat('a paragraph of text ', 4)
    FROM generate_series(0, :rows / 10 * 5 - 1) AS n
""")

CLIENT_APPS = text("""
    INSERT INTO grove.client_apps (id, tenant_id, name)
    SELECT md5('app' || n)::uuid, md5('tenant' || n % 40)::uuid, 'App ' || n
    FROM generate_series(1, 40 + :rows / 500) AS n
""")

GROVES = text("""
    INSERT INTO grove.groves (id, client_app_id, name, created_at)
    SELECT md5('grove' || n)::uuid,
           md5('app' || 1 + floor((40 + :rows / 500) * power(random(), 2)))::uuid,
           'Grove ' || n,
           timestamptz '2024-01-01 00:00+00' + n * (interval '730 days' / (:rows / 10))
    FROM generate_series(1, :rows / 10) AS n
""")

BRANCHES = text("""
    INSERT INTO grove.branches (id, grove_id, name, status)
    SELECT md5('branch' || n)::uuid,
           md5('grove' || 1 + floor(:rows / 10 * power(random(), 2)))::uuid,
           'Branch ' || n,
           CASE WHEN dice < 0.1 THEN 'growing' WHEN dice < 0.2 THEN 'pruned' ELSE 'merged' END
    FROM (SELECT n, random() AS dice FROM generate_series(1, :rows / 5) AS n) AS drawn
""")

FILLS = (
    TENANTS,
    USERS,
    CONVERSATIONS,
    MESSAGES,
    DOCUMENTS,
    DOCUMENT_CHUNKS,
    CLIENT_APPS,
    GROVES,
    BRANCHES,
)
