"""Models and database that differ in their indexes, by the comparison of our autogenerate.

It is made with the project's own env.py, so with its models and its filters, whichever plugins it
names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_index_assert.enforce import usable_engine
from pytest_index_assert.health.check import Examined
from pytest_index_assert.health.finding import Finding, plain_name
from pytest_index_assert.migration import run_marked
from pytest_index_assert.options import read_options

if TYPE_CHECKING:
    import pytest

NAME = "model"
_CAUSES = {
    "missing": "is declared by the model, and the database does not have it",
    "undeclared": "is in the database, and no model declares it",
    "different": "is not what the model declares",
}


def examine(request: pytest.FixtureRequest) -> Examined:
    """Compare the database that the tests use with the `target_metadata` of env.py."""
    engine = usable_engine(request.config, request.getfixturevalue("index_engine"))
    config = request.getfixturevalue("index_alembic_config")
    task = {"task": "compare models"}
    answer = run_marked(task, config, engine.url, read_options(request.config))
    if answer["outcome"] == "no models":
        return Examined(skipped="env.py gives context.configure() no target_metadata")
    return Examined(tuple(map(_finding, answer["differences"])))


def _finding(difference: dict[str, Any]) -> Finding:
    table = plain_name(*filter(None, (difference["schema"], difference["table"])))
    details = difference["differences"]
    if difference["what"] == "different" and not details:
        details = ["it is INVALID"]
    message = f'index "{difference["index"]}" of {table} {_CAUSES[difference["what"]]}'
    return Finding(
        kind=NAME,
        table=table,
        index=difference["index"],
        message=message + "".join(f"\n  {detail}" for detail in details),
        fix=difference["operation"],
    )
