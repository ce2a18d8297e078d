"""A migration cut off before a few of its steps; `python -m tests.postgres.build.steps` has all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import get_args

import pytest

from tests.postgres.build.armed import How
from tests.postgres.build.scenes import SCENES, Scene
from tests.postgres.build.steps import Course, course, cuts_of
from tests.servers import Server


@pytest.fixture(scope="module")
def it(server: Server) -> Iterator[Course]:
    with course(server) as it:
        yield it


def test_the_steps_tell_of_every_kind_of_find(it: Course) -> None:
    kinds = {
        step.split()[2]
        for direction in it.steps
        for step in it.steps[direction]
        if step.split()[1] == "event"
    }
    assert kinds == {
        "Absent",
        "Adopted",
        "Analyzed",
        "BuildStarted",
        "BuiltAtOnce",
        "Corpse",
        "DebrisDropped",
        "DropStarted",
        "Dropped",
        "Kept",
        "Named",
        "Taken",
    }


@pytest.mark.parametrize("how", get_args(How))
def test_the_same_command_again_ends_right(it: Course, how: How) -> None:
    outcomes = [it.cut(*cut) for cut in cuts_of(it, [how], random.Random(20), 3)]

    assert [outcome for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == 3


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_other_operations_end_right(server: Server, scene: Scene) -> None:
    with course(server, scene) as it:
        cuts = cuts_of(it, ["kill"], random.Random(20), 2, changes=True)
        outcomes = [it.cut(*cut) for cut in cuts]

    assert [outcome for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == 2
