"""What indexes depend on, as pg_depend knows it: columns, and extensions.

https://www.postgresql.org/docs/current/catalog-pg-depend.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.session import read

if TYPE_CHECKING:
    from sqlalchemy import Connection

_EXTENSIONS = """
SELECT objid FROM pg_catalog.pg_depend
WHERE classid = 'pg_catalog.pg_class'::regclass AND deptype = 'e'
"""
_COLUMNS = """
SELECT DISTINCT d.objid, a.attname::text,
  concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attcollation)
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a
  ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass
  AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.objid = ANY (CAST(string_to_array(:indexes, ',') AS oid[]))
"""


def read_extension_members(connection: Connection) -> frozenset[int]:
    """The OIDs of all relations that belong to an extension."""
    return frozenset(row[0] for row in read(connection, _EXTENSIONS))


def read_used_columns(
    connection: Connection, index_oids: Iterable[int]
) -> dict[int, dict[str, str]]:
    """The columns that each index uses (as keys, included, in expressions, in its predicate), and
    of what type and collation each is."""
    used: dict[int, dict[str, str]] = {oid: {} for oid in index_oids}
    if used:
        for oid, column, type_ in read(connection, _COLUMNS, indexes=",".join(map(str, used))):
            used[oid][column] = type_
    return used
