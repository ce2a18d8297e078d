"""What is done with what is found under the name of a partitioned table's index."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alembic_index_ops import (
    DefinitionDiffersError,
    Difference,
    ObservedIndex,
    VerificationError,
    compare_definitions,
)
from alembic_index_ops.build.leftovers import find_debris, find_doubtful
from alembic_index_ops.build.naming import aside_names, replaced_name
from alembic_index_ops.build.plan import CreatePlan, Revision, State
from alembic_index_ops.build.tree_plan import Misfit, plan_tree
from alembic_index_ops.catalog.dependents import Dependents
from tests.unit.build.values import JOBS, WISHED, finds, index

FIRST, SECOND, *_ = (name for name, _ in zip(aside_names(WISHED), range(2), strict=False))
INVALID = {"valid": False, "partitioned": True}
UP = Revision("a1", True)


def tree(name: str = WISHED.name, **facts: object) -> ObservedIndex:
    return index(name, **{"partitioned": True, **facts})


def compare(found: ObservedIndex) -> Sequence[Difference]:
    return compare_definitions(WISHED, found.spec)


def plan(state: State, *, replacing: bool = False) -> CreatePlan:
    return plan_tree(WISHED, state, UP, compare, Dependents() if replacing else None)


def test_nothing_is_built_under_its_own_name() -> None:
    assert plan(finds()) == CreatePlan(build=WISHED.name)


@pytest.mark.parametrize("replacing", [False, True])
def test_an_unfinished_one_of_this_definition_is_taken(replacing: bool) -> None:
    found = tree(valid=False)

    assert plan(finds(found), replacing=replacing) == CreatePlan(take=found)


def test_an_unfinished_one_of_another_definition_is_refused() -> None:
    with pytest.raises(DefinitionDiffersError):
        plan(finds(tree(valid=False, indoption="3")))


@pytest.mark.parametrize("valid", [False, True])
def test_one_of_another_definition_is_replaced(valid: bool) -> None:
    found = tree(valid=valid, indoption="3")

    assert plan(finds(found), replacing=True) == CreatePlan(build=FIRST, corpse=found)


@pytest.mark.parametrize("valid", [False, True])
def test_a_tree_in_the_making_is_taken(valid: bool) -> None:
    found, making = tree(indoption="3"), tree(FIRST, valid=valid)

    assert plan(finds(found, making), replacing=True) == CreatePlan(take=making, corpse=found)


def test_a_tree_in_the_making_of_another_definition_is_debris() -> None:
    found, making = tree(indoption="3"), tree(FIRST, valid=False, unique=True)

    assert plan(finds(found, making), replacing=True) == CreatePlan(
        build=SECOND, corpse=found, debris=(making,)
    )


def misfit_of(root: ObservedIndex) -> dict[int, Misfit]:
    wrong = index("wrong", indoption="3", parent_oid=root.oid)
    return {root.oid: Misfit(wrong, JOBS, compare(wrong))}


def plan_with_misfits(misfits: dict[int, Misfit], *found: ObservedIndex) -> CreatePlan:
    return plan_tree(WISHED, finds(*found), UP, compare, misfits=misfits)


def test_an_unfinished_one_with_a_wrong_part_is_replaced() -> None:
    found = tree(valid=False)

    assert plan_with_misfits(misfit_of(found), found) == CreatePlan(build=FIRST, corpse=found)


def test_a_tree_in_the_making_takes_its_place() -> None:
    found, making = tree(valid=False), tree(FIRST, oid=201, valid=False)

    assert plan_with_misfits(misfit_of(found), found, making) == CreatePlan(
        take=making, corpse=found
    )


def test_a_tree_in_the_making_with_a_wrong_part_is_debris() -> None:
    found, making = tree(valid=False), tree(FIRST, oid=201, valid=False)

    assert plan_with_misfits(misfit_of(found) | misfit_of(making), found, making) == CreatePlan(
        build=SECOND, corpse=found, debris=(making,)
    )


def test_a_valid_one_with_a_wrong_part_is_refused() -> None:
    with pytest.raises(VerificationError):
        plan_with_misfits(misfit_of(tree()), tree())


def test_a_valid_one_with_a_wrong_part_is_replaced_when_that_is_asked() -> None:
    found = tree()

    assert plan_tree(WISHED, finds(found), UP, compare, Dependents(), misfit_of(found)) == (
        CreatePlan(build=FIRST, corpse=found)
    )


def test_a_tree_in_the_making_is_taken_where_nothing_has_the_name() -> None:
    making = tree(FIRST, valid=False)

    assert plan(finds(making)) == CreatePlan(take=making)


def test_another_indexs_tree_in_the_making_is_left_alone() -> None:
    making = tree(next(aside_names(WISHED.named("ix_other"))), valid=False)

    assert find_debris(WISHED.name, finds(making)) == ()
    assert find_doubtful(WISHED.name, finds(making)) == ()


def test_another_indexs_tree_that_was_replaced_is_debris() -> None:
    old = tree(replaced_name("ix_other", 200))

    assert find_debris(WISHED.name, finds(old)) == (old,)


def test_a_tree_whose_name_only_looks_like_that_is_left_alone() -> None:
    other = tree(replaced_name("ix_other", 201))

    assert find_debris(WISHED.name, finds(other)) == ()


def test_a_part_of_a_tree_in_the_making_is_no_finished_build() -> None:
    part = index(FIRST, parent_oid=7)

    assert plan(finds(part)) == CreatePlan(build=WISHED.name)
