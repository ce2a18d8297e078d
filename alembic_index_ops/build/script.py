"""The same create and drop as an SQL script, for `alembic upgrade --sql`. Pure text.

Each script may be run again, from wherever it was cut off. Where a statement in it fails and
the client goes on regardless, the check at its end aborts the transaction that would stamp the
revision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alembic_index_ops.build.naming import replaced_name, script_name
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.provenance import ADOPTED_BY, BUILT_BY, Provenance
from alembic_index_ops.build.script_templates import (
    CHECK_ABSENT,
    CHECK_PRESENT,
    CLEAR_PLACE,
    DECLARE,
    HOLD_PLACE,
    JUDGE_CURRENT,
    JUDGE_DROP,
    KEPT,
    NAME,
    NEEDS_TABLE,
    RELEASE,
)
from alembic_index_ops.definition.spec import IndexSpec, digest
from alembic_index_ops.definition.sql import literal, qualified, quote, render_create, render_drop
from alembic_index_ops.settings import Settings


@dataclass(frozen=True, slots=True)
class Script:
    """Statements without semicolons: those outside any transaction, those inside the one that
    follows, and `check`, which belongs after the stamp: it aborts that transaction, whatever
    other operations of the revision have committed since, where the work was not done."""

    outside: tuple[str, ...]
    inside: tuple[str, ...]
    check: str


def render_create_script(
    spec: IndexSpec, revision: Revision | None, comment: str | None, *, concurrently: bool
) -> Script:
    """Guard, build aside, verify and name with the tag; or all at once in the transaction."""
    tags = Provenance(comment, revision.id if revision else None).render()
    adopt = ADOPTED_BY + revision.id if revision and revision.upgrade else None
    ours = [BUILT_BY + revision.id, ADOPTED_BY + revision.id] if revision else []
    head = _Head(spec.name, spec.table, spec.schema)
    twin = {"create_twin": _twin(spec), "drop_twin": _drop_twin(spec)}
    tagged = f" AND lines && {_array(ours)}" if adopt else ""
    check = _block(head, head.needs_table + CHECK_PRESENT.format(tagged=tagged, **twin))
    if not concurrently:
        at_once = JUDGE_CURRENT.format(
            if_same=_adopt(adopt, ours),
            if_absent=f"EXECUTE {_dollar(render_create(spec))};\n"
            f"    {_set_comment(literal(tags) if tags else 'NULL')}",
            **twin,
        )
        return Script((), (_block(head, head.needs_table + at_once),), check)
    aside, leftover = script_name(spec), replaced_name(spec.name, "script")
    names = {"aside": literal(aside), "leftover": literal(leftover)}
    guard = JUDGE_CURRENT.format(
        if_same=f"{_adopt(adopt, ours)}\n    {HOLD_PLACE.format(**names)}",
        if_absent=CLEAR_PLACE.format(**names),
        **twin,
    )
    name = NAME.format(comment=literal(tags) if tags else "NULL", **names, **twin)
    drop_leftover = render_drop(leftover, spec.schema, concurrently=True, if_exists=True)
    return Script(
        (
            drop_leftover,
            _block(head, head.needs_table + guard),
            render_create(spec.named(aside), concurrently=True, if_not_exists=True),
            _block(head, head.needs_table + name),
            # Where the naming failed, the new index is in nobody's way; else it has no such name.
            render_drop(aside, spec.schema, concurrently=True, if_exists=True),
            drop_leftover,
        ),
        (),
        check,
    )


def render_drop_script(
    name: str,
    table: str,
    schema: str | None,
    revision: Revision | None,
    version_table: str,
    *,
    concurrently: bool,
) -> Script:
    """Guard, then drop; what a downgrade keeps is kept, and its tags are passed on.

    `version_table` is Alembic's, as SQL: a downgrade that it does not await is done already.
    """
    head = _Head(name, table, schema)
    leftover = replaced_name(name, "script")
    downgrade = revision is not None and not revision.upgrade
    due = (
        f"EXISTS (SELECT FROM {version_table} WHERE version_num = {literal(revision.id)})"
        if downgrade and revision is not None
        else "true"
    )
    how = (
        "EXECUTE format('ALTER INDEX %I.%I RENAME TO %I',"
        f" in_schema, index_name, {literal(leftover)})"
        if concurrently
        else "EXECUTE format('DROP INDEX %I.%I', in_schema, index_name)"
    )
    decision = _decision(head)
    guard = JUDGE_DROP.format(
        due=due, kept=_kept(revision), drop=how, decision=decision, needs_table=head.needs_table
    )
    check = _block(head, CHECK_ABSENT.format(decision=decision, leftover=literal(leftover)))
    if not concurrently:
        return Script((), (_block(head, guard),), check)
    return Script(
        (
            _block(head, guard),
            # Cut half-way, a drop would leave the index INVALID.
            "SET lock_timeout = 0",
            render_drop(leftover, schema, concurrently=True, if_exists=True),
        ),
        (),
        check,
    )


def render_settings(settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What sets our lock_timeout and no statement_timeout, and what undoes it."""
    timeout = round(settings.lock_timeout * 1000)
    return (
        (f"SET lock_timeout = {timeout}", "SET statement_timeout = 0"),
        ("RESET lock_timeout", "RESET statement_timeout"),
    )


