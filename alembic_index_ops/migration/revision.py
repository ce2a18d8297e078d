"""Which revision is running, and in which direction."""

from __future__ import annotations

import sys

from alembic_index_ops.build.plan import Revision


def running_revision() -> Revision | None:
    """The revision whose upgrade() or downgrade() is on the stack; None outside of one.

    Alembic tells an operation nothing of this; the loop of MigrationContext.run_migrations
    keeps it in its local `step`, in every version from 1.18.0.
    """
    # Not at the top: Alembic's runtime is half imported when this module is.
    from alembic.runtime.migration import MigrationContext

    frame = sys._getframe()
    code = MigrationContext.run_migrations.__code__
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is code:
            step = frame.f_locals.get("step")
            script = getattr(step, "revision", None)
            revision = getattr(script, "revision", None)
            if step is None or not isinstance(revision, str):
                return None
            return Revision(revision, bool(step.is_upgrade))
    return None
