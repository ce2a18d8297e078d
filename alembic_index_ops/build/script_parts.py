"""What the scripts are put together from. Pure text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.provenance import ADOPTED_BY, BUILT_BY
from alembic_index_ops.build.script_templates import DECLARE, KEPT, NEEDS_TABLE
from alembic_index_ops.definition.spec import IndexSpec, digest
from alembic_index_ops.definition.sql import dollar, literal, qualified, quote, render_create


@dataclass(frozen=True, slots=True)
class Script:
    """Statements without semicolons: those outside any transaction, those inside the one that
    follows, and `check`, which belongs after the stamp: it aborts that transaction, whatever
    other operations of the revision have committed since, where the work was not done."""

    outside: tuple[str, ...]
    inside: tuple[str, ...]
    check: str


@dataclass(frozen=True, slots=True)
class Head:
    """The index that a script is about, and its table."""

    index: str
    table: str
    schema: str | None

    @property
    def needs_table(self) -> str:
        """Raises where the table is not there."""
        return NEEDS_TABLE.format(table=self._table)

    @property
    def decision(self) -> str:
        """A setting of the session, by which the guard tells the check what it decided."""
        return literal(f"alembic_index_ops.d{digest(self.index, self.table, self.schema)}")

    def block(self, body: str) -> str:
        """A DO block with this body, in which the index and the table are looked up."""
        text = DECLARE.format(index=literal(self.index), table=self._table, body=body)
        return f"DO {dollar(text)}"

    @property
    def _table(self) -> str:
        return literal(qualified(self.table, self.schema)).strip()


def render_twin(spec: IndexSpec) -> dict[str, str]:
    """An empty clone of the table with the index on it, to compare with: how it comes and goes."""
    table = qualified(spec.table, spec.schema)
    twin = replace(spec, name="index_ops_twin", schema="pg_temp", tablespace=None)
    clone = f"CREATE TEMP TABLE {quote(spec.table)} (LIKE {table}) ON COMMIT DROP"
    return {
        "create_twin": f"EXECUTE {dollar(clone)};\n    EXECUTE {dollar(render_create(twin))};",
        "drop_twin": f"EXECUTE {dollar(f'DROP TABLE pg_temp.{quote(spec.table)}')};",
    }


@dataclass(frozen=True, slots=True)
class Tagging:
    """How an upgrade adopts what it finds (`adopt`), and the condition that it is tagged."""

    adopt: str
    tagged: str


def render_tagging(revision: Revision | None) -> Tagging:
    """In an upgrade what is another's is adopted; else nothing is tagged."""
    if revision is None or not revision.upgrade:
        return Tagging("NULL;", "")
    tag = ADOPTED_BY + revision.id
    ours = ", ".join(literal(each).strip() for each in (BUILT_BY + revision.id, tag))
    told = f"array_to_string(lines || {literal(tag)}::text, chr(10))"
    return Tagging(
        f"IF NOT coalesce(lines && ARRAY[{ours}]::text[], false) THEN\n"
        f"      {set_comment(told)}\n"
        "    END IF;",
        f" AND lines && ARRAY[{ours}]::text[]",
    )


def render_due(revision: Revision | None, version_table: str) -> str:
    """The condition that a drop is still to be done: a downgrade that Alembic's table (as SQL) does
    not await is done already."""
    if revision is None or revision.upgrade:
        return "true"
    return f"EXISTS (SELECT FROM {version_table} WHERE version_num = {literal(revision.id)})"


def render_kept(revision: Revision | None) -> str:
    """The condition that a downgrade keeps the index."""
    if revision is None or revision.upgrade:
        return "false"
    return KEPT.format(**tag_literals(revision))


def tag_literals(revision: Revision) -> dict[str, str]:
    """The tags as SQL."""
    return {
        "adopted": literal(ADOPTED_BY),
        "built": literal(BUILT_BY),
        "adopted_by_this": literal(ADOPTED_BY + revision.id),
        "built_by_this": literal(BUILT_BY + revision.id),
    }


def set_comment(value: str) -> str:
    """PL/pgSQL that gives the index this comment, an SQL expression."""
    return f"EXECUTE format('COMMENT ON INDEX %I.%I IS %L', in_schema, index_name, {value});"
