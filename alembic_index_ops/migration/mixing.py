"""Concurrent index operations among other changes: found, and warned of when they are written."""

from __future__ import annotations

from alembic.operations.ops import MigrateOperation, OpContainer

from alembic_index_ops.listeners import logger
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp
from alembic_index_ops.migration.placing import BoundCreateOp

_REVISION, _WARNED = "alembic_index_ops.revision", "alembic_index_ops.warned"


def is_concurrent(operation: MigrateOperation) -> bool:
    """Whether it ends the migration's transaction: it builds or drops beside the writers."""
    return (
        isinstance(operation, (CreateConcurrentIndexOp, DropConcurrentIndexOp))
        and operation.concurrently is not False
        and not isinstance(operation, BoundCreateOp)
    )


def is_mixed(upgrade: OpContainer) -> bool:
    """Whether a concurrent operation stands among others."""
    concurrent = [is_concurrent(operation) for operation in upgrade.ops]
    return any(concurrent) and not all(concurrent)


def remember_revision(upgrade: OpContainer) -> None:
    """Let each concurrent operation know the revision it is written for."""
    for operation in upgrade.ops:
        if is_concurrent(operation):
            operation.info[_REVISION] = upgrade


def warn_of_mixing(operation: MigrateOperation) -> None:
    """Warn, once for a revision, where it still mixes what `separate_indexes` would separate."""
    upgrade = operation.info.get(_REVISION)
    if upgrade is None or not is_mixed(upgrade) or upgrade.info.get(_WARNED):
        return
    if any(other is operation for other in upgrade.ops):
        upgrade.info[_WARNED] = True
        logger.warning(
            "this revision mixes index operations with other changes: a build beside the writers"
            " commits what came before it, so a run that is cut off in between cannot simply be"
            " run again. Give the indexes a revision of their own:"
            " context.configure(process_revision_directives=alembic_index_ops.separate_indexes)"
        )
