"""What the server refuses on a clone, and what that says of the table: our errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import rolled_back, run, settings, sqlstate
from alembic_index_ops.errors import (
    ArgumentError,
    CannotJudgeError,
    IndexOpsError,
    LockTimeoutError,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOCK_TIMEOUT = "2s"
_LOCK_NOT_AVAILABLE, _CANCELLED = "55P03", "57014"

# What the server says of a definition that it would refuse on the real table too:
# undefined or ambiguous column, object or function; wrong types; syntax; not immutable; what an
# access method or an index cannot have.
REFUSED = frozenset({
    "42601", "42602", "42622", "42701", "42702", "42703", "42704", "42725", "42803", "42804",
    "42809", "42846", "42883", "42P01", "42P17", "42P20", "42P21", "42P22", "22023", "54011",
    "0A000",
})  # fmt: skip

# Of these: what the server can also say because the clone is not the table. Its row has another
# type, so no function of the real row takes it, and its schema is another one.
_OF_THE_CLONE = frozenset({"42703", "42883", "42P01"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server said on a clone, or of the clone itself; the message has the detail in it."""

    sqlstate: str
    message: str

    @property
    def of_definition(self) -> bool:
        """True for what is wrong with the definition itself, or a value in it: there are no rows
        whose values could be meant."""
        return self.sqlstate in REFUSED or self.sqlstate.startswith("22")

    @property
    def passing(self) -> bool:
        """True for a lock, a deadlock, or a lack of resources: another try may end otherwise."""
        return self.sqlstate in (_LOCK_NOT_AVAILABLE, "40P01") or self.sqlstate.startswith("53")


@dataclass(frozen=True, slots=True)
class Matter:
    """What was tried, in the words of its errors: the server refuses the `object`, of which the
    `cure` is to be corrected, or does not do the `deed` on a clone.

    `query` has the same terms, and reads the table itself.
    """

    subject: str
    object: str
    cure: str
    deed: str
    query: str


def to_error(connection: Connection, refusal: Refusal, matter: Matter) -> IndexOpsError:
    """LockTimeoutError, ArgumentError for what the table refuses too, else CannotJudgeError."""
    if refusal.sqlstate == _LOCK_NOT_AVAILABLE:
        return LockTimeoutError(
            f"{matter.subject} cannot be judged: the table was locked for more than"
            f" {LOCK_TIMEOUT}. Try again when that lock is gone."
        )
    of_the_clone = refusal.sqlstate in _OF_THE_CLONE and _is_understood(connection, matter.query)
    if refusal.of_definition and not of_the_clone:
        return ArgumentError(
            f"{matter.subject}: the server refuses {matter.object}: {refusal.message}."
            f" Nothing was changed; correct {matter.cure}."
        )
    return CannotJudgeError(
        f"{matter.subject} cannot be judged: the server does not {matter.deed} on a temporary"
        f" clone: {refusal.message}."
        " The role needs TEMP on the database, a session that is not read-only, and a server that"
        " is no standby; functions of the whole row and schema.table.column cannot be judged."
    )


def _is_understood(connection: Connection, query: str) -> bool:
    """Whether the server finds every name of the query on the table itself."""
    from sqlalchemy.exc import DBAPIError

    try:
        with rolled_back(connection), settings(connection, lock_timeout=LOCK_TIMEOUT):
            run(connection, f"EXPLAIN {query}")
    except DBAPIError as error:
        if error.connection_invalidated or sqlstate(error) == _CANCELLED:
            raise
        return False
    return True
