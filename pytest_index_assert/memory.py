"""What is known to be met, for as long as the database's catalog stays as it is.

Looking whether it did is one round trip on a connection that is kept open. A snapshot without a
newer transaction in it is the same database. With one, the rows of the catalog are counted, and the
numbers of the transactions that wrote them summed: whatever makes, changes or drops an index, a
table, a column, a type or a function writes there. TRUNCATE writes to pg_class alone, so that its
rows are compared by their content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from pytest_index_assert.requirement import Requirement

Ask = Callable[[str], "Sequence[Any]"]

_FIRST_OID = 16384  # of what is not the system's own
_WRITTEN = "SELECT concat(count(*), ' ', sum(CAST(CAST(xmin AS text) AS bigint))) FROM pg_catalog."
_BY_OID = {
    "pg_index": "indexrelid",
    "pg_attribute": "attrelid",
    "pg_constraint": "oid",
    "pg_proc": "oid",
    "pg_type": "oid",
    "pg_opclass": "oid",
    "pg_collation": "oid",
}
_WHOLE = ("pg_inherits", "pg_namespace", "pg_db_role_setting")

_SNAPSHOT = "SELECT CAST(pg_current_snapshot() AS text)"
_STATE = f"""
SELECT CAST(pg_current_snapshot() AS text), concat_ws(', ',
  (SELECT concat(count(*), ' ', bit_xor(hashtextextended(
      concat_ws(' ', oid, relnamespace, relkind, relam, reloptions, relname), 0)))
    FROM pg_catalog.pg_class WHERE oid >= {_FIRST_OID}),
  {", ".join(f"({_WRITTEN}{name} WHERE {oid} >= {_FIRST_OID})" for name, oid in _BY_OID.items())},
  {", ".join(f"({_WRITTEN}{name})" for name in _WHOLE)})
"""


class Memory:
    """The requirements that a database meets, asked of it anew when its catalog has changed."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._ask: Ask | None = None
        self._snapshot: str | None = None
        self._state: str | None = None
        self._met: dict[int, tuple[Requirement, str]] = {}

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept."""
        return self._connection is not None

    def keep_open(self, engine: Engine) -> None:
        """Open a connection that is none of the pool's, and in a transaction at no time."""
        if self._connection is None:
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.detach()
            self._ask = _asker(self._connection)

    def close(self) -> None:
        """Close that connection; what is known stays known."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._ask = None

    def forget(self) -> None:
        """Close the connection, and know nothing."""
        self.close()
        self._snapshot = self._state = None
        self._met.clear()

    def recall(self, engine: Engine, requirements: Iterable[Requirement]) -> list[str] | None:
        """What was learnt of each of these very requirements; None unless all are still met."""
        if self._ask is not None:
            self._look(self._ask)
        else:
            with engine.connect() as connection:
                self._look(_asker(connection))
        known = [self._met.get(id(requirement)) for requirement in requirements]
        return None if None in known else [each[1] for each in known if each is not None]

    def learn(self, requirement: Requirement, text: str) -> None:
        """That it was met in the state that `recall` saw, or in a later one."""
        self._met[id(requirement)] = (requirement, text)

    def _look(self, ask: Ask) -> None:
        if ask(_SNAPSHOT)[0] == self._snapshot:
            return
        self._snapshot, state = ask(_STATE)
        if state != self._state:
            self._state = state
            self._met.clear()


def _asker(connection: Connection) -> Ask:
    """How to get a query's only row the fast way: every marked test does."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.driver != "psycopg":
        cursor = driver.cursor()
        return lambda query: cursor.execute(query) or cursor.fetchone()
    from psycopg import OperationalError, pq

    def ask(query: str) -> Sequence[Any]:
        result = driver.pgconn.exec_(query.encode())
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise OperationalError(result.error_message.decode(errors="replace"))
        values = (result.get_value(0, column) for column in range(result.nfields))
        return [value and value.decode() for value in values]

    return ask


class Memories:
    """The memory of each engine, for as long as the engine is there."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Engine, Memory] = WeakKeyDictionary()

    def get(self, engine: Engine) -> Memory:
        """The engine's memory, which knows nothing at first."""
        memory = self._of.get(engine)
        if memory is None:
            memory = self._of[engine] = Memory()
        return memory
