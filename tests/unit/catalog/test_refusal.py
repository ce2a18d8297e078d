"""What a refusal says of another try."""

from __future__ import annotations

import pytest

from alembic_index_ops.catalog.refusal import Refusal


@pytest.mark.parametrize(
    ("sqlstate", "passing"),
    [("55P03", True), ("40P01", True), ("53200", True), ("42501", False), ("42703", False)],
)
def test_passing(sqlstate, passing):
    assert Refusal(sqlstate, "said").passing is passing


@pytest.mark.parametrize(
    ("sqlstate", "of_definition"),
    [("42703", True), ("22P02", True), ("42501", False), ("25006", False), ("55P03", False)],
)
def test_a_wrong_value_is_the_definitions(sqlstate, of_definition):
    assert Refusal(sqlstate, "said").of_definition is of_definition
