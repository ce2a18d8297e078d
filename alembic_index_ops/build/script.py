"""The same create and drop as an SQL script, for `alembic upgrade --sql`. Pure text.

Each script may be run again, from wherever it was cut off. Where a statement in it fails and
the client goes on regardless, the check at its end aborts the transaction that would stamp the
revision.
"""

from __future__ import annotations

from alembic_index_ops.build.naming import replaced_name, script_name
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.build.provenance import Provenance
from alembic_index_ops.build.script_parts import (
    Head,
    Script,
    render_due,
    render_kept,
    render_tagging,
    render_twin,
    set_comment,
    tag_literals,
)
from alembic_index_ops.build.script_templates import (
    CHECK_ABSENT,
    CHECK_PRESENT,
    CLEAR_PLACE,
    HOLD_PLACE,
    JUDGE_CURRENT,
    JUDGE_DROP,
    NAME,
    RELEASE,
)
from alembic_index_ops.definition.spec import IndexSpec
from alembic_index_ops.definition.sql import dollar, literal, render_create, render_drop
from alembic_index_ops.durations import milliseconds
from alembic_index_ops.settings import Settings


def render_create_script(
    spec: IndexSpec, revision: Revision | None, comment: str | None, *, concurrently: bool
) -> Script:
    """Guard, build aside, verify and name with the tag; or all at once in the transaction."""
    tags = Provenance(comment, revision.id if revision else None).render()
    tagging = render_tagging(revision)
    head = Head(spec.name, spec.table, spec.schema)
    twin = render_twin(spec)
    check = head.block(head.needs_table + CHECK_PRESENT.format(tagged=tagging.tagged, **twin))
    if not concurrently:
        at_once = JUDGE_CURRENT.format(
            if_same=tagging.adopt,
            if_absent=f"EXECUTE {dollar(render_create(spec))};\n"
            f"    {set_comment(literal(tags) if tags else 'NULL')}",
            **twin,
        )
        return Script((), (head.block(head.needs_table + at_once),), check)
    aside, leftover = script_name(spec), replaced_name(spec.name, "script")
    names = {"aside": literal(aside), "leftover": literal(leftover)}
    guard = JUDGE_CURRENT.format(
        if_same=f"{tagging.adopt}\n    {HOLD_PLACE.format(**names)}",
        if_absent=CLEAR_PLACE.format(**names),
        **twin,
    )
    name = NAME.format(comment=literal(tags) if tags else "NULL", **names, **twin)
    drop_leftover = render_drop(leftover, spec.schema, concurrently=True, if_exists=True)
    return Script(
        (
            drop_leftover,
            head.block(head.needs_table + guard),
            render_create(spec.named(aside), concurrently=True, if_not_exists=True),
            head.block(head.needs_table + name),
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
    head = Head(name, table, schema)
    leftover = replaced_name(name, "script")
    how = (
        "EXECUTE format('ALTER INDEX %I.%I RENAME TO %I',"
        f" in_schema, index_name, {literal(leftover)})"
        if concurrently
        else "EXECUTE format('DROP INDEX %I.%I', in_schema, index_name)"
    )
    guard = head.block(
        JUDGE_DROP.format(
            due=render_due(revision, version_table),
            kept=render_kept(revision),
            drop=how,
            decision=head.decision,
            needs_table=head.needs_table,
        )
    )
    absent = CHECK_ABSENT.format(decision=head.decision, leftover=literal(leftover))
    check = head.block(absent)
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
    """What sets the session up for the script, and what undoes it.

    Nobody watches a script, so drain_timeout bounds each wait for a lock or a transaction.
    """
    values = {
        "lock_timeout": f"'{milliseconds(settings.drain_timeout)}'",
        "statement_timeout": "0",
        **{name: f"'{value}'" for name, value in settings.of_session.items()},
    }
    return (
        tuple(f"SET {name} = {value}" for name, value in values.items()),
        tuple(f"RESET {name}" for name in values),
    )


def render_release(name: str, table: str, schema: str | None, revision: Revision) -> str:
    """After the stamp of a downgrade that kept the index: this revision's part in its tags ends."""
    head = Head(name, table, schema)
    return head.block(
        RELEASE.format(kept=render_kept(revision), decision=head.decision, **tag_literals(revision))
    )
