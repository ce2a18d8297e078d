"""The tasks of the checks that run env.py, in the process that runs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from alembic_index_ops import compare_definitions
from pytest_index_assert.migration_process import _foreign

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

# All that Alembic itself has to compare, so that it calls our comparison for each table.
_COMPARISONS = ("alembic.autogenerate.schemas", "alembic.autogenerate.tables", "alembic_index_ops")

_WORDS = {"add_index": "missing", "remove_index": "undeclared", "replace_index": "different"}


class _Stop(BaseException):
    """Ends a run of env.py that is not where it should be; no `except Exception` is to stop it."""


def compare_models(config: Config, job: dict[str, Any]) -> dict[str, Any]:
    """How the indexes of the models and of the database differ, by our autogenerate."""
    found: list[dict[str, Any]] = []
    seen: dict[str, str] = {}

    def look(revision: Any, context: MigrationContext) -> Any:
        elsewhere = _foreign(context, job["token"])
        metadata = context.opts.get("target_metadata")
        if elsewhere is not None:
            seen["another database"] = elsewhere
        elif metadata is None:
            seen["no models"] = ""
        else:
            seen["done"] = ""
            found.extend(_differences(context, metadata))
        return []

    # dont_mutate: not even the version table may appear.
    _run_env(config, look, job, dont_mutate=True)
    for outcome in ("done", "no models", "another database"):
        if outcome in seen:
            return {"outcome": outcome, "found": seen[outcome], "differences": found}
    return {"outcome": "never ran"}


def make_trips(config: Config, job: dict[str, Any]) -> dict[str, Any]:
    """Every revision there and back, in the marked database."""
    from alembic.script import ScriptDirectory

    from pytest_index_assert.connection import open_engine
    from pytest_index_assert.health.there_and_back import travel

    script = ScriptDirectory.from_config(config)
    order = list(reversed(list(script.walk_revisions("base", job["revision"]))))
    seen: dict[str, str] = {}

    def run(steps: Sequence[Any]) -> str:
        seen.clear()

        def step(revision: Any, context: MigrationContext) -> Any:
            elsewhere = _foreign(context, job["token"])
            if elsewhere is not None:
                seen["another database"] = elsewhere
                raise _Stop
            seen["version table"] = _version_table(context)
            return steps

        _run_env(config, step, job)
        if "version table" not in seen:
            raise _Stop
        return seen["version table"]

    try:
        engine = open_engine(job["url"])
        trips = list(travel(script, order, engine, run, job["after"]))
    except _Stop:
        found = seen.get("another database")
        return {"outcome": "another database" if found else "never ran", "found": found}
    names = [revision.revision for revision in order]
    travelled = names[: names.index(trips[-1].revision) + 1] if trips else names
    return {"outcome": "done", "trips": list(map(asdict, trips)), "travelled": travelled}


def _run_env(config: Config, function: Any, job: dict[str, Any], **options: Any) -> None:
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config)
    options["destination_rev"] = job["revision"]
    with EnvironmentContext(config, script, fn=function, as_sql=False, **options):
        script.run_env()


def _differences(context: MigrationContext, metadata: Any) -> Iterator[dict[str, Any]]:
    """The operations on indexes that autogenerate would write, but for tables that come or go."""
    from alembic.autogenerate import produce_migrations, render_op_text
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import CreateTableOp, DropTableOp, ModifyTableOps

    context.opts["autogenerate_plugins"] = _COMPARISONS
    upgrade = produce_migrations(context, metadata).upgrade_ops
    assert upgrade is not None
    passing = {
        (each.schema, each.table_name)
        for each in upgrade.ops
        if isinstance(each, (CreateTableOp, DropTableOp))
    }
    rendering = AutogenContext(context, metadata, autogenerate=False)
    operation: Any
    for operation in upgrade.ops:
        if isinstance(operation, ModifyTableOps):
            continue
        what = _WORDS.get(operation.to_diff_tuple()[0])
        if what is None:
            continue
        spec: Any = getattr(operation, "spec", None)
        index, table = (
            (operation.index_name, operation.table_name)
            if spec is None
            else (spec.name, spec.table)
        )
        schema = operation.schema if spec is None else spec.schema
        before: Any = getattr(operation, "before", None)
        differences = () if before is None else compare_definitions(spec, before)
        if (schema, table) not in passing:
            yield {
                "index": index,
                "table": table,
                "schema": schema,
                "what": what,
                "differences": list(map(str, differences)),
                "operation": render_op_text(rendering, operation),
            }


def _version_table(context: MigrationContext) -> str:
    parts = [context.version_table_schema, context.version_table]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts if part)
