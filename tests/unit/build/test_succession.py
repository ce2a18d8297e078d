"""Which part of a new tree takes whose name, and which were another hand's."""

from __future__ import annotations

import pytest

from alembic_index_ops import Table
from alembic_index_ops.build.anothers import find_anothers
from alembic_index_ops.build.naming import aside_names, replaced_name
from alembic_index_ops.build.succession import Succession, plan_parts
from alembic_index_ops.catalog.dependents import Dependents
from alembic_index_ops.catalog.indexes import ObservedIndex
from tests.observe import adopted_by, built_by
from tests.unit.build.values import JOBS, WISHED, index

ASIDE = next(aside_names(WISHED))
NEW, OLD = index(ASIDE, oid=300), index(comment="mine")


def plan(new: ObservedIndex, old: ObservedIndex | None, *anothers: ObservedIndex) -> Succession:
    taken = {each.oid for each in anothers}
    [one] = plan_parts(
        [new], [old] if old else [], taken, {100: "ix_leaf"}, built_by("b"), {200: Dependents()}
    )
    return one


def test_a_part_takes_the_name_and_the_comment_of_the_one_before() -> None:
    assert plan(NEW, OLD) == Succession(JOBS, NEW, "ix_jobs_org", "mine", OLD)


def test_a_part_that_follows_none_is_named_as_creating_names_it() -> None:
    assert plan(NEW, None) == Succession(JOBS, NEW, "ix_leaf", built_by("b"))


def test_one_that_follows_anothers_is_too() -> None:
    assert plan(NEW, OLD, OLD) == Succession(JOBS, NEW, "ix_leaf", built_by("b"), OLD)


def test_another_hands_keeps_its_name() -> None:
    assert plan(NEW, OLD, NEW) == Succession(JOBS, NEW, ASIDE, None, OLD)


def test_one_that_postgresql_made_and_follows_none_keeps_its_name() -> None:
    made = index("jobs_org_idx", oid=300)

    assert plan(made, None) == Succession(JOBS, made, "jobs_org_idx")


def test_the_statements_of_a_part_that_follows() -> None:
    old = OLD._replace(clustered=True)

    assert Succession(JOBS, NEW, old.name, "mine", old).render() == [
        f'ALTER INDEX "public"."ix_jobs_org" RENAME TO "{replaced_name("ix_jobs_org", 200)}"',
        f'ALTER INDEX "public"."{ASIDE}" RENAME TO "ix_jobs_org"',
        'COMMENT ON INDEX "public"."ix_jobs_org" IS \'mine\'',
        'ALTER TABLE "public"."jobs" CLUSTER ON "ix_jobs_org"',
    ]


def test_the_statements_of_one_that_follows_anothers() -> None:
    old = OLD._replace(clustered=True)

    assert Succession(JOBS, NEW, "ix_leaf", None, old).render() == [
        f'ALTER INDEX "public"."{ASIDE}" RENAME TO "ix_leaf"',
        'ALTER TABLE "public"."jobs" CLUSTER ON "ix_leaf"',
    ]


def test_what_has_to_be_so_for_the_names_to_change() -> None:
    assert Succession(JOBS, NEW, "ix_jobs_org", None, OLD).render_check() == (
        f'to_regclass(\'"public"."{ASIDE}"\') = 300::oid'
        ' AND to_regclass(\'"public"."ix_jobs_org"\') = 200::oid'
    )


def part(oid: int, parent: int, comment: str | None = None, **facts: object) -> ObservedIndex:
    return index(f"part_{oid}", oid=oid, parent_oid=parent, comment=comment, **facts)


ROOT = index(partitioned=True)


def test_what_was_taken_in_is_anothers_and_what_it_brought_with_it() -> None:
    ours = part(1, 200, built_by("a"))
    middle = part(2, 200, adopted_by("a"), partitioned=True)
    brought, added = part(3, 2), part(4, 2, built_by("a"))

    assert find_anothers(ROOT, [ours, middle, brought, added]) == [middle, brought]


@pytest.mark.parametrize("facts", [{"indoption": "3"}, {"parameters": '{"1": ["siglen=32"]}'}])
def test_one_of_another_order_or_with_other_parameters_is_anothers(facts: dict[str, str]) -> None:
    wrong = part(1, 200, **facts)

    assert find_anothers(ROOT, [wrong]) == [wrong]


def test_of_one_revision_only_what_that_one_took_in() -> None:
    its, others = part(1, 200, adopted_by("a")), part(2, 200, adopted_by("b"))

    assert find_anothers(ROOT, [its, others], "a") == [its]
    assert find_anothers(ROOT, [its, others]) == [its, others]


def test_a_partitions_table_is_its_own() -> None:
    on_leaf = NEW._replace(table_oid=101, table="jobs_1")
    [one] = plan_parts([on_leaf], [OLD], (), {101: "ix_jobs_1"}, None, {})

    assert one == Succession(Table(101, "public", "jobs_1", "r"), on_leaf, "ix_jobs_1")
