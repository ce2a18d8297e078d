"""Two specs -> the differences, in words."""

from __future__ import annotations

import pytest

from alembic_index_ops.definition import (
    IndexSpec,
    KeyColumn,
    QualifiedName,
    compare_definitions,
    define_index,
    describe_key,
    key,
)


def words(wanted: tuple, found: tuple, **how: bool) -> list[str]:
    (columns, options), (found_columns, found_options) = wanted, found
    return [
        str(difference)
        for difference in compare_definitions(
            define_index("wanted", "t", columns, **options),
            define_index("found", "other", found_columns, **found_options),
            **how,
        )
    ]


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ((["a"], {}), (["a"], {}), []),
        ((["a"], {"schema": "s"}), (["a"], {"schema": "z"}), []),
        ((["a"], {}), (["a"], {"using": "hash"}), ["access method: wanted btree, found hash"]),
        ((["a"], {"unique": True}), (["a"], {}), ["unique: wanted yes, found no"]),
        ((["a"], {}), (["a"], {"unique": True}), ["unique: wanted no, found yes"]),
        ((["a DESC"], {}), (["a"], {}), ["key column 1: wanted a DESC, found a"]),
        (
            (["a DESC"], {}),
            (["a DESC NULLS LAST"], {}),
            ["key column 1: wanted a DESC, found a DESC NULLS LAST"],
        ),
        ((["a", "b"], {}), (["a"], {}), ["key column 2: wanted b, found nothing"]),
        ((["a"], {}), (["a", "b"], {}), ["key column 2: wanted nothing, found b"]),
        (
            (["a", "b"], {}),
            (["b", "a"], {}),
            ["key column 1: wanted a, found b", "key column 2: wanted b, found a"],
        ),
        (
            ([key("a", collation="C")], {}),
            (["a"], {}),
            ['key column 1: wanted a COLLATE "C", found a'],
        ),
        (
            ([key("a", operator_class="text_pattern_ops")], {}),
            (["a"], {}),
            ['key column 1: wanted a "text_pattern_ops", found a'],
        ),
        (
            (["a"], {"include": ["b"]}),
            (["a"], {}),
            ["included columns: wanted b, found none"],
        ),
        ((["a"], {"include": ["b", "c"]}), (["a"], {"include": ["c", "b"]}), []),
        (
            (["a"], {"where": "b > 1"}),
            (["a"], {}),
            ["predicate: wanted b > 1, found none"],
        ),
        (
            (["a"], {"where": "b > 1"}),
            (["a"], {"where": "b > 2"}),
            ["predicate: wanted b > 1, found b > 2"],
        ),
        (
            (["a"], {"unique": True, "nulls_not_distinct": True}),
            (["a"], {"unique": True}),
            ["nulls not distinct: wanted yes, found no"],
        ),
        (
            (["a"], {"storage_parameters": {"fillfactor": 70, "x": 1}}),
            (["a"], {}),
            ["storage parameters: wanted fillfactor=70, x=1, found none"],
        ),
        (
            (["a"], {"tablespace": "fast"}),
            (["a"], {}),
            ["tablespace: wanted fast, found none"],
        ),
        ((["a"], {}), (["a"], {"tablespace": "fast"}), []),
    ],
)
def test_differences(wanted, found, said):
    assert words(wanted, found) == said


def test_several_differences_in_their_order():
    assert words((["a DESC"], {"unique": True, "where": "x"}), (["a"], {"include": ["b"]})) == [
        "unique: wanted yes, found no",
        "key column 1: wanted a DESC, found a",
        "included columns: wanted none, found b",
        "predicate: wanted x, found none",
    ]


LOWER = KeyColumn(expression="lower(a)")


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ((["a"], {"where": "b IN (1)"}), (["a"], {"where": "b = 1"}), []),
        (
            (["a"], {"where": "b = 1"}),
            (["a"], {}),
            ["predicate: wanted b = 1, found none"],
        ),
        (([LOWER], {}), ([KeyColumn(expression="lower((a)::text)")], {}), []),
        (([LOWER], {}), (["a"], {}), ["key column 1: wanted (lower(a)), found a"]),
        (
            ([LOWER], {}),
            ([KeyColumn(expression="lower(a)", descending=True)], {}),
            ["key column 1: wanted (lower(a)), found (lower(a)) DESC"],
        ),
        (([key("a", operator_class="text_ops")], {}), (["a"], {}), []),
        (([key("a", collation="C")], {}), (["a"], {}), []),
        (
            ([key("a", operator_class="text_ops")], {}),
            ([key("a", operator_class="text_pattern_ops")], {}),
            ['key column 1: wanted a "text_ops", found a "text_pattern_ops"'],
        ),
        (
            ([key("a", operator_class="gin_trgm_ops")], {}),
            ([key("a", operator_class="ext.gin_trgm_ops")], {}),
            [],
        ),
        (
            ([key("a", collation="C")], {}),
            ([key("a", collation="POSIX")], {}),
            ['key column 1: wanted a COLLATE "C", found a COLLATE "POSIX"'],
        ),
        ((["a DESC"], {}), (["a"], {}), ["key column 1: wanted a DESC, found a"]),
    ],
)
def test_a_wish_that_no_server_has_normalised(wanted, found, said):
    assert words(wanted, found, normalised=False) == said


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (None, "nothing"),
        (key("a"), "a"),
        (key("a", desc=True, nulls_first=False), "a DESC NULLS LAST"),
        (key("Order"), "Order"),
        (key("order date", desc=True), '"order date" DESC'),
        (key('a"b'), '"a""b"'),
        (key("a", collation=QualifiedName("C")), 'a COLLATE "C"'),
        (LOWER, "(lower(a))"),
    ],
)
def test_describe_key(column, shown):
    assert describe_key(column) == shown


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [("off", "false", True), ("ON", "1", True), ("on", "off", False)],
)
def test_a_switch_in_other_words(wanted: str, found: str, same: bool) -> None:
    def spec(value: str) -> IndexSpec:
        return define_index("ix", "t", ["a"], storage_parameters={"deduplicate_items": value})

    assert (compare_definitions(spec(wanted), spec(found)) == ()) is same


def test_a_number_is_no_switch() -> None:
    def spec(value: str) -> IndexSpec:
        return define_index("ix", "t", ["a"], storage_parameters={"fillfactor": value})

    assert len(compare_definitions(spec("1"), spec("on"))) == 1


def test_a_tablespace_that_is_not_named_is_the_databases_own_where_that_counts() -> None:
    assert words((["a"], {}), (["a"], {"tablespace": "fast"}), any_tablespace=False) == [
        "tablespace: wanted none, found fast"
    ]
