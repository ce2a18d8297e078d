"""UNIQUE constraints as a script: the index built aside, then taken in short tries. Pure text.

A DO block outside of any transaction may COMMIT: so each try for the lock behind which readers
queue is a transaction of its own, and nothing is open for long between two of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic_index_ops.build.naming import replaced_name, script_name
from alembic_index_ops.build.provenance import Provenance
from alembic_index_ops.build.script_parts import (
    Head,
    Script,
    render_due,
    render_kept,
    render_tagging,
    render_twin,
)
from alembic_index_ops.build.script_templates import (
    CHECK_ABSENT,
    CHECK_PRESENT,
    CLEAR_PLACE,
    HOLD_PLACE,
    IS_OURS,
    JUDGE_CURRENT,
    VERIFY_ASIDE,
)
from alembic_index_ops.definition.sql import (
    dollar,
    literal,
    qualified,
    quote,
    render_comment,
    render_create,
    render_drop,
)
from alembic_index_ops.durations import milliseconds, render_duration

if TYPE_CHECKING:
    from alembic_index_ops.build.constraint import Deferral
    from alembic_index_ops.build.plan import Revision
    from alembic_index_ops.definition.spec import IndexSpec
    from alembic_index_ops.settings import Settings

_ORDINARY_TABLE = """  IF (SELECT relkind FROM pg_class WHERE oid = on_table) <> 'r' THEN
    RAISE EXCEPTION 'constraint "%": its table is no ordinary one; nothing was changed', index_name
      USING HINT = 'Use op.create_unique_constraint.';
  END IF;
"""

_IS_CONSTRAINT = """IF NOT EXISTS (SELECT FROM pg_constraint
      WHERE conrelid = on_table AND conindid = current AND contype = 'u') THEN
      RAISE EXCEPTION '"%" is no UNIQUE constraint of this table; nothing was changed', index_name;
    END IF;"""

_IS_DEFERRED_SO = """IF NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = current
      AND contype = 'u' AND condeferrable = {deferrable} AND condeferred = {deferred}) THEN
      RAISE EXCEPTION 'constraint "%" has another definition: %', index_name,
        (SELECT pg_get_constraintdef(oid) FROM pg_constraint
          WHERE conindid = current AND contype = 'u')
        USING HINT = 'Drop it, or give the new constraint another name.';
    END IF;"""

_IS_FREE = """IF EXISTS (SELECT FROM pg_constraint
      WHERE conrelid = on_table AND conname = index_name) THEN
      RAISE EXCEPTION '"%" is another constraint of this table; nothing was changed', index_name
        USING HINT = 'Give the new constraint another name.';
    END IF;"""

# SHARE UPDATE EXCLUSIVE stalls nobody, and is waited for until an autovacuum gives way; but not
# behind a build, which may come to wait for us. Whoever has it keeps DDL away while `judge` looks.
_TRIES = """  DECLARE
    give_up timestamptz := clock_timestamp() + make_interval(secs => {budget});
  BEGIN
    LOOP
      COMMIT;
      BEGIN
        PERFORM set_config('lock_timeout', CASE WHEN EXISTS (SELECT FROM pg_locks l
          JOIN pg_stat_progress_create_index p ON p.pid = l.pid
          WHERE l.relation = on_table AND l.granted) THEN '100ms'
          ELSE (SELECT setting::int + 500 || 'ms' FROM pg_settings WHERE name = 'deadlock_timeout')
          END, true);
        EXECUTE {gentle};
{judge}
        PERFORM set_config('lock_timeout', {stall}, true);
        EXECUTE {strong};
        {act}
        RETURN;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        NULL;
      END;
      IF clock_timestamp() > give_up THEN
        RAISE EXCEPTION 'constraint "%" was not {deed}: the lock of its table was not to be had in'
          ' tries of {stall_words} within {budget_words}', index_name
          USING HINT = format('In use by pid %s. Run this script again when those have ended.',
            (SELECT string_agg(DISTINCT pid::text, ', ') FROM pg_locks
              WHERE relation = on_table AND granted AND pid <> pg_backend_pid()));
      END IF;
      PERFORM pg_sleep(0.05 + random() * 0.3);
    END LOOP;
  END;"""

_JUDGE_DROP = """        current := (SELECT c.oid FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relname = index_name AND n.nspname = in_schema);
        lines := string_to_array(obj_description(current, 'pg_class'), E'\\n');
        PERFORM set_config({decision}, CASE WHEN current IS NOT NULL AND coalesce({kept}, false)
          THEN 'keep' ELSE 'drop' END, false);
        IF current IS NULL OR current_setting({decision}) = 'keep' THEN
          RETURN;
        END IF;
    {is_ours}
    {is_constraint}
        IF EXISTS (SELECT FROM pg_constraint WHERE conindid = current AND contype = 'f')
          OR (SELECT indisreplident FROM pg_index WHERE indexrelid = current) THEN
          RAISE EXCEPTION 'foreign keys point at constraint "%", or it is the replica identity',
            index_name USING HINT = 'Drop those first, or set another REPLICA IDENTITY.';
        END IF;"""

_DUE = """  IF NOT {due} THEN
    -- This downgrade is stamped already: an earlier run of the script did all this.
    PERFORM set_config({decision}, 'done', false);
    RETURN;
  END IF;
