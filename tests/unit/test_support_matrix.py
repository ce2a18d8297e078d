from __future__ import annotations

import pytest

from matrix.support import read_support, render_requirement


@pytest.mark.parametrize("part", ["python", "alembic", "sqlalchemy", "pytest", "postgresql"])
def test_every_supported_version_takes_part(part):
    support = read_support()
    used = {getattr(cell, part) for cell in (*support.ends, *support.between)}
    assert used == set(support.versions[part])


def test_the_ends_are_the_oldest_and_the_newest_of_everything():
    support = read_support()
    oldest, newest = support.ends
    for part, versions in support.versions.items():
        assert (getattr(oldest, part), getattr(newest, part)) == (versions[0], versions[-1])


@pytest.mark.parametrize(
    ("version", "requirement"),
    [("newest", "alembic"), ("1.18", "alembic==1.18.*"), ("1.18.4", "alembic==1.18.4")],
)
def test_requirement(version, requirement):
    assert render_requirement("alembic", version) == requirement
