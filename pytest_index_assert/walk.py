"""The history of the project's indexes, walked once in a run, and told where a test fails.

It is walked on a server of its own: migrations may have made roles and other things that all the
databases of a server share, and would fail where these are already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest_index_assert import embedded
from pytest_index_assert.blame import render_blame
from pytest_index_assert.check import Verdict
from pytest_index_assert.connection import parse_url
from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.file_lock import locked
from pytest_index_assert.history import History
from pytest_index_assert.inputs import digest_job
from pytest_index_assert.migration import make_job, walk_history
from pytest_index_assert.options import Options, read_options
from pytest_index_assert.workers import run_of

if TYPE_CHECKING:
    import pytest
    from alembic.config import Config

    from pytest_index_assert.run import Run

_NO_SERVER = "it takes an embedded server; pip install 'alembic-index-ops[embedded]'"


def add_blame(item: pytest.Item, verdicts: Iterable[Verdict], failure: Any) -> None:
    """Add to the message of the failure which revisions the verdicts' indexes owe it to.

    What goes wrong on the way is said in the message; the test fails for no other reason.
    """
    request: Any = getattr(item, "_request", None)
    try:
        config = request.getfixturevalue("index_alembic_config")
        history = read_history(config, read_options(item.config), run_of(item.config))
    except Exception as error:
        told = f"  blame: the history cannot be walked: {error}"
    else:
        told = "\n".join(render_blame(history, verdict) for verdict in verdicts)
    failure.value.msg += f"\n{told}"


def read_history(config: Config, options: Options, run: Run) -> History:
    """The history of the configured migrations; walked by the first of the run who asks.

    Raises NoDatabaseError where it cannot be walked at all.
    """
    digest = digest_job(make_job(config, options), config, options.url_variable)
    note = run.directory / f"history-{digest[:16]}.json"
    with locked(run.directory / "walking"):
        if not note.exists():
            note.write_text(json.dumps(_walk(config, options)))
    found = json.loads(note.read_text())
    if "problem" in found:
        raise NoDatabaseError(found["problem"])
    return History.from_json(found)


def _walk(config: Config, options: Options) -> dict[str, Any]:
    """The history, or why there is none: that is not tried twice either."""
    if not embedded.is_installed():
        return {"problem": _NO_SERVER}
    try:
        with embedded.embedded_server() as server:
            url = parse_url(server.url).set(drivername="postgresql+psycopg")
            return walk_history(config, url, options).to_json()
    except NoDatabaseError as error:
        return {"problem": str(error)}
