"""What env.py gives to Alembic for the writing of revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext


def separate_indexes(
    context: MigrationContext, revision: Any, directives: list[MigrationScript]
) -> None:
    """Write several revisions where one would mix: the changes, then the index operations, then the
    drops of columns that an index used until then.

    For `context.configure(process_revision_directives=separate_indexes)`. A build beside the
    writers commits what came before it; alone in its revision it can be cut off and run again.
    A revision that has but one of the two stays as it is.
    https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html#customizing-revision-generation
    """
    from alembic_index_ops.migration.separate import separate

    separate(directives)
