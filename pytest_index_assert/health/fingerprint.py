"""All that a migration can make in a database, as one value that can be compared.

Objects of extensions are left out, and so are rows, the order of columns (a column that comes back
comes last) and what belongs to the server and not to the database: roles, tablespaces.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_index_assert.health.fingerprint_query import OBJECTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

Fingerprint = Mapping[tuple[str, str], Mapping[str, Any]]
"""(kind, name) -> attributes. Parts of a table have names that begin with its name and a dot."""

_TABLES = frozenset({"table", "view", "materialised view", "foreign table", "type"})
_WHOLES = _TABLES | {"column", "constraint"}
_DROPPED = _TABLES | {"index", "sequence", "function", "procedure", "schema", "extension"}
_PARTS = frozenset({"column", "constraint", "trigger", "rule", "policy"})


@dataclass(frozen=True, slots=True)
class Change:
    """An object that differs: `attribute` is None where all of it came (`before` None) or went."""

    kind: str
    name: str
    attribute: str | None = None
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        subject = f"{self.kind} {self.name}"
        if self.attribute is None:
            return f"{subject} is left" if self.before is None else f"{subject} is gone"
        return f"{subject}: its {self.attribute} was {_shown(self.before)}, is {_shown(self.after)}"

    @property
    def undo(self) -> str | None:
        """The SQL that makes it as it was; None where it takes more than a statement."""
        if self.attribute is not None:
            return None
        if self.before is not None:
            return self.before.get("definition") if self.kind == "index" else None
        table, _, part = self.name.rpartition(".")
        if self.kind in ("column", "constraint"):
            return f"ALTER TABLE {table} DROP {self.kind.upper()} {part}"
        if self.kind in ("trigger", "rule", "policy"):
            return f"DROP {self.kind.upper()} {part} ON {table}"
        kind = self.kind.replace("materialised", "materialized").upper()
        return f"DROP {kind} {self.name}" if self.kind in _DROPPED else None


def read_fingerprint(connection: Connection, version_table: str) -> Fingerprint:
    """What the database has now, without Alembic's own table (a name as SQL has it)."""
    from sqlalchemy import text

    # So that what the server writes is qualified, and the same whatever the search path.
    connection.execute(text("SELECT set_config('search_path', '', true)"))
    # ":" after a name is bound, "::" is a cast.
    query = text(f"SELECT kind, name, attributes::text FROM ({OBJECTS}) o")
    rows = connection.execute(query, {"version_table": version_table})
    found = {
        (str(kind), str(name)): {
            key: value for key, value in json.loads(attributes).items() if value is not None
        }
        for kind, name, attributes in rows
    }
    connection.rollback()
    return found


def compare(before: Fingerprint, after: Fingerprint) -> Iterator[Change]:
    """How they differ; of what came or went as a whole, its parts are not told."""
    whole = {key for key in {*before, *after} if key not in before or key not in after}
    names = {name for kind, name in whole if kind in _WHOLES}
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if key in whole:
            if not _is_part(key, old or new or {}, names):
                yield Change(*key, before=old, after=new)
            continue
        old, new = old or {}, new or {}
        for attribute in sorted({*old, *new}):
            if old.get(attribute) != new.get(attribute):
                yield Change(*key, attribute, old.get(attribute), new.get(attribute))


def _is_part(key: tuple[str, str], attributes: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether the object came or went with a table, a column or a constraint that did."""
    owners = [attributes.get(word) for word in ("table", "constraint", "owned by")]
    name = key[1] if key[0] in _PARTS else None
    below = [each for each in (name, *owners) if each]
    return any(
        owner == each or owner.startswith(f"{each}.")
        for owner in below
        for each in names
        if each != key[1]
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
