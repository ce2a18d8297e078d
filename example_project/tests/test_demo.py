"""What the demonstration says of a measurement, and of an index that is not there."""

import pytest
from sqlalchemy import Engine

from example_project.demo.inventory import Build, IndexName, final_name, read_stored
from example_project.demo.measure import Measurement
from example_project.demo.pattern import Claim
from example_project.demo.report import served_by, unusable, verdict
from example_project.demo.screen import Column, Plain, Table

SCAN = Measurement(milliseconds=8.0, indexes=(), matched=20, read=1000)
BY_KEY = Measurement(milliseconds=0.1, indexes=("users_pkey",), matched=1, read=1)
BY_INDEX = Measurement(milliseconds=0.1, indexes=("ix_users_email",), matched=1, read=1)


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


def test_a_claim_is_met_from_its_lower_end_on() -> None:
    assert verdict(Claim("25-100x"), 25.0) == "25-100x\nmet"
    assert verdict(Claim("25-100x"), 24.9) == "25-100x\nnot met"
    assert verdict(Claim("Prevents duplicates"), 1.0) == "Prevents duplicates"


def test_what_served_a_query() -> None:
    assert served_by(SCAN, BY_INDEX) == "ix_users_email"
    assert served_by(SCAN, SCAN) == "reads the table: 20 of 1,000 rows match"
    assert served_by(BY_KEY, BY_KEY) == "users_pkey, as before"
    assert served_by(BY_KEY, BY_INDEX) == "ix_users_email\n  before: users_pkey"


def test_a_missing_index_is_named(index_engine: Engine) -> None:
    there = IndexName("saas", "users", "ix_users_email")
    missing = IndexName("saas", "users", "ix_users_name")
    with index_engine.connect() as connection:
        stored = read_stored(connection)
    assert unusable([there, missing], stored) == [missing]


def test_a_build_is_shown_by_the_name_that_it_will_bear() -> None:
    names = [
        IndexName("earlybird", "orders", "ix_orders_delivery_date"),
        IndexName("earlybird", "orders", "ix_orders_delivery_date_status"),
    ]
    build = Build("earlybird", "orders", "ix_orders_delivery_date_building_0123abcd", "", None)
    assert final_name(build, names) == "ix_orders_delivery_date"


def test_long_cells_are_broken_into_lines(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(
        "Words", (Column("name", 9), Column("size", 6, right=True)), [("one two six", "8")]
    )
    Plain().show(table)
    assert capsys.readouterr().out == (
        "\nWords\n\nname         size\n---------  ------\none two         8\nsix\n"
    )
