"""What create_* does with what it finds under the index's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alembic_index_ops import (
    DefinitionDiffersError,
    Difference,
    KeyColumn,
    NameTakenError,
    ObservedIndex,
    compare_definitions,
)
from alembic_index_ops.build.leftovers import find_doubtful
from alembic_index_ops.build.naming import aside_names, replaced_name
from alembic_index_ops.build.plan import CreatePlan, Revision, State, plan_create, tags_of_new
from alembic_index_ops.build.provenance import Provenance, parse_comment
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.tables import Holder
from tests.unit.build.values import WISHED, finds, index

UP, DOWN = Revision("a1", True), Revision("a1", False)
_names = aside_names(WISHED)
FIRST, SECOND, THIRD = next(_names), next(_names), next(_names)
INVALID = {"valid": False, "ready": False}


def plan(state: State, revision: Revision | None = UP) -> CreatePlan:
    return plan_create(WISHED, state, revision, _compare)


def _compare(found: ObservedIndex) -> Sequence[Difference]:
    return compare_definitions(WISHED, found.spec)


def test_nothing_is_built_aside() -> None:
    assert plan(finds()) == CreatePlan(build=FIRST)


def test_its_own_index_is_left_as_it_is() -> None:
    found = index(comment="alembic_index_ops: built by a1")

    assert plan(finds(found)) == CreatePlan(present=found)


def test_an_index_it_adopted_before_is_left_as_it_is() -> None:
    found = index(comment="alembic_index_ops: built by z9\nalembic_index_ops: adopted by a1")

    assert plan(finds(found)) == CreatePlan(present=found)


@pytest.mark.parametrize("comment", [None, "by hand", "alembic_index_ops: built by z9"])
def test_the_same_index_of_anyone_else_is_adopted(comment: str | None) -> None:
    found = index(comment=comment)

    assert plan(finds(found)) == CreatePlan(adopt=found)


@pytest.mark.parametrize("revision", [DOWN, None])
def test_only_an_upgrade_adopts(revision: Revision | None) -> None:
    found = index()

    assert plan(finds(found), revision) == CreatePlan(present=found)


def test_an_invalid_index_is_replaced() -> None:
    found = index(**INVALID)

    assert plan(finds(found)) == CreatePlan(build=FIRST, corpse=found)


@pytest.mark.parametrize("flag", ["valid", "ready", "live"])
def test_each_flag_makes_an_index_a_corpse(flag: str) -> None:
    found = index(**{flag: False})

    assert plan(finds(found)).corpse == found


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"constraint_type": "u", "constraint_name": "uq"}, 'serves constraint "uq"'),
        ({"replica_identity": True}, "is the table's replica identity"),
        ({"parent_oid": 7}, "is a partition's part of its parent's index"),
        ({"partitioned": True}, "belongs to a partitioned table"),
    ],
)
def test_an_invalid_index_that_others_stand_on_is_refused(
    facts: dict[str, object], reason: str
) -> None:
    with pytest.raises(NameTakenError) as refused:
        plan(finds(index(**INVALID, **facts)))

    assert str(refused.value).startswith(
        f'index "ix_jobs_org" on "public"."jobs" is INVALID and {reason}'
    )


def test_another_definition_is_an_error_that_prints_the_differences() -> None:
    with pytest.raises(DefinitionDiffersError) as differs:
        plan(finds(index(indoption="3", unique=True)))

    assert str(differs.value).splitlines() == [
        'index "ix_jobs_org" on "public"."jobs" exists with another definition:',
        "  unique: wanted no, found yes",
        "  key column 1: wanted org, found org DESC",
        "Nothing was changed. To have the new definition, use op.replace_index with the same"
        " arguments. To keep the old one, write:",
        "  op.create_desc_index(",
        '      "ix_jobs_org",',
        '      "jobs",',
        '      ["org DESC"],',
        '      schema="public",',
        "      unique=True,",
        "  )",
    ]


@pytest.mark.parametrize(
    ("holder", "what"),
    [
        (Holder(9, "r", None, None), "is a table"),
        (Holder(9, "v", None, None), "is a view"),
        (Holder(9, "S", None, None), "is a sequence"),
        (Holder(9, "i", 101, "users"), "is an index of table users"),
    ],
)
def test_a_name_that_another_relation_has_is_an_error(holder: Holder, what: str) -> None:
    with pytest.raises(NameTakenError) as taken:
        plan(finds(holder=holder))

    assert str(taken.value) == (
        f'"ix_jobs_org" in schema "public" {what}, and no index of "public"."jobs":'
        " nothing was changed; give the index another name"
    )


def test_a_finished_build_aside_is_taken() -> None:
    finished = index(FIRST)

    assert plan(finds(finished)) == CreatePlan(take=finished)


def test_a_finished_build_aside_is_taken_even_where_a_corpse_has_the_name() -> None:
    corpse, finished = index(**INVALID), index(FIRST)

    assert plan(finds(corpse, finished)) == CreatePlan(take=finished, corpse=corpse)


def test_an_abandoned_build_aside_is_debris_and_its_name_is_not_used() -> None:
    abandoned = index(FIRST, **INVALID)

    assert plan(finds(abandoned)) == CreatePlan(build=SECOND, debris=(abandoned,))


def test_two_abandoned_builds_leave_the_third_name() -> None:
    abandoned = index(FIRST, **INVALID), index(SECOND, **INVALID)

    assert plan(finds(*abandoned)) == CreatePlan(build=THIRD, debris=abandoned)


def test_a_finished_build_of_an_edited_migration_is_debris() -> None:
    edited = replace(WISHED, key_columns=(KeyColumn("org", descending=True),))
    other = index(next(aside_names(edited)), indoption="3")

    assert plan(finds(other)) == CreatePlan(build=FIRST, debris=(other,))


def test_a_valid_index_whose_digits_are_not_its_own_is_left_alone() -> None:
    other = index(f"{WISHED.name}_building_00000000", indoption="3")

    assert plan(finds(other)) == CreatePlan(build=FIRST)
    assert find_doubtful(WISHED.name, finds(other)) == (other,)


def test_a_build_aside_that_is_not_as_asked_is_not_taken() -> None:
    other = index(FIRST, indoption="3")

    assert plan(finds(other)) == CreatePlan(build=SECOND)


def test_a_corpse_that_was_moved_away_is_debris() -> None:
    found = index(comment="alembic_index_ops: built by a1")
    moved = index(replaced_name(WISHED.name, 300), **INVALID)

    assert plan(finds(found, moved)) == CreatePlan(present=found, debris=(moved,))


def test_invalid_leftovers_of_other_indexes_are_debris_and_valid_ones_are_not() -> None:
    invalid = index(next(aside_names(WISHED.named("ix_other"))), **INVALID)
    valid = index(next(aside_names(WISHED.named("ix_third"))))

    assert plan(finds(invalid, valid)) == CreatePlan(build=FIRST, debris=(invalid,))


def test_a_corpse_of_another_index_that_was_moved_away_is_debris() -> None:
    moved = index(replaced_name("ix_other", 300), oid=300, **INVALID)

    assert plan(finds(moved)) == CreatePlan(build=FIRST, debris=(moved,))


def test_an_invalid_index_of_another_name_with_other_digits_is_left_alone() -> None:
    other = index("ix_other_building_0123abcd", **INVALID)

    assert plan(finds(other)) == CreatePlan(build=FIRST)
    assert find_doubtful(WISHED.name, finds(other)) == (other,)


def test_a_valid_index_of_another_name_is_no_question() -> None:
    assert find_doubtful(WISHED.name, finds(index("ix_other_building_0123abcd"))) == ()


def test_an_invalid_index_that_is_not_ours_is_no_debris() -> None:
    assert plan(finds(index("ix_of_someone", **INVALID))) == CreatePlan(build=FIRST)


def test_a_new_index_gets_the_comment_and_the_tag() -> None:
    assert tags_of_new("for the list", UP, None) == Provenance("for the list", "a1")


def test_without_a_revision_there_is_no_tag() -> None:
    assert tags_of_new(None, None, None) == Provenance()


def test_what_others_wrote_on_a_corpse_lives_on() -> None:
    corpse = index(
        **INVALID,
        comment="by hand\nalembic_index_ops: built by a1\nalembic_index_ops: adopted by b2",
    )

    assert tags_of_new(None, UP, corpse) == Provenance("by hand", "a1", ("b2",))


def test_an_index_that_this_revision_adopted_stays_adopted_when_it_is_built_anew() -> None:
    corpse = index(comment="by hand\nalembic_index_ops: adopted by a1", **INVALID)

    assert tags_of_new(None, UP, corpse) == Provenance("by hand", None, ("a1",))


def test_a_corpse_that_another_revision_built_stays_its_own() -> None:
    corpse = index(comment="alembic_index_ops: built by z9", **INVALID)

    assert tags_of_new(None, UP, corpse) == Provenance(None, "z9", ("a1",))


def test_a_valid_one_of_another_definition_is_replaced_where_that_is_asked() -> None:
    found = index(indoption="3", comment="alembic_index_ops: built by z9")

    assert plan_create(WISHED, finds(found), UP, _compare, Dependents()) == CreatePlan(
        build=FIRST, corpse=found
    )


def test_the_definition_of_a_replaced_index_lives_on_in_the_tag() -> None:
    corpse = index(comment="by hand\nalembic_index_ops: built by z9")

    tags = tags_of_new(None, UP, corpse)

    assert tags.render() == (
        "by hand\nalembic_index_ops: built by z9\nalembic_index_ops: replaced by a1: "
        '{"name":"ix_jobs_org","table":"jobs","key_columns":[{"column":"org","nulls_first":false}]'
        ',"schema":"public"}'
    )
    assert parse_comment(tags.render()) == tags


def test_a_downgrade_that_restores_it_takes_the_tag_away() -> None:
    upgraded = tags_of_new(None, UP, index(comment="alembic_index_ops: built by z9"))

    restored = tags_of_new(None, DOWN, index(comment=upgraded.render()))

    assert restored == Provenance(None, "z9")
