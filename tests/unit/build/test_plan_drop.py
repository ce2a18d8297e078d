"""Who built it, who may drop it."""

from __future__ import annotations

import pytest

from alembic_index_ops import DropRefusedError
from alembic_index_ops.build.drop_plan import DropPlan, plan_drop
from alembic_index_ops.build.plan import Revision
from alembic_index_ops.catalog.tables import Holder
from tests.unit.build.values import finds, index

UP, DOWN = Revision("a1", True), Revision("a1", False)
BUILT, ADOPTED = "alembic_index_ops: built by ", "alembic_index_ops: adopted by "


@pytest.mark.parametrize(
    "comment",
    [None, "by hand", BUILT + "a1", BUILT + "z9", f"by hand\n{BUILT}a1"],
)
def test_a_downgrade_drops_what_nobody_adopted(comment: str | None) -> None:
    found = index(comment=comment)

    assert plan_drop("ix_jobs_org", finds(found), DOWN) == DropPlan(drop=found)


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("comment", [ADOPTED + "a1", f"{BUILT}z9\n{ADOPTED}b2\n{ADOPTED}a1"])
def test_a_downgrade_keeps_what_its_revision_adopted(comment: str, valid: bool) -> None:
    found = index(comment=comment, valid=valid)

    assert plan_drop("ix_jobs_org", finds(found), DOWN) == DropPlan(
        keep=found, kept_because="a1 found it there and did not build it"
    )


def test_a_downgrade_keeps_what_its_revision_built_and_others_adopted() -> None:
    found = index(comment=f"{BUILT}a1\n{ADOPTED}b2\n{ADOPTED}c3")

    assert plan_drop("ix_jobs_org", finds(found), DOWN) == DropPlan(
        keep=found, kept_because="also needed by b2, c3"
    )


@pytest.mark.parametrize("revision", [UP, None])
@pytest.mark.parametrize("comment", [ADOPTED + "a1", f"{BUILT}a1\n{ADOPTED}b2"])
def test_a_drop_that_is_no_downgrade_is_a_drop(comment: str, revision: Revision | None) -> None:
    found = index(comment=comment)

    assert plan_drop("ix_jobs_org", finds(found), revision) == DropPlan(drop=found)


def test_an_absent_index_names_the_nearest() -> None:
    state = finds(index("ix_jobs_orgs"), index("pk"), index("ix_job_org"))

    assert plan_drop("ix_jobs_org", state, DOWN) == DropPlan(nearest=("ix_jobs_orgs", "ix_job_org"))


def test_leftovers_of_a_cut_build_are_dropped_with_it() -> None:
    leftover = index("ix_jobs_org_building_0123abcd", valid=False)

    assert plan_drop("ix_jobs_org", finds(leftover), DOWN).debris == (leftover,)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"constraint_type": "u", "constraint_name": "uq_org"},
            'serves constraint "uq_org". Nothing was changed; use'
            ' op.drop_unique_constraint_concurrently("uq_org", "jobs", schema="public").',
        ),
        (
            {"replica_identity": True},
            "is the table's replica identity, and dropping it would stop logical replication of"
            ' updates and deletes. Nothing was changed; first run ALTER TABLE "public"."jobs"'
            " REPLICA IDENTITY with another index, DEFAULT or FULL.",
        ),
        (
            {"parent_oid": 7},
            "is a partition's part of its parent's index. Nothing was changed; drop the"
            " parent's index.",
        ),
    ],
)
@pytest.mark.parametrize("revision", [UP, DOWN])
def test_what_others_stand_on_is_refused(
    facts: dict[str, object], message: str, revision: Revision
) -> None:
    with pytest.raises(DropRefusedError) as refused:
        plan_drop("ix_jobs_org", finds(index(**facts)), revision)

    assert str(refused.value) == f'index "ix_jobs_org" on "public"."jobs" {message}'


def test_the_index_of_another_table_is_refused() -> None:
    with pytest.raises(DropRefusedError) as refused:
        plan_drop("ix_jobs_org", finds(holder=Holder(9, "i", 101, "users")), DOWN)

    assert str(refused.value) == (
        '"ix_jobs_org" in schema "public" is an index of table users, and no index of'
        ' "public"."jobs": it is left alone; correct the operation'
    )
