"""Which trials share a transaction."""

from __future__ import annotations

from collections.abc import Iterable

from alembic_index_ops.catalog import Table
from alembic_index_ops.catalog.trials import PORTION, Trial, alone, crowds
from alembic_index_ops.definition import define_index


def trials(oid: int, name: str, count: int = 1) -> list[Trial]:
    table = Table(oid, f"s{oid}", name, "r")
    return [
        Trial(table, define_index(f"{oid}_{number}", name, ["a"], schema=table.schema))
        for number in range(count)
    ]


def names(portions: Iterable[list[Trial]]) -> list[list[str]]:
    return [[trial.index.name for trial in portion] for portion in portions]


def test_tables_of_one_name_are_kept_apart():
    asked = [*trials(1, "t", 2), *trials(2, "u"), *trials(3, "t"), *trials(4, "v"), *trials(5, "t")]
    assert names(crowds(asked)) == [["1_0", "1_1", "2_0", "4_0"], ["3_0"], ["5_0"]]


def test_a_table_alone_shares_with_none():
    asked = [*trials(1, "t"), *trials(2, "u"), *trials(1, "t", 2)[1:]]
    assert names(alone(asked)) == [["1_0", "1_1"], ["2_0"]]


def test_a_portion_counts_each_table_and_each_index():
    asked = [trial for oid in range(45) for trial in trials(oid, f"t{oid}", 2)]
    assert [len(portion) for portion in crowds(asked)] == [40, 40, 10]


def test_a_table_of_many_indexes_has_several_portions():
    sizes = [len(portion) for portion in alone(trials(1, "t", 120))]
    assert sizes == [PORTION - 1, PORTION - 1, 2]


def test_nothing_has_no_portions():
    assert (list(crowds([])), list(alone([]))) == ([], [])
