"""A few random cuts; `python -m tests.postgres.build.cuts` makes hundreds."""

from __future__ import annotations

import pytest

from tests.postgres.build.cuts import CUTS, run_cuts
from tests.postgres.build.scenes import REPLACES
from tests.servers import Server


def test_the_same_command_again_ends_right(server: Server) -> None:
    outcomes = run_cuts(server, 2 * len(CUTS), seed=20)

    assert [outcome for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == 2 * len(CUTS)


@pytest.mark.slow
def test_replacements_end_right_and_no_reader_is_without_an_index(server: Server) -> None:
    outcomes = run_cuts(server, 2, seed=20, scene=REPLACES)

    assert [outcome for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == 2
