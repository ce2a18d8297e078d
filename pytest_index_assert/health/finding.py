"""What a health check found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import indent

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and what would put it right.

    `kind` is the name of the check. `table` is the table as `plain_name` writes it; `index` the
    index's name. `subject` names what else it is about: a constraint, a revision. `message` tells
    the object and the cause, `fix` is source text or SQL that makes it right.
    """

    kind: str
    message: str
    table: str | None = None
    index: str | None = None
    subject: str | None = None
    fix: str | None = None

    @property
    def identity(self) -> str:
        """What a line of the baseline says: the same in each run, whatever the message becomes."""
        index = None if self.index is None else plain_name(self.index)
        return " ".join(part for part in (self.kind, self.table, index, self.subject) if part)

    def __str__(self) -> str:
        lines = [self.message]
        if self.fix is not None:
            lines += ["  to put it right:", indent(self.fix, "    ")]
        return "\n".join(lines)


def plain_name(*parts: str) -> str:
    """A name with its schema, quoted only where it has to be: `public.jobs`."""
    return ".".join(
        part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts
    )
