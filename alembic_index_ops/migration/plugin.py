"""What the `alembic.plugins` entry point names: setup() is the only place that registers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from alembic_index_ops.listeners import logger

# Alembic 1.18.0 to 1.20.0 iterates over the loaded entry point, 1.20.1 wants a module: a module
# that yields itself is both.


class _PluginModule(ModuleType):
    def __iter__(self) -> Iterator[ModuleType]:
        yield self


sys.modules[__name__].__class__ = _PluginModule

failure: Exception | None = None
"""Why registration failed, for `alembic_index_ops.op` to raise; None where it did not."""

registered = False
"""Whether the operations are known to Alembic."""


def setup(plugin: Any) -> None:
    """Register the operations with Alembic; called by it, and by op.py where it did not.

    Never raises: an exception here would break the user's `import alembic`. It is kept, and
    raised by `from alembic_index_ops import op`.
    """
    global failure, registered
    if registered:
        return
    try:
        # Alembic is half imported now. Import everything first, then register.
        from alembic_index_ops.migration import (
            autogenerate,
            change_ops,
            constraint_ops,
            many_ops,
            ops,
            render,
            replace_ops,
            toimpl,
        )

        ops.register()
        replace_ops.register()
        change_ops.register()
        constraint_ops.register()
        many_ops.register()
        toimpl.register()
        render.register()
        autogenerate.register(plugin)
        registered = True
    except Exception as error:
        failure = error
        logger.exception("alembic_index_ops could not register its operations with Alembic")
