"""The patterns of "Task 2-42: Database Index Strategy", which promises no figures.

An `id` is an md5, so the first by `id` is a row drawn at random.
"""

from example_project.demo.pattern import Claim, Document, Pattern
from example_project.queries import grove

SELECT = Claim("Faster SELECT queries")
ORDER_BY = Claim("Better ORDER BY performance")
COVERING = Claim("Include all columns needed by query")

AN_EMAIL = "SELECT email FROM grove.users ORDER BY id LIMIT 1"
A_TALKER = "SELECT user_id FROM grove.conversations ORDER BY id LIMIT 1"
A_CONVERSATION = "SELECT conversation_id FROM grove.messages ORDER BY id LIMIT 1"

DOCUMENT = Document(
    "grove",
    "Task 2-42: Database Index Strategy",
    (
        Pattern("user by email", SELECT, grove.user_by_email, AN_EMAIL),
        Pattern("a user's name by email", COVERING, grove.user_name, AN_EMAIL),
        Pattern("newest users", ORDER_BY, grove.latest_users),
        Pattern("a user's conversations", SELECT, grove.conversations_of, A_TALKER),
        Pattern("newest conversations", ORDER_BY, grove.latest_conversations),
        Pattern("a user's newest conversations", ORDER_BY, grove.latest_conversations_of, A_TALKER),
        Pattern(
            "a user's conversations in a tenant",
            SELECT,
            grove.conversations_in_tenant,
            "SELECT tenant_id, user_id FROM grove.conversations ORDER BY id LIMIT 1",
        ),
        Pattern("messages of a conversation", SELECT, grove.messages_in, A_CONVERSATION),
        Pattern(
            "messages of the last day",
            SELECT,
            grove.messages_since,
            "SELECT max(created_at) - interval '1 day' FROM grove.messages",
        ),
        Pattern(
            "a conversation's newest messages",
            ORDER_BY,
            grove.latest_messages_in,
            A_CONVERSATION,
        ),
        Pattern(
            "a user's documents",
            SELECT,
            grove.documents_of,
            "SELECT user_id FROM grove.documents ORDER BY id LIMIT 1",
        ),
        Pattern("newest documents", ORDER_BY, grove.latest_documents),
        Pattern(
            "documents in processing",
            SELECT,
            grove.documents_with_status,
            "SELECT 'processing'",
        ),
        Pattern(
            "a user's documents in a tenant",
            SELECT,
            grove.documents_in_tenant,
            "SELECT tenant_id, user_id FROM grove.documents ORDER BY id LIMIT 1",
        ),
        Pattern(
            "chunks of a document",
            SELECT,
            grove.chunks_of,
            "SELECT document_id FROM grove.document_chunks ORDER BY id LIMIT 1",
        ),
        Pattern("first chunk of every document", SELECT, grove.chunks_at, "SELECT 0"),
        Pattern(
            "an app's groves",
            SELECT,
            grove.groves_of,
            "SELECT client_app_id FROM grove.groves ORDER BY id LIMIT 1",
        ),
        Pattern("newest groves", ORDER_BY, grove.latest_groves),
        Pattern(
            "branches of a grove",
            SELECT,
            grove.branches_of,
            "SELECT grove_id FROM grove.branches ORDER BY id LIMIT 1",
        ),
        Pattern(
            "growing branches",
            SELECT,
            grove.branches_with_status,
            "SELECT 'growing'",
        ),
    ),
)