"""


def render_create_constraint_script(
    spec: IndexSpec,
    deferral: Deferral,
    revision: Revision | None,
    comment: str | None,
    settings: Settings,
) -> Script:
    """Guard, build aside, verify, and add the constraint in short tries, with its tag."""
    head = Head(spec.name, spec.table, spec.schema)
    twin, tagging = render_twin(spec), render_tagging(revision)
    aside, leftover = script_name(spec), replaced_name(spec.name, "script")
    names = {"aside": literal(aside), "leftover": literal(leftover)}
    is_so = _IS_DEFERRED_SO.format(
        deferrable=deferral.deferrable, deferred=deferral.initially_deferred
    )
    guard = JUDGE_CURRENT.format(
        if_same="\n    ".join((_IS_CONSTRAINT, is_so, tagging.adopt, HOLD_PLACE.format(**names))),
        if_absent=f"{_IS_FREE}\n    {CLEAR_PLACE.format(**names)}",
        **twin,
    )
    tags = Provenance(comment, revision.id if revision else None).render()
    statements = [
        f"ALTER TABLE {qualified(spec.table, spec.schema)} ADD CONSTRAINT {quote(spec.name)}"
        f" UNIQUE USING INDEX {quote(aside)} {deferral}"
    ]
    if tags is not None:
        statements.append(render_comment(spec.name, spec.schema, tags))
    add = VERIFY_ASIDE.format(**names, **twin) + _render_tries(head, settings, "added", statements)
    check = f"{CHECK_PRESENT.format(tagged=tagging.tagged, **twin)}\n  {_IS_CONSTRAINT}\n  {is_so}"
    drop_leftover = render_drop(leftover, spec.schema, concurrently=True, if_exists=True)
    return Script(
        (
            drop_leftover,
            head.block(head.needs_table + _ORDINARY_TABLE + guard),
            render_create(spec.named(aside), concurrently=True, if_not_exists=True),
            head.block(head.needs_table + add),
            # A build that met duplicates would go on refusing them.
            render_drop(aside, spec.schema, concurrently=True, if_exists=True),
            drop_leftover,
        ),
        (),
        head.block(head.needs_table + check),
    )


def render_drop_constraint_script(
    name: str,
    table: str,
    schema: str | None,
    revision: Revision | None,
    version_table: str,
    settings: Settings,
) -> Script:
    """Guard and drop, in short tries; what a downgrade keeps is kept, and its tags are passed on.

    `version_table` is Alembic's, as SQL: a downgrade that it does not await is done already.
    """
    head = Head(name, table, schema)
    judge = _JUDGE_DROP.format(
        decision=head.decision,
        kept=render_kept(revision),
        is_ours=IS_OURS,
        is_constraint=_IS_CONSTRAINT,
    )
    drop = f"ALTER TABLE {qualified(table, schema)} DROP CONSTRAINT {quote(name)}"
    due = _DUE.format(due=render_due(revision, version_table), decision=head.decision)
    tries = _render_tries(head, settings, "dropped", [drop], judge)
    absent = CHECK_ABSENT.format(
        decision=head.decision, leftover=literal(replaced_name(name, "script"))
    )
    return Script((head.block(due + head.needs_table + tries),), (), head.block(absent))


def _render_tries(
    head: Head, settings: Settings, deed: str, statements: list[str], judge: str = ""
) -> str:
    lock = f"LOCK TABLE ONLY {qualified(head.table, head.schema)} IN"
    return _TRIES.format(
        budget=settings.lock_timeout,
        budget_words=f"lock_timeout ({render_duration(settings.lock_timeout)})",
        stall=literal(milliseconds(settings.stall_timeout)),
        stall_words=render_duration(settings.stall_timeout),
        gentle=dollar(f"{lock} SHARE UPDATE EXCLUSIVE MODE"),
        strong=dollar(f"{lock} ACCESS EXCLUSIVE MODE"),
        judge=judge,
        act="\n        ".join(f"EXECUTE {dollar(statement)};" for statement in statements),
        deed=deed,
    )
