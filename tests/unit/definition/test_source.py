"""Spec -> the op.create_... call as source, which reads back as the same spec."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from hypothesis import example, given

from alembic_index_ops.definition import (
    IndexSpec,
    KeyColumn,
    QualifiedName,
    define_index,
    key,
    render_create_call,
    render_drop_call,
)
from alembic_index_ops.definition.source import door, render_column
from tests.unit.definition.strategies import specs

OP = SimpleNamespace(
    create_desc_index=define_index,
    create_covering_index=define_index,
    create_concurrent_index=define_index,
)


@pytest.mark.parametrize(
    ("columns", "options", "name"),
    [
        (["a"], {}, "create_concurrent_index"),
        (["a", "b DESC"], {}, "create_desc_index"),
        (["a DESC NULLS LAST"], {}, "create_desc_index"),
        (["a NULLS FIRST"], {}, "create_concurrent_index"),
        ([sa.text("lower(a) DESC")], {}, "create_desc_index"),
        (["a"], {"include": ["b"]}, "create_covering_index"),
        (["a DESC"], {"include": ["b"]}, "create_desc_index"),
    ],
)
def test_door(columns, options, name):
    assert door(define_index("ix", "t", columns, **options)) == name


@pytest.mark.parametrize(
    ("columns", "options", "source"),
    [
        (["a"], {}, 'op.create_concurrent_index("ix", "t", ["a"])'),
        (["a", "b DESC"], {}, 'op.create_desc_index("ix", "t", ["a", "b DESC"])'),
        (
            ["a DESC NULLS LAST", "b NULLS FIRST"],
            {},
            'op.create_desc_index("ix", "t", ["a DESC NULLS LAST", "b NULLS FIRST"])',
        ),
        (
            ["a"],
            {"include": ["b", "c"]},
            'op.create_covering_index("ix", "t", ["a"], include=["b", "c"])',
        ),
        (
            ["a"],
            {"schema": "s", "unique": True},
            'op.create_concurrent_index("ix", "t", ["a"], schema="s", unique=True)',
        ),
        (["a"], {"using": "gin"}, 'op.create_concurrent_index("ix", "t", ["a"], using="gin")'),
        (
            ["a"],
            {"where": "b = 'x\"'"},
            'op.create_concurrent_index("ix", "t", ["a"], where="b = \'x\\"\'")',
        ),
        (
            ["a"],
            {"storage_parameters": {"fillfactor": 70}},
            'op.create_concurrent_index("ix", "t", ["a"], storage_parameters={"fillfactor": "70"})',
        ),
        (
            ["a"],
            {"tablespace": "fast"},
            'op.create_concurrent_index("ix", "t", ["a"], tablespace="fast")',
        ),
        (
            ["account_id", "created_at DESC"],
            {"schema": "billing", "unique": True, "nulls_not_distinct": True, "include": ["x"]},
            "op.create_desc_index(\n"
            '    "ix",\n'
            '    "t",\n'
            '    ["account_id", "created_at DESC"],\n'
            '    schema="billing",\n'
            "    unique=True,\n"
            '    include=["x"],\n'
            "    nulls_not_distinct=True,\n"
            ")",
        ),
    ],
)
def test_call(columns, options, source):
    assert render_create_call(define_index("ix", "t", columns, **options)) == source


def test_a_line_of_88_characters_is_not_broken():
    source = render_create_call(define_index("i" * 46, "t", ["a"]))
    assert (len(source), "\n" in source) == (88, False)


def test_prefix_and_how_to_build() -> None:
    spec = define_index("ix", "t", ["a"])

    assert render_create_call(spec, prefix="batch.", further={"concurrently": False}) == (
        'batch.create_concurrent_index("ix", "t", ["a"], concurrently=False)'
    )


@pytest.mark.parametrize(
    ("column", "source"),
    [
        (key("order date"), 'key("order date")'),
        (key('a"b', desc=True), 'key("a\\"b", desc=True)'),
        (key("a b", nulls_first=True), 'key("a b", nulls_first=True)'),
        (
            key("a b", desc=True, nulls_first=False),
            'key("a b", desc=True, nulls_first=False)',
        ),
        (
            key("a", operator_class="text_pattern_ops", desc=True),
            'key("a", desc=True, operator_class="text_pattern_ops")',
        ),
        (
            key("a", operator_class="x.y_ops", operator_class_parameters={"siglen": 3}),
            'key("a", operator_class=("x", "y_ops"), operator_class_parameters={"siglen": "3"})',
        ),
        (key("a", collation="de_DE.utf8"), 'key("a", collation="de_DE.utf8")'),
        (key("a", collation=("pg_catalog", "x.y")), 'key("a", collation=("pg_catalog", "x.y"))'),
        (KeyColumn(expression="lower(a)", descending=True), 'sa.text("lower(a) DESC")'),
        (
            KeyColumn(
                expression="lower(a)",
                collation=QualifiedName("C"),
                operator_class=QualifiedName("text_pattern_ops"),
            ),
            'sa.text("lower(a) COLLATE \\"C\\" text_pattern_ops")',
        ),
        (KeyColumn(expression="a || ':x'"), "sa.text(\"a || '\\\\:x'\")"),
        (KeyColumn(expression="a::text"), 'sa.text("a::text")'),
        (KeyColumn(expression='a COLLATE "C"'), 'sa.text("(a COLLATE \\"C\\")")'),
    ],
)
def test_column(column, source):
    assert render_column(column) == source


def test_drop_call():
    assert render_drop_call('i"x', "t", "s") == 'op.drop_concurrent_index("i\\"x", "t", schema="s")'


def test_drop_call_without_schema():
    assert render_drop_call("ix", "t", None, prefix="") == 'drop_concurrent_index("ix", "t")'


@given(specs())
@example(
    IndexSpec(
        name="ix",
        table="t",
        key_columns=(
            KeyColumn(
                expression='"b"',
                operator_class=QualifiedName("My Ops", "My schema"),
                operator_class_parameters=(("siglen", "3"),),
            ),
        ),
    )
)
def test_the_call_reads_back_as_the_same_spec(spec):
    source = render_create_call(spec)
    read = eval(source, {"op": OP, "key": key, "sa": sa})
    assert read == spec


@given(specs())
def test_the_call_is_one_expression(spec):
    assert isinstance(ast.parse(render_create_call(spec), mode="eval").body, ast.Call)