def render_release(name: str, table: str, schema: str | None, revision: Revision) -> str:
    """After the stamp of a downgrade that kept the index: this revision's part in its tags ends."""
    return _block(
        _Head(name, table, schema),
        RELEASE.format(
            kept=_kept(revision),
            decision=_decision(_Head(name, table, schema)),
            **_tag_literals(revision),
        ),
    )


def _kept(revision: Revision | None) -> str:
    if revision is None or revision.upgrade:
        return "false"
    return KEPT.format(**_tag_literals(revision))


def _tag_literals(revision: Revision) -> dict[str, str]:
    return {
        "adopted": literal(ADOPTED_BY),
        "built": literal(BUILT_BY),
        "adopted_by_this": literal(ADOPTED_BY + revision.id),
        "built_by_this": literal(BUILT_BY + revision.id),
    }


@dataclass(frozen=True, slots=True)
class _Head:
    index: str
    table: str
    schema: str | None

    @property
    def table_literal(self) -> str:
        return literal(qualified(self.table, self.schema)).strip()

    @property
    def needs_table(self) -> str:
        return NEEDS_TABLE.format(table=self.table_literal)


def _block(head: _Head, body: str) -> str:
    text = DECLARE.format(index=literal(head.index), table=head.table_literal, body=body)
    return f"DO {_dollar(text)}"


def _decision(head: _Head) -> str:
    """A setting of the session, by which the guard tells the check what it decided."""
    return literal(f"alembic_index_ops.d{digest(head.index, head.table, head.schema)}")


def _twin(spec: IndexSpec) -> str:
    """An empty clone of the table with the index on it, to compare with."""
    table = qualified(spec.table, spec.schema)
    twin = replace(spec, name="index_ops_twin", schema="pg_temp", tablespace=None)
    clone = f"CREATE TEMP TABLE {quote(spec.table)} (LIKE {table}) ON COMMIT DROP"
    return f"EXECUTE {_dollar(clone)};\n    EXECUTE {_dollar(render_create(twin))};"


def _drop_twin(spec: IndexSpec) -> str:
    return f"EXECUTE {_dollar(f'DROP TABLE pg_temp.{quote(spec.table)}')};"


def _adopt(tag: str | None, ours: list[str]) -> str:
    if tag is None:
        return "NULL;"
    return (
        f"IF NOT coalesce(lines && {_array(ours)}, false) THEN\n"
        f"      {_set_comment(f'array_to_string(lines || {literal(tag)}::text, chr(10))')}\n"
        "    END IF;"
    )


def _set_comment(value: str) -> str:
    return f"EXECUTE format('COMMENT ON INDEX %I.%I IS %L', in_schema, index_name, {value});"


def _array(values: list[str]) -> str:
    return f"ARRAY[{', '.join(literal(value).strip() for value in values)}]::text[]"


def _dollar(text: str) -> str:
    """Text as a dollar-quoted string, with a tag that it does not hold."""
    number = 0
    while f"$ops{number or ''}$" in text:
        number += 1
    tag = f"$ops{number or ''}$"
    return f"{tag}{text}{tag}"
