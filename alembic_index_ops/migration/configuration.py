"""What env.py and the command line say: settings, and the map of schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.settings import Settings, layer_settings

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

_X_PREFIX = "index_ops."


def read_settings(context: MigrationContext, label: str, arguments: dict[str, object]) -> Settings:
    """Settings from `alembic -x index_ops.*`, the operation, env.py and the defaults."""
    environment = context.environment_context
    typed = environment.get_x_argument(as_dictionary=True) if environment is not None else {}
    return layer_settings(
        (
            "alembic -x",
            {
                name[len(_X_PREFIX) :]: value
                for name, value in typed.items()
                if name.startswith(_X_PREFIX)
            },
        ),
        (label, arguments),
        ("context.configure(index_ops=...)", context.opts.get("index_ops") or {}),
    )


def translate(connection: Connection, schema: str | None) -> str | None:
    """The schema after the connection's schema_translate_map."""
    translations = connection.get_execution_options().get("schema_translate_map") or {}
    translated = translations.get(schema, schema)
    return None if translated is None else str(translated)
