"""What a build or a drop may not touch, in words: the object, the cause, the next step."""

from __future__ import annotations

from collections.abc import Sequence

from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Holder, Table, describe_kind
from alembic_index_ops.definition.compare import Difference
from alembic_index_ops.definition.source import render_create_call
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.sql import render_drop, render_reindex
from alembic_index_ops.errors import DropRefusedError, NameTakenError


def differs(
    wished: IndexSpec, table: Table, found: ObservedIndex, differences: Sequence[Difference]
) -> str:
    """The message where a valid index has the name, and another definition."""
    lines = [f'index "{wished.name}" on {table} exists with another definition:']
    lines += [f"  {difference}" for difference in differences]
    lines += [
        "Nothing was changed. To have the new definition, build it under another name and then"
        " drop this one with op.drop_concurrent_index (op.replace_index, of a coming version, does"
        " both in place). To keep the old one, write:",
        "  " + render_create_call(found.spec).replace("\n", "\n  "),
    ]
    return "\n".join(lines)


def foreign(name: str, table: Table, holder: Holder, next_step: str) -> str:
    """The message where the name belongs to something that is no index of the table."""
    kind = describe_kind(holder.kind)
    article = "an" if kind.startswith("i") else "a"
    belongs = f" of table {holder.table}" if holder.table else ""
    return (
        f'"{name}" in schema "{table.schema}" is {article} {kind}{belongs}, and no index of'
        f" {table}: {next_step}"
    )


def refuse_replacing(index: ObservedIndex, table: Table) -> None:
    """Raise NameTakenError for an INVALID index that cannot be dropped, and say how to repair."""
    reason = ""
    if index.partitioned:
        reason = "belongs to a partitioned table: not every partition has its part of it yet"
    elif index.parent_oid is not None:
        reason = "is a partition's part of its parent's index, and cannot be dropped"
    elif index.constraint_type is not None:
        reason = f'serves constraint "{index.constraint_name}"'
    elif index.replica_identity:
        reason = "is the table's replica identity"
    if reason:
        repair = (
            "attach what is missing"
            if index.partitioned
            else f"repair it: {render_reindex(index.name, table.schema)}"
        )
        raise NameTakenError(
            f'index "{index.name}" on {table} is INVALID and {reason}. Nothing was changed;'
            f" {repair}, then run the migration again."
        )


def refuse_dropping(index: ObservedIndex, table: Table) -> None:
    """Raise DropRefusedError for an index that something else stands on."""
    label = f'index "{index.name}" on {table}'
    if index.constraint_type is not None:
        raise DropRefusedError(
            f'{label} serves constraint "{index.constraint_name}". Nothing was changed; use'
            f' op.drop_constraint("{index.constraint_name}", "{table.name}",'
            f' schema="{table.schema}").'
        )
    if index.replica_identity:
        raise DropRefusedError(
            f"{label} is the table's replica identity, and dropping it would stop logical"
            " replication of updates and deletes. Nothing was changed; first run"
            f" ALTER TABLE {table} REPLICA IDENTITY with another index, DEFAULT or FULL."
        )
    if index.parent_oid is not None:
        raise DropRefusedError(
            f"{label} is a partition's part of its parent's index. Nothing was changed; drop the"
            " parent's index."
        )


def explain_cut_drop(name: str, table: Table, cause: str) -> str:
    """The message for a drop that ended half-way: how to finish it, how to restore the index."""
    return (
        f'index "{name}" on {table}: its drop was cut off: {cause}. The index may now be INVALID:'
        " no query uses it, writes may still maintain it.\n"
        "To finish, run the same migration again, or"
        f" {render_drop(name, table.schema, concurrently=True)};\n"
        f"to restore it, run {render_reindex(name, table.schema)};"
    )
