"""Which index takes whose name, and what else it takes over. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alembic_index_ops.build.inheritance import render_inheritance
from alembic_index_ops.build.naming import is_aside, replaced_name
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from alembic_index_ops.catalog.tables import Table
from alembic_index_ops.definition.sql import literal, qualified, render_comment, render_rename


@dataclass(frozen=True, slots=True)
class Succession:
    """`new` gets `name`, and `comment` unless that is None.

    `old` goes out of that name, if it has it; what stands on it (`dependents`) moves to `new`,
    which has statistics targets of its own from before (`restored`).
    """

    table: Table
    new: ObservedIndex
    name: str
    comment: str | None = None
    old: ObservedIndex | None = None
    dependents: Dependents = field(default_factory=Dependents)
    restored: tuple[tuple[int, int], ...] = ()

    @property
    def moves_replica_identity(self) -> bool:
        """Whether the table's replica identity moves, for which its lock is ACCESS EXCLUSIVE."""
        return self.old is not None and self.old.usable and self.old.replica_identity

    def render(self) -> list[str]:
        """The statements."""
        schema, old, statements = self.table.schema, self.old, []
        if old is not None and old.name == self.name:
            statements.append(render_rename(old.name, schema, replaced_name(old.name, old.oid)))
        if self.new.name != self.name:
            statements.append(render_rename(self.new.name, schema, self.name))
        if self.comment is not None:
            statements.append(render_comment(self.name, schema, self.comment))
        if old is not None and old.usable:
            statements += render_inheritance(
                self.table, self.name, self.new, old, self.dependents, self.restored
            )
        return statements

    def render_check(self) -> str:
        """A condition: the names are still those of these indexes."""
        return " AND ".join(
            f"to_regclass({literal(qualified(index.name, self.table.schema))}) = {index.oid}::oid"
            for index in (self.new, self.old)
            if index is not None
        )


def plan_parts(
    new: Sequence[ObservedIndex],
    old: Sequence[ObservedIndex],
    anothers: Container[int],
    names: Mapping[int, str],
    tags: str | None,
    dependents: Mapping[int, Dependents],
) -> Iterator[Succession]:
    """How the parts of a new tree follow those of the old one: under their names.

    Of either tree, what another hand made (`anothers`, by OID) keeps its name and comment. A part
    under a name aside that follows none gets the name that `names` has for its table, and `tags`.
    """
    before = {part.table_oid: part for part in old}
    for part in new:
        table = Table(part.table_oid, part.schema, part.table, "p" if part.partitioned else "r")
        former = before.get(part.table_oid)
        name, comment = part.name, None
        if part.oid not in anothers:
            if former is not None and former.oid not in anothers:
                name, comment = former.name, former.comment
            elif is_aside(part.name):
                name, comment = names[part.table_oid], tags
        stands = dependents.get(former.oid, Dependents()) if former is not None else Dependents()
        yield Succession(table, part, name, comment, former, stands)
