"""The process that runs env.py: a job as JSON on standard input, the outcome on standard output."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    from pytest_index_assert.history import Recorder

_FIND_MARK = """
SELECT EXISTS (
  SELECT 1 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
    AND d.datname = current_database() AND l.classid = {} AND l.objid = {})
"""


class _Stop(Exception):
    """Ends a run of env.py before anything is applied, so that env.py rolls back."""


def main() -> None:
    """Do one job. What env.py prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    outcome = _TASKS[job["task"]](job)
    with answer:
        json.dump(outcome, answer)


def _revisions(job: dict[str, Any]) -> dict[str, Any]:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config(job))
    found = script.get_revisions(job["revision"])
    return {"revisions": [revision.revision for revision in found if revision is not None]}


def _migrate(job: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from pytest_index_assert.watched_reads import watch_reads

    seen = watch_reads(job["variable"])
    outcome = _upgrade(job)
    return {**outcome, "reads": asdict(seen())}


def _history(job: dict[str, Any]) -> dict[str, Any]:
    """The upgrade, with a look at the indexes after each revision."""
    from pytest_index_assert.history import Recorder

    recorder, failure = Recorder(job["directory"]), None
    try:
        outcome = _upgrade(job, recorder)
    except BaseException as error:
        if not recorder.started:
            raise
        outcome, failure = {"outcome": "done"}, f"{type(error).__name__}: {_first_line(error)}"
    return {**outcome, "failure": failure, "history": recorder.history.to_json()}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def _upgrade(job: dict[str, Any], recorder: Recorder | None = None) -> dict[str, Any]:
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = _config(job)
    script = ScriptDirectory.from_config(config)
    runs: list[str | None] = []

    def look(revision: Any, context: MigrationContext) -> Any:
        runs.append(_foreign(context, job["token"]))
        raise _Stop

    def upgrade(revision: Any, context: MigrationContext) -> Any:
        runs.append(_foreign(context, job["token"]))
        if runs[-1] is not None:
            raise _Stop
        if recorder is not None:
            recorder.started = True
            context.on_version_apply_callbacks += (recorder,)
        return script._upgrade_revs(job["revision"], revision)

    # dont_mutate: not even the version table may appear in somebody else's database.
    for function, options in ((look, {"dont_mutate": True}), (upgrade, {})):
        runs.clear()
        arguments: dict[str, Any] = {"destination_rev": job["revision"], **options}
        try:
            with EnvironmentContext(config, script, fn=function, as_sql=False, **arguments):
                script.run_env()
        except _Stop:
            pass
        except BaseException:
            if function is upgrade or not runs:
                raise
        foreign = [run for run in runs if run is not None]
        if foreign:
            return {"outcome": "another database", "found": foreign[0]}
        if not runs:
            return {"outcome": "never ran"}
    return {"outcome": "done"}


def _foreign(context: MigrationContext, token: list[int]) -> str | None:
    """The database that env.py connected to, where it does not bear the mark; else None."""
    connection = context.connection
    if connection is None:
        return "none: it runs offline"
    if connection.dialect.name == "postgresql":
        query = _FIND_MARK.format(*token)
        if connection.exec_driver_sql(query).scalar():
            return None
    return connection.engine.url.set(password=None, query={}).render_as_string()


def _config(job: dict[str, Any]) -> Config:
    from alembic.config import Config

    os.chdir(job["directory"])
    sys.path[:] = job["path"]
    config = Config(
        job["ini"],
        toml_file=job["toml"],
        ini_section=job["ini_section"],
        cmd_opts=Namespace(x=job["x"]),
    )
    for section, options in job["sections"].items():
        for name, value in options.items():
            # What the file says is there already, and not all of it can be set.
            if config.file_config.get(section, name, raw=True, fallback=None) != value:
                config.set_section_option(section, name, value)
    if "url" in job:
        config.set_main_option("sqlalchemy.url", job["url"].replace("%", "%%"))
    return config


def _compare_models(job: dict[str, Any]) -> dict[str, Any]:
    from pytest_index_assert.health.process import compare_models

    return compare_models(_config(job), job)


def _make_trips(job: dict[str, Any]) -> dict[str, Any]:
    from pytest_index_assert.health.process import make_trips

    return make_trips(_config(job), job)


_TASKS = {
    "revisions": _revisions,
    "upgrade": _migrate,
    "history": _history,
    "compare models": _compare_models,
    "make trips": _make_trips,
}

if __name__ == "__main__":
    main()
