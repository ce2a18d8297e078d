"""Revisions whose downgrade does not undo them, found in databases of the plugin's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_index_assert import embedded
from pytest_index_assert.connection import open_engine, parse_url
from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.health.check import Examined
from pytest_index_assert.health.finding import Finding
from pytest_index_assert.migration import run_marked
from pytest_index_assert.options import read_options

if TYPE_CHECKING:
    import pytest
    from alembic.config import Config
    from sqlalchemy import URL

    from pytest_index_assert.options import Options

NAME = "round_trip"
_SHOWN = 12
_DATABASES = 20
_CAUSES = {
    "up": "cannot be applied: {error}",
    "down": "its downgrade fails: {error}",
    "trace": "its downgrade does not leave the database as it was:",
    "half": "its downgrade says that it is irreversible, after it has changed something:",
    "again": "cannot be applied again after its own downgrade: {error}",
    "other": "after its own downgrade it makes another database than the first time:",
}


def examine(request: pytest.FixtureRequest) -> Examined:
    """Take every revision up, down and up again, on a server that is started for that."""
    if not embedded.is_installed():
        raise NoDatabaseError(
            f"{NAME} downgrades, and so needs a database of the plugin's own:"
            " pip install 'alembic-index-ops[embedded]'"
        )
    options = read_options(request.config)
    config = request.getfixturevalue("index_alembic_config")
    with embedded.embedded_server(keep=False) as server:
        url = parse_url(server.url).set(drivername="postgresql+psycopg")
        return travel(config, options, url)


def travel(config: Config, options: Options, server: URL) -> Examined:
    """Findings of all revisions; where one ends in a ruin, the next begins in a new database."""
    trips: list[dict[str, Any]] = []
    after: list[str] = []
    for number in range(_DATABASES):
        with _new_database(server, f"round_trip_{number}") as url:
            task = {"task": "make trips", "after": after}
            answer = run_marked(task, config, url, options)
        trips += answer["trips"]
        last = answer["trips"][-1] if answer["trips"] else None
        if last is None or not last["lost"]:
            return _judge(trips, None)
        if last["what"] == "up":
            break
        after = answer["travelled"]
    return _judge(trips, trips[-1]["revision"])


def _judge(trips: Sequence[dict[str, Any]], last: str | None) -> Examined:
    findings = [_finding(trip) for trip in trips if trip["what"] != "irreversible"]
    irreversible = [trip["revision"] for trip in trips if trip["what"] == "irreversible"]
    notes = []
    if irreversible:
        notes.append(f"irreversible, by NotImplementedError: {', '.join(irreversible)}")
    if last is not None:
        notes.append(f"no revision after {last} was looked at")
    return Examined(tuple(findings), tuple(notes))


@contextmanager
def _new_database(server: URL, name: str) -> Iterator[URL]:
    from sqlalchemy import text

    engine = open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield server.set(database=name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _finding(trip: dict[str, Any]) -> Finding:
    message = f"revision {trip['revision']}: " + _CAUSES[trip["what"]].format(error=trip["error"])
    changes = trip["changes"]
    lines = [f"  {text}" for text, _ in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        lines.append(f"  and {len(changes) - _SHOWN} more")
    undo = [f"op.execute({statement!r})" for _, statement in changes[:_SHOWN] if statement]
    place = f"# in downgrade() of {trip['revision']}"
    return Finding(
        kind=NAME,
        subject=f"{trip['revision']} {trip['what']}",
        message="\n".join([message, *lines]),
        fix="\n".join([place, *undo]) if undo and trip["what"] in ("trace", "half") else None,
    )
