"""Indexes on empty clones of tables, many at once; of all of it nothing remains."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from alembic_index_ops.catalog.clone_script import TOLD, parse_told, render_script
from alembic_index_ops.catalog.refusal import Refusal
from alembic_index_ops.catalog.session import read, rolled_back, run
from alembic_index_ops.catalog.trials import Made, Trial, alone, crowds

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PATIENCE = 2.0  # seconds for a locked table, as refusal.LOCK_TIMEOUT says
_CROWD_PATIENCE = 0.01  # where locks on other tables are held meanwhile

Answer = TypeVar("Answer")
Look = Callable[["Connection", Mapping[str, Made]], Mapping[str, Answer]]


def try_all(
    connection: Connection,
    trials: Sequence[Trial],
    look: Look[Answer],
    settings: Mapping[str, str] | None = None,
) -> dict[str, Answer | Refusal]:
    """What `look` sees of each index while it is there, or why it is not, by the index's name.

    The clones live in transactions (inside the caller's one, savepoints) that are rolled back;
    `settings` hold in them. Where a lock is in the way, the table is tried again without others.
    """
    answers: dict[str, Answer | Refusal] = {}
    values = dict(settings or {})
    if len({trial.table.oid for trial in trials}) > 1:
        for portion in crowds(trials):
            answers |= _try(connection, portion, look, values, _CROWD_PATIENCE)
    give_up = time.monotonic() + _PATIENCE
    for portion in alone(trial for trial in trials if _is_open(answers.get(trial.index.name))):
        # A table that has been locked all the while need not be waited for once more.
        patience = max(give_up - time.monotonic(), _CROWD_PATIENCE)
        answers |= _try(connection, portion, look, values, patience)
    return answers


def _is_open(answer: object) -> bool:
    """Whether there is no answer yet, or one that another try may change."""
    return answer is None or (isinstance(answer, Refusal) and answer.passing)


def _try(
    connection: Connection,
    portion: Sequence[Trial],
    look: Look[Answer],
    settings: Mapping[str, str],
    patience: float,
) -> dict[str, Answer | Refusal]:
    answers: dict[str, Answer | Refusal] = {}
    made = {}
    # In steps of 10 ms, so that the whole patience is the very setting that later reads ask for.
    wait = f"{math.ceil(patience * 100) * 10}ms"
    script = render_script(portion, {**settings, "lock_timeout": wait})
    with rolled_back(connection):
        run(connection, script)
        told = read(connection, f"SELECT current_setting('{TOLD}')")[0][0]
        for trial, result in parse_told(portion, told):
            if isinstance(result, Refusal):
                answers[trial.index.name] = result
            else:
                made[trial.index.name] = result
        if made:
            answers |= look(connection, made)
    return answers
