"""The indexes of a table as a closed set: which listed ones are missing, which are too many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic_index_ops import (
    ArgumentError,
    IndexOpsError,
    IndexSpec,
    ObservedIndex,
    Table,
    render_drop_call,
)
from alembic_index_ops import from_index as spec_of
from pytest_index_assert.check import Verdict, check
from pytest_index_assert.errors import RequirementError
from pytest_index_assert.marker import NAME
from pytest_index_assert.ranking import describe_observed
from pytest_index_assert.relation import find_table, read_relation
from pytest_index_assert.report import render_failures
from pytest_index_assert.requirement import Requirement, parse_requirement

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Inventory:
    """A table's indexes beside a list of those it should have."""

    label: str
    table: Table
    verdicts: tuple[Verdict, ...]
    surplus: tuple[ObservedIndex, ...]

    @property
    def missing(self) -> tuple[Verdict, ...]:
        """What is listed and not there."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome != "met")


def parse_listed(table: str, listed: Iterable[Any], schema: str | None) -> list[Requirement]:
    """A requirement for each item: a name, a list of columns, an index, or `requires_index(...)`.

    Raises RequirementError for anything else, and for an index of another table.
    """
    if isinstance(listed, (str, bytes)) or not isinstance(listed, Iterable):
        raise RequirementError(f"assert_only_indexes takes a list of indexes, not {listed!r}")
    return [_parse_item(table, item, schema) for item in listed]


def judge_inventory(
    connection: Connection,
    table: str,
    requirements: Sequence[Requirement],
    schema: str | None,
    constraints: bool,
) -> str:
    """The text of all that is missing and too many; empty where there is neither.

    Without `constraints`, an index behind a constraint is never too many.
    """
    label = f'assert_only_indexes("{table}")'
    try:
        found = find_table(connection, Requirement(label=label, table=table, schema=schema))
        relation = read_relation(connection, found) if found is not None else None
    except IndexOpsError as error:
        return f"{label} cannot be judged: {error}"
    assert relation is not None  # A table that is named is there, or an error.
    verdicts = tuple(check(connection, requirement) for requirement in requirements)
    listed = _listed(verdicts)
    surplus = (
        index
        for index in relation.indexes
        if index.oid not in listed and (constraints or index.constraint_type is None)
    )
    return render_inventory(Inventory(label, relation.table, verdicts, tuple(surplus)))


def render_inventory(inventory: Inventory) -> str:
    """All that is missing and all that is too many; empty where there is neither."""
    missing, surplus = inventory.missing, inventory.surplus
    if not missing and not surplus:
        return ""
    lines = [
        f"{inventory.label}: {inventory.table} lacks {len(missing)} of the listed indexes, and has"
        f" {len(surplus)} that {'is' if len(surplus) == 1 else 'are'} not listed"
    ]
    lines += [f"  not listed: {describe_observed(index)}" for index in surplus]
    drops = [index for index in surplus if index.constraint_type is None]
    if drops:
        lines.append("  list what is meant to be there; to drop the others:")
        lines += [
            f"    {render_drop_call(index.name, index.table, index.schema)}" for index in drops
        ]
    paragraphs = ["\n".join(lines), render_failures(missing)]
    return "\n\n".join(filter(None, paragraphs))


def _listed(verdicts: Iterable[Verdict]) -> set[int]:
    """The indexes that the list means, be they usable or not.

    One for each item, so that a double is too many.
    """
    taken: set[int] = set()
    choices = [
        [candidate.index.oid for candidate in verdict.candidates if candidate.fits]
        for verdict in verdicts
    ]
    # Who has the least choice chooses first.
    for oids in sorted(choices, key=len):
        taken.update([oid for oid in oids if oid not in taken][:1])
    return taken


def _parse_item(table: str, item: Any, schema: str | None) -> Requirement:
    from sqlalchemy import Index

    if isinstance(item, str):
        return parse_requirement((table,), {"name": item, "schema": schema})
    if isinstance(item, (list, tuple)):
        return parse_requirement((table, *item), {"schema": schema})
    if isinstance(item, (IndexSpec, Index)):
        requirement = Requirement.of(item if isinstance(item, IndexSpec) else _spec(item))
    elif getattr(item, "name", None) == NAME and hasattr(item, "kwargs"):
        requirement = parse_requirement(item.args, _given(schema, item.kwargs))
    else:
        raise RequirementError(
            f"assert_only_indexes: {item!r} is no index; give a name, a list of columns,"
            f" {NAME}(...), or the index of a model"
        )
    if requirement.table not in (None, table):
        raise RequirementError(
            f'assert_only_indexes("{table}"): {requirement.label} is about another table'
        )
    return requirement


def _given(schema: str | None, keywords: dict[str, Any]) -> dict[str, Any]:
    own = {word: value for word, value in keywords.items() if value is not None}
    return {"schema": schema, **own}


def _spec(index: Any) -> IndexSpec:
    try:
        return spec_of(index)
    except ArgumentError as error:
        raise RequirementError(f"assert_only_indexes: {error}") from None
