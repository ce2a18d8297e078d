"""Renaming as a script that may be run twice."""

from __future__ import annotations

from alembic_index_ops.definition.sql import dollar, literal, qualified, render_rename

_RENAME = """DECLARE
  on_table oid := to_regclass({table});
  old oid := (SELECT i.indexrelid FROM pg_index i
    WHERE i.indrelid = on_table AND i.indexrelid = to_regclass({old}));
BEGIN
  IF on_table IS NULL THEN
    RAISE EXCEPTION 'table % does not exist', {table};
  END IF;
  IF old IS NOT NULL THEN
    EXECUTE {rename};
  ELSIF NOT EXISTS (SELECT FROM pg_index i
    WHERE i.indrelid = on_table AND i.indexrelid = to_regclass({new})) THEN
    RAISE EXCEPTION 'table % has neither index % nor %', {table}, {old}, {new}
      USING HINT = 'Correct the name.';
  END IF;
END"""


def render_rename_script(
    index_name: str, new_index_name: str, table_name: str, schema: str | None
) -> str:
    """One statement: renames the index, or finds that it bears its new name already."""
    return "DO " + dollar(
        _RENAME.format(
            table=literal(qualified(table_name, schema)),
            old=literal(qualified(index_name, schema)),
            new=literal(qualified(new_index_name, schema)),
            rename=dollar(render_rename(index_name, schema, new_index_name)),
        )
    )
