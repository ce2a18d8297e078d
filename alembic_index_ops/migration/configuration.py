"""What env.py and the command line say: settings, and the map of schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.settings import Settings, layer_settings

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

_X_PREFIX = "index_ops."
_CONFIGURE = "context.configure(index_ops=...)"
_LISTENERS = "listeners"


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
        (
            _CONFIGURE,
            {name: value for name, value in _configured(context).items() if name != _LISTENERS},
        ),
    )


def read_listeners(context: MigrationContext) -> Sequence[object]:
    """The listeners that env.py registers with `context.configure(index_ops={"listeners": [...]})`.

    Raises ArgumentError where that is no list.
    """
    listeners = _configured(context).get(_LISTENERS) or ()
    if not isinstance(listeners, (list, tuple)):
        raise ArgumentError(f"{_CONFIGURE}: listeners is {listeners!r}; give a list of objects")
    return listeners


def _configured(context: MigrationContext) -> Mapping[str, object]:
    configured = context.opts.get("index_ops") or {}
    if not isinstance(configured, Mapping):
        raise ArgumentError(f"{_CONFIGURE}: index_ops is {configured!r}; give a dict of settings")
    return configured


def translate(connection: Connection, schema: str | None) -> str | None:
    """The schema after the connection's schema_translate_map."""
    translations = connection.get_execution_options().get("schema_translate_map") or {}
    translated = translations.get(schema, schema)
    return None if translated is None else str(translated)
