from __future__ import annotations

from itertools import islice

import pytest

from alembic_index_ops import IndexSpec, KeyColumn
from alembic_index_ops.build.naming import (
    aside_names,
    is_aside,
    is_aside_of,
    replaced_name,
    stem,
)

LONG = "ix_" + "a" * 60
ALSO_LONG = "ix_" + "a" * 59 + "b"
JAPANESE = "索引" * 10  # 60 bytes


def spec(name: str, table: str = "jobs", column: str = "org") -> IndexSpec:
    return IndexSpec(name=name, schema="public", table=table, key_columns=(KeyColumn(column),))


def names(wished: IndexSpec) -> list[str]:
    return list(islice(aside_names(wished), 3))


def test_a_name_aside_shows_whose_it_is() -> None:
    assert names(spec("ix_jobs_org")) == [
        "ix_jobs_org_building_4933e12b",
        "ix_jobs_org_building_ce5e14ae",
        "ix_jobs_org_building_a78f9c57",
    ]


@pytest.mark.parametrize("name", ["a", LONG, JAPANESE, "é" * 31, 'with "quotes" and % : \\'])
def test_names_aside_fit_and_are_known_again(name: str) -> None:
    for aside in [*names(spec(name)), replaced_name(name, 16384)]:
        assert len(aside.encode()) <= 63
        assert is_aside(aside)
        assert is_aside_of(aside, name)


@pytest.mark.parametrize("other", [spec("ix", "users"), spec("ix", column="id"), spec("iy")])
def test_table_and_definition_and_name_tell_names_apart(other: IndexSpec) -> None:
    assert not set(names(spec("ix"))) & set(names(other))


def test_long_names_with_a_common_start_have_different_stems() -> None:
    assert stem(LONG) != stem(ALSO_LONG)
    assert not is_aside_of(names(spec(LONG))[0], ALSO_LONG)


@pytest.mark.parametrize(
    "name",
    [
        "ix_jobs_org",
        "ix_jobs_org_building",
        "ix_jobs_org_building_0123abc",
        "ix_jobs_org_building_0123abcdX",
        "ix_jobs_org_building_0123ABCD",
        "ix_jobs_org_building_0123abcd_ccnew",
        "_building_",
        "",
    ],
)
def test_other_names_are_not_aside(name: str) -> None:
    assert not is_aside(name)


def test_the_name_aside_of_a_longer_name_is_not_that_of_a_shorter() -> None:
    assert not is_aside_of("ix_jobs_org_building_0123abcd", "ix_jobs")
