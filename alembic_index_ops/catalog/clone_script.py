"""One statement that makes clones of tables and tries indexes on them. Pure text.

It tells what came of it, as JSON, in a setting of the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alembic_index_ops.catalog.refusal import Refusal
from alembic_index_ops.catalog.trials import Made, Query, Trial, by_table
from alembic_index_ops.definition.sql import dollar, qualified, quote, render_create, render_drop

TOLD = "alembic_index_ops.told"

# A cancelled statement is not among OTHERS, and ends the whole.
_SCRIPT = """DECLARE
  asked CONSTANT json := {asked};
  setting text; value text; clone json; trial json; plan json;
  trials json[]; told json[] := '{{}}';
  code text; message text; detail text;
BEGIN
  FOR setting, value IN SELECT * FROM json_each_text(asked -> 'settings') LOOP
    PERFORM set_config(setting, value, true);
  END LOOP;
  -- Where it is not named, pg_temp comes first: a table named like a type would hide that type.
  PERFORM set_config('search_path',
    concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true);
  FOR clone IN SELECT * FROM json_array_elements(asked -> 'clones') LOOP
    BEGIN
      EXECUTE clone ->> 'create';
      trials := '{{}}';
      FOR trial IN SELECT * FROM json_array_elements(clone -> 'trials') LOOP
        BEGIN
          EXECUTE trial ->> 'create';
          plan := NULL;
          IF trial ->> 'explain' IS NOT NULL THEN
            EXECUTE trial ->> 'explain' INTO plan;
            EXECUTE trial ->> 'drop';
          END IF;
          trials := trials || json_build_object('plan', plan);
        EXCEPTION WHEN OTHERS THEN
          GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE,
            message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
          trials := trials || json_build_object('refused', json_build_array(code, message, detail));
        END;
      END LOOP;
      told := told || json_build_object('trials', trials,
        'oid', CAST(CAST(to_regclass(clone ->> 'name') AS oid) AS bigint));
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE,
        message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
      told := told || json_build_object('refused', json_build_array(code, message, detail));
    END;
  END LOOP;
  PERFORM set_config({setting}, CAST(to_json(told) AS text), true);
END"""


def render_script(portion: Sequence[Trial], settings: Mapping[str, str]) -> str:
    """A DO block, which fails only where the statement as a whole is ended.

    Every driver runs it, also those that prepare each statement.
    """
    asked = {"settings": settings, "clones": [_render_clone(each) for each in by_table(portion)]}
    text = json.dumps(asked, ensure_ascii=False)
    return f"DO {dollar(_SCRIPT.format(asked=dollar(text), setting=dollar(TOLD)))}"


def parse_told(portion: Sequence[Trial], told: str) -> Iterator[tuple[Trial, Made | Refusal]]:
    """What came of each trial."""
    for trials, clone in zip(by_table(portion), json.loads(told), strict=True):
        for number, trial in enumerate(trials):
            yield trial, _parse(clone, number)


def _render_clone(trials: Sequence[Trial]) -> dict[str, object]:
    table = trials[0].table
    body = f"(LIKE {table}) ON COMMIT DROP"
    if any(trial.query is not None and not trial.query.not_null for trial in trials):
        body = f"ON COMMIT DROP AS SELECT * FROM {table} WITH NO DATA"
    return {
        "create": f"CREATE TEMP TABLE {quote(table.name)} {body}",
        "name": f"pg_temp.{quote(table.name)}",
        "trials": [_render_trial(trial) for trial in trials],
    }


def _render_trial(trial: Trial) -> dict[str, str]:
    index = replace(trial.index, schema="pg_temp", tablespace=None)
    rendered = {"create": render_create(index)}
    if trial.query is not None:
        query = _render_query(trial.query, qualified(index.table, "pg_temp"))
        rendered["explain"] = f"EXPLAIN (FORMAT JSON, COSTS OFF) {query}"
        rendered["drop"] = render_drop(index.name, "pg_temp")
    return rendered


def _render_query(query: Query, clone: str) -> str:
    # Each part may end in a comment.
    order = f" ORDER BY {query.order}\n" if query.order is not None else ""
    return f"SELECT {query.output}\n FROM {clone} WHERE ({query.condition}\n){order}"


def _parse(clone: Mapping[str, Any], number: int) -> Made | Refusal:
    refused = clone.get("refused") or clone["trials"][number].get("refused")
    if not refused:
        return Made(clone["oid"], clone["trials"][number]["plan"])
    code, message, detail = refused
    said = f"{message} ({detail})" if detail else message
    return Refusal(code, said)
