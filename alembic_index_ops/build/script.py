"""The same create and drop as an SQL script, for `alembic upgrade --sql`. Pure text.

Each script may be run again, from wherever it was cut off. Where a statement in it fails and
the client goes on regardless, the check at its end aborts the transaction that would stamp the
revision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alembic_index_ops.build.naming import aside_names, replaced_name
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.provenance import ADOPTED_BY, BUILT_BY, Provenance
from alembic_index_ops.build.script_templates import (
    CHECK_ABSENT,
    CHECK_PRESENT,
    DECLARE,
    JUDGE_CURRENT,
    JUDGE_DROP,
    KEPT,
    NAME,
    RELEASE,
)
from alembic_index_ops.definition.spec import IndexSpec
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
    aside = next(aside_names(spec))
    leftover = replaced_name(spec.name, "script")
    head = _Head(spec.name, spec.table, spec.schema)
    if not concurrently:
        at_once = _block(
            head,
            JUDGE_CURRENT.format(
                create_twin=_twin(spec),
                drop_twin=_drop_twin(spec),
                if_same=_adopt(adopt, ours),
                if_absent=f"EXECUTE {_dollar(render_create(spec))};\n"
                f"    {_set_comment(literal(tags) if tags else 'NULL')}",
            ),
        )
        return Script((), (at_once,), _check_present(head, ours if adopt else []))
    guard = _block(
        head,
        JUDGE_CURRENT.format(
            create_twin=_twin(spec),
            drop_twin=_drop_twin(spec),
            # The build below finds its name taken, and skips; the naming gives the name back.
            if_same=f"{_adopt(adopt, ours)}\n"
            f"    {_move_away(aside, leftover, only_invalid=False)}\n"
            f"    EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', in_schema, index_name,"
            f" {literal(aside)});",
            if_absent=_move_away(aside, leftover, only_invalid=True),
        ),
    )
    name = _block(head, NAME.format(
        aside=literal(aside),
        create_twin=_twin(spec),
                drop_twin=_drop_twin(spec),
        ours=_array(ours),
        comment=literal(tags) if tags else "NULL",
    ))  # fmt: skip
    return Script(
        (
            guard,
            render_create(spec.named(aside), concurrently=True, if_not_exists=True),
            name,
            # Where the naming failed, the new index is in nobody's way; else it has no such name.
            render_drop(aside, spec.schema, concurrently=True, if_exists=True),
            render_drop(leftover, spec.schema, concurrently=True, if_exists=True),
        ),
        (),
        _check_present(head, ours if adopt else []),
    )


def render_drop_script(
    name: str, table: str, schema: str | None, revision: Revision | None, *, concurrently: bool
) -> Script:
    """Guard, then drop; what a downgrade keeps is kept, and its tags are passed on."""
    head = _Head(name, table, schema)
    leftover = replaced_name(name, "script")
    kept = _kept(revision)
    how = (
        "EXECUTE format('ALTER INDEX %I.%I RENAME TO %I',"
        f" in_schema, index_name, {literal(leftover)})"
        if concurrently
        else "EXECUTE format('DROP INDEX %I.%I', in_schema, index_name)"
    )
    guard = _block(head, JUDGE_DROP.format(kept=kept, drop=how))
    check = _block(head, CHECK_ABSENT.format(kept=kept))
    if not concurrently:
        return Script((), (guard,), check)
    return Script(
        (
            guard,
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
        RELEASE.format(kept=_kept(revision), **_tag_literals(revision)),
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


def _block(head: _Head, body: str) -> str:
    table = literal(qualified(head.table, head.schema)).strip()
    return f"DO {_dollar(DECLARE.format(index=literal(head.index), table=table, body=body))}"


def _check_present(head: _Head, ours: list[str]) -> str:
    tagged = f" AND lines && {_array(ours)}" if ours else ""
    return _block(head, CHECK_PRESENT.format(tagged=tagged))


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


def _move_away(aside: str, leftover: str, *, only_invalid: bool) -> str:
    """Rename what an earlier run left under the name aside; it is dropped at the end."""
    condition = " AND NOT i.indisvalid" if only_invalid else ""
    return (
        "IF EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        f" WHERE i.indrelid = on_table AND c.relname = {literal(aside)}{condition}) THEN\n"
        "      EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', in_schema,"
        f" {literal(aside)}, {literal(leftover)});\n"
        "    END IF;"
    )


def _array(values: list[str]) -> str:
    return f"ARRAY[{', '.join(literal(value).strip() for value in values)}]::text[]"


def _dollar(text: str) -> str:
    """Text as a dollar-quoted string, with a tag that it does not hold."""
    number = 0
    while f"$ops{number or ''}$" in text:
        number += 1
    tag = f"$ops{number or ''}$"
    return f"{tag}{text}{tag}"
