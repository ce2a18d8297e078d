"""`from alembic_index_ops import op`: alembic.op itself, typed by op.pyi."""

import sys

import alembic.op
from alembic.runtime.plugins import Plugin

from alembic_index_ops.migration import plugin

# An installed distribution has registered through its entry point; a source tree on the path,
# or a frozen application without metadata, has not.
if not plugin.registered and plugin.failure is None:
    Plugin.setup_plugin_from_module(plugin, "alembic_index_ops")
if plugin.failure is not None:
    raise ImportError(
        f"alembic_index_ops could not register its operations with Alembic: {plugin.failure}"
    ) from plugin.failure

sys.modules[__name__] = alembic.op
