"""What a build or a drop may not touch, in words: the object, the cause, the next step."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Holder, Table, describe_kind
from alembic_index_ops.definition.compare import Difference
from alembic_index_ops.definition.source import render_create_call
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.sql import render_drop, render_reindex
from alembic_index_ops.errors import (
    DropRefusedError,
    NameTakenError,
    ReplaceRefusedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from alembic_index_ops.build.plan import State


def differs(
    wished: IndexSpec, table: Table, found: ObservedIndex, differences: Sequence[Difference]
) -> str:
    """The message where a valid index has the name, and another definition."""
    lines = [f'index "{wished.name}" on {table} exists with another definition:']
    lines += [f"  {difference}" for difference in differences]
    lines += [
        "Nothing was changed. To have the new definition, use op.replace_index with the same"
        " arguments. To keep the old one, write:",
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


def refuse_foreign(
    wished: IndexSpec, table: Table, foreign: Sequence[Table], *, begun: bool = False
) -> None:
    """Raise UnsupportedError where a partition is a foreign table.

    PostgreSQL never completes an index that was made for the parent alone, as ours is, where one
    has no part of it. Alike in every way of building: what works on an empty table is to work on
    a full one.
    """
    if not foreign:
        return
    next_step = (
        "Nothing was changed. Index the other partitions one by one, then the parent with"
        " op.create_index, which takes those in and leaves that one out."
    )
    if wished.unique:
        next_step = (
            "Nothing was changed. A UNIQUE index has to cover every partition: detach that one, or"
            " index the others one by one."
        )
    if begun:
        next_step = "What is built stays. Detach it, and run the migration again."
    raise UnsupportedError(
        f'index "{wished.name}" on {table}: a partition is a foreign table, which cannot be'
        f" indexed: {', '.join(map(str, foreign))}. {next_step}"
    )


def refuse_swapping(
    wished: IndexSpec, current: ObservedIndex, table: Table, dependents: Dependents
) -> None:
    """Raise ReplaceRefusedError where something stands on the index that cannot move to another."""
    label = f'index "{current.name}" on {table}'
    if current.constraint_type is not None:
        raise ReplaceRefusedError(
            f'{label} serves constraint "{current.constraint_name}". Nothing was changed; replace'
            " the constraint: drop it and make it anew."
        )
    if dependents.foreign_keys:
        names = ", ".join(f'"{name}"' for name in dependents.foreign_keys)
        raise ReplaceRefusedError(
            f"{label}: foreign keys point at it ({names}). Nothing was changed; drop them first"
            " (op.drop_constraint), or give the new index a name of its own."
        )
    if current.parent_oid is not None:
        raise ReplaceRefusedError(
            f"{label} is a partition's part of its parent's index. Nothing was changed; replace the"
            " parent's index."
        )
    problem = ""
    if current.replica_identity:
        problem = _no_replica_identity(wished, dependents)
    clusters = wished.predicate is None and wished.access_method in ("btree", "gist")
    if current.clustered and not clusters and not problem:
        problem = "the table is CLUSTERed on it, and cannot be on the new one"
    if problem:
        raise ReplaceRefusedError(
            f"{label}: {problem}. Nothing was changed; change that first (ALTER TABLE {table}"
            " REPLICA IDENTITY ..., or SET WITHOUT CLUSTER)."
        )


def nothing_to_replace(name: str, state: State) -> str:
    """The message where there is no index of that name."""
    names = [index.name for index in state.indexes]
    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    listed = ", ".join(f'"{each}"' for each in nearest) or "none"
    return (
        f'index "{name}" on {state.table} does not exist, so there is nothing to replace; nearest'
        f" on that table: {listed}. Nothing was changed; correct the name, or use"
        " op.create_concurrent_index."
    )


def _no_replica_identity(wished: IndexSpec, dependents: Dependents) -> str:
    """Why the new index cannot be the table's replica identity; empty where it can."""
    start = "it is the table's replica identity, which the new one cannot be:"
    if not wished.unique:
        return f"{start} it is not unique"
    if wished.predicate is not None:
        return f"{start} it is partial"
    for column in wished.key_columns:
        if column.column is None:
            return f"{start} it has an expression"
        if column.column not in dependents.not_null:
            return f'{start} column "{column.column}" may be NULL'
    return ""


def refuse_dropping(index: ObservedIndex, table: Table) -> None:
    """Raise DropRefusedError for an index that something else stands on."""
    label = f'index "{index.name}" on {table}'
    if index.constraint_type is not None:
        ours = index.constraint_type == "u" and not table.partitioned
        operation = "drop_unique_constraint_concurrently" if ours else "drop_constraint"
        raise DropRefusedError(
            f'{label} serves constraint "{index.constraint_name}". Nothing was changed; use'
            f' op.{operation}("{index.constraint_name}", "{table.name}",'
            f' schema="{table.schema}").'
        )
    if index.replica_identity:
        raise DropRefusedError(f"{label} {identifies(table)}")
    if index.parent_oid is not None:
        raise DropRefusedError(
            f"{label} is a partition's part of its parent's index. Nothing was changed; drop the"
            " parent's index."
        )


def identifies(table: Table) -> str:
    """Why an index is not dropped, and what to do first: it is the table's replica identity."""
    return (
        "is the table's replica identity, and dropping it would stop logical replication of"
        f" updates and deletes. Nothing was changed; first run ALTER TABLE {table} REPLICA IDENTITY"
        " with another index, DEFAULT or FULL."
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
