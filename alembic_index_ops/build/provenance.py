"""Tags in comments: who built an index, who adopted it.

A tag is a line of its own below the user's comment, which is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

BUILT_BY = "alembic_index_ops: built by "
ADOPTED_BY = "alembic_index_ops: adopted by "
REPLACED_BY = "alembic_index_ops: replaced by "


@dataclass(frozen=True, slots=True)
class Replaced:
    """A revision that gave the index another definition, and the one it had before."""

    revision: str
    definition: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """An index's comment, taken apart: the user's own text, and the tags."""

    comment: str | None = None
    built_by: str | None = None
    adopted_by: tuple[str, ...] = ()
    replaced: tuple[Replaced, ...] = ()

    def render(self) -> str | None:
        """The comment as it is stored; None for none."""
        lines = [] if self.comment is None else [self.comment]
        if self.built_by is not None:
            lines.append(BUILT_BY + self.built_by)
        lines += [ADOPTED_BY + revision for revision in self.adopted_by]
        lines += [f"{REPLACED_BY}{each.revision}: {each.definition}" for each in self.replaced]
        return "\n".join(lines) or None

    @property
    def revisions(self) -> frozenset[str]:
        """All that the tags name."""
        built_by = () if self.built_by is None else (self.built_by,)
        return frozenset((*built_by, *self.adopted_by, *(each.revision for each in self.replaced)))

    def adopt(self, revision: str) -> Provenance:
        """The same with `adopted by revision`, once."""
        if revision in self.adopted_by:
            return self
        return replace(self, adopted_by=(*self.adopted_by, revision))

    def replace_by(self, revision: str, before: str) -> Provenance:
        """The same with `replaced by revision`, and the definition before, once."""
        others = self.restore(revision).replaced
        return replace(self, replaced=(*others, Replaced(revision, before)))

    def before(self, revision: str) -> str | None:
        """The definition that the index had before `revision` replaced it; None if it did not."""
        return next((each.definition for each in self.replaced if each.revision == revision), None)

    def restore(self, revision: str) -> Provenance:
        """The same after `revision` gave the index its former definition back."""
        kept = tuple(each for each in self.replaced if each.revision != revision)
        return replace(self, replaced=kept)

    def needed_by_others(self, revision: str) -> bool:
        """Whether `revision`, which made the index, has to leave it to those who adopted it.

        An index without `built by` was made by plain SQL or `op.create_index`, and so by the
        revision whose downgrade drops it.
        """
        return bool(self.adopted_by) and self.built_by in (None, revision)

    def release(self, revision: str) -> Provenance:
        """The same after a downgrade of `revision` that keeps the index.

        Its adoption ends; where it made the index, `built by` passes to the first adopter.
        """
        if revision in self.adopted_by:
            adopters = tuple(other for other in self.adopted_by if other != revision)
            return replace(self, adopted_by=adopters)
        if self.needed_by_others(revision):
            return replace(self, built_by=self.adopted_by[0], adopted_by=self.adopted_by[1:])
        return self


def parse_comment(comment: str | None) -> Provenance:
    """A stored comment -> Provenance."""
    own: list[str] = []
    built_by = None
    adopted_by: list[str] = []
    replaced: list[Replaced] = []
    for line in () if comment is None else comment.split("\n"):
        if line.startswith(BUILT_BY):
            built_by = line[len(BUILT_BY) :]
        elif line.startswith(ADOPTED_BY):
            adopted_by.append(line[len(ADOPTED_BY) :])
        elif line.startswith(REPLACED_BY):
            revision, _, definition = line[len(REPLACED_BY) :].partition(": ")
            replaced.append(Replaced(revision, definition))
        else:
            own.append(line)
    comment = "\n".join(own) if own else None
    return Provenance(comment, built_by, tuple(adopted_by), tuple(replaced))
