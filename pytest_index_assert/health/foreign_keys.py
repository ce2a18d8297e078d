"""Foreign keys whose referencing side has no index to look them up by. Pure.

Each DELETE of a referenced row, and each UPDATE of its key, looks for rows that refer to it:
without an index, by reading the whole table. What serves that look-up is what the planner would
take for `a = $1 AND b = $2`.
https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alembic_index_ops import ObservedIndex, define_index, key, render_create_call
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.health.schema import ForeignKey, ForeignKeyColumn, Relation, Schema
from pytest_index_assert.naming import default_name

NAME = "foreign_keys"
# A BRIN index only says which blocks to read, and so for a column of scattered values all of them.
_ANY_POSITION, _NEVER = frozenset({"gin"}), frozenset({"brin"})
_SHOWN = 3


def find(schema: Schema) -> Iterator[Finding]:
    """A finding for each foreign key that some leaf of its table has no serving index for."""
    for foreign_key in schema.foreign_keys:
        table = schema.relation[foreign_key.table_oid]
        bare = [
            leaf
            for leaf in schema.leaves(table.oid)
            if not any(_serves(schema, foreign_key, index) for index in schema.indexes_of[leaf.oid])
        ]
        if bare:
            yield _finding(schema, foreign_key, table, bare)


def doubtful(schema: Schema) -> Iterator[tuple[ForeignKey, ObservedIndex]]:
    """Partial indexes that would serve a foreign key if they had every row that it looks for."""
    for foreign_key in schema.foreign_keys:
        for leaf in schema.leaves(foreign_key.table_oid):
            for index in schema.indexes_of[leaf.oid]:
                if index.predicate is not None and _fits(schema, foreign_key, index):
                    yield foreign_key, index


def _serves(schema: Schema, foreign_key: ForeignKey, index: ObservedIndex) -> bool:
    complete = index.predicate is None or (foreign_key.oid, index.oid) in schema.implied
    return complete and _fits(schema, foreign_key, index)


def _fits(schema: Schema, foreign_key: ForeignKey, index: ObservedIndex) -> bool:
    """Whether the index, of all rows, finds those of a key: by all columns, or by enough."""
    if not index.usable or index.access_method in _NEVER:
        return False
    wanted = {column.name: column for column in foreign_key.columns if column.equality}
    keys = [part.column for part in index.spec.key_columns]
    found = {
        position
        for position, name in enumerate(keys)
        if name in wanted and _compares(schema, index, position, wanted[name])
    }
    if not found:
        return False
    names = {keys[position] for position in found}
    if index.access_method in _ANY_POSITION:
        return names == set(wanted)
    if index.access_method not in ("btree", "hash"):
        return names == set(wanted) and 0 in found
    if index.unique and len(found) == len(keys):
        return True  # at most one row is found, whatever the other columns say
    return {keys[position] for position in found if position < len(wanted)} == set(wanted)


def _compares(
    schema: Schema, index: ObservedIndex, position: int, column: ForeignKeyColumn
) -> bool:
    """Whether a key of the index knows the comparison that the foreign key makes."""
    operator_class = int(index.indclass.split()[position])
    collation = int(index.indcollation.split()[position])
    return (operator_class, column.operator) in schema.searches and collation in (
        0,
        column.collation,
    )


def _finding(
    schema: Schema, foreign_key: ForeignKey, table: Relation, bare: Sequence[Relation]
) -> Finding:
    columns = ", ".join(column.name for column in foreign_key.columns)
    missing = f"no index of {table} serves its look-ups by ({columns})"
    if table.kind == "p":
        shown = ", ".join(map(str, bare[:_SHOWN]))
        more = len(bare) - _SHOWN
        missing += f" on {shown}" + (f" and {more} more" if more > 0 else "")
    return Finding(
        kind=NAME,
        table=table.plain_name,
        subject=plain_name(foreign_key.name),
        message=f'foreign key "{foreign_key.name}" of {table} to {foreign_key.referenced}:'
        f" {missing}, so that each DELETE there, and each UPDATE of its key, reads the whole table",
        fix=_fix(schema, foreign_key, table),
    )


def _fix(schema: Schema, foreign_key: ForeignKey, table: Relation) -> str:
    columns = [key(column.name) for column in foreign_key.columns if column.equality]
    odd = [column.name for column in foreign_key.columns if not column.castless]
    if odd:
        # The server casts the column for each comparison, and no index on it knows that.
        return f"# give {', '.join(odd)} the type of the referenced column, and an index"
    name = default_name(table.name, columns)
    if name in {index.name for index in schema.indexes_of[table.oid]}:
        name = default_name(table.name, [*columns, "fk"])
    spec = define_index(name, table.name, columns, schema=schema.named(table.schema))
    return render_create_call(spec)
