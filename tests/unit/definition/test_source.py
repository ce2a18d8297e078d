"""Spec -> the op.create_... call as source, which reads back as the same spec."""

from __future__ import annotations

import ast
import subprocess
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alembic_index_ops.definition import (
    IndexSpec,
    KeyColumn,
    QualifiedName,
    define_index,
    key,
    render_create_call,
    render_drop_call,
)
from alembic_index_ops.definition.layout import text_source
from alembic_index_ops.definition.source import door, names_used, render_call_of_many, render_column
from tests.unit.definition.strategies import specs

RUFF = Path(sysconfig.get_path("scripts")) / "ruff"
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
            "op.create_concurrent_index(\n"
            '    "ix",\n'
            '    "t",\n'
            '    ["a"],\n'
            '    storage_parameters={"fillfactor": "70"},\n'
            ")",
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


@pytest.mark.parametrize("width", [84, 85])
def test_a_line_that_fits_is_not_broken(width):
    spec = define_index("i" * (width - 42), "t", ["a"])
    fits = render_create_call(spec, width=width)
    assert (len(fits), "\n" in fits) == (width, False)
    assert "\n" in render_create_call(spec, width=width - 1)
    assert ("\n" in render_create_call(spec)) == (width > 84)


def test_what_is_too_long_for_a_line_of_its_own_is_broken_too():
    spec = define_index(
        "ix",
        "orders",
        [
            "a",
            key(
                "n" * 24,
                desc=True,
                operator_class="gist_trgm_ops",
                operator_class_parameters={"siglen": 32},
            ),
            sa.text("lower(" + "x" * 80 + ")"),
        ],
        include=["c" * 38, "d" * 37],
        storage_parameters={"autosummarize": True, "f" * 60: 70},
    )
    assert render_create_call(spec) == (
        "op.create_desc_index(\n"
        '    "ix",\n'
        '    "orders",\n'
        "    [\n"
        '        "a",\n'
        "        key(\n"
        '            "nnnnnnnnnnnnnnnnnnnnnnnn",\n'
        "            desc=True,\n"
        '            operator_class="gist_trgm_ops",\n'
        '            operator_class_parameters={"siglen": "32"},\n'
        "        ),\n"
        "        sa.text(\n"
        f'            "lower({"x" * 80})",\n'
        "        ),\n"
        "    ],\n"
        "    include=[\n"
        f'        "{"c" * 38}",\n'
        f'        "{"d" * 37}",\n'
        "    ],\n"
        "    storage_parameters={\n"
        '        "autosummarize": "true",\n'
        f'        "{"f" * 60}": "70",\n'
        "    },\n"
        ")"
    )


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("it's", '"it\'s"'),
        ('a"b', "'a\"b'"),
        ("""'a'"b\"""", '"\'a\'\\"b\\""'),
        ("""'a"b\"""", """'\\'a"b"'"""),
        ("\\", '"\\\\"'),
        ("a\nb\x7f", '"a\\nb\\x7f"'),
        ("größe\u2028", '"größe\\u2028"'),
    ],
)
def test_text(text, source):
    assert text_source(text) == source
    assert ast.literal_eval(source) == text


def test_names_used():
    specs = [define_index("ix", "key(t)", ["a DESC"])]
    assert names_used(specs) == set()
    specs.append(define_index("ix", "t", [key("a b")]))
    assert names_used(specs) == {"key"}
    specs.append(define_index("ix", "t", [sa.text("lower(a)")]))
    assert names_used(specs) == {"key", "text"}


def test_prefix_and_how_to_build() -> None:
    spec = define_index("ix", "t", ["a"])

    assert render_create_call(spec, prefix="batch.", further={"concurrently": False}) == (
        'batch.create_concurrent_index("ix", "t", ["a"], concurrently=False)'
    )


@pytest.mark.parametrize(
    ("column", "source"),
    [
        (key("order date"), 'key("order date")'),
        (key('a"b', desc=True), "key('a\"b', desc=True)"),
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
            "sa.text('lower(a) COLLATE \"C\" text_pattern_ops')",
        ),
        (KeyColumn(expression="a || ':x'"), "sa.text(\"a || '\\\\:x'\")"),
        (KeyColumn(expression="a::text"), 'sa.text("a::text")'),
        (KeyColumn(expression='a COLLATE "C"'), "sa.text('(a COLLATE \"C\")')"),
    ],
)
def test_column(column, source):
    assert render_column(column) == source


def test_drop_call():
    source = """op.drop_concurrent_index('i"x', "t", schema="s")"""
    assert render_drop_call('i"x', "t", "s") == source


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


@given(specs(), st.sampled_from([None, {"comment": "it's \n", "lock_timeout": 3}]))
def test_the_call_is_one_expression(spec, further):
    assert isinstance(
        ast.parse(render_create_call(spec, further=further), mode="eval").body, ast.Call
    )


def test_a_formatter_leaves_it_as_it_is(tmp_path):
    calls: list[str] = []

    @settings(max_examples=300)
    @given(st.lists(specs(), min_size=1, max_size=2))
    def collect(drawn):
        calls.extend(map(render_create_call, drawn))
        calls.append(render_call_of_many("op.create_indexes", drawn, {"workers": 2}))

    collect()
    source = "def upgrade() -> None:\n" + "".join(
        "".join(f"    {line}\n" for line in call.split("\n")) for call in calls
    )
    file = tmp_path / "migration.py"
    file.write_text(source, encoding="utf-8")
    command = ["format", "--isolated", "--line-length", "88", "--diff", str(file)]
    done = subprocess.run([RUFF, *command], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)
