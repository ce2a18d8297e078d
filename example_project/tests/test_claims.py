"""How a document's words become a figure to compare a measurement with."""

import pytest

from example_project.demo.pattern import Claim


@pytest.mark.parametrize(
    ("quote", "speed_up"),
    [
        ("25-100x", 25),
        ("75% faster", 4),
        ("80-90% faster", 5),
        ("Faster SELECT queries", None),
    ],
)
def test_the_least_a_claim_promises(quote: str, speed_up: float | None) -> None:
    assert Claim(quote).speed_up == speed_up
