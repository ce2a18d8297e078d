"""Spec -> SQL, by the whole string."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from alembic_index_ops.definition import define_index, key, render_create, render_drop
from alembic_index_ops.definition.sql import (
    dollar,
    literal,
    render_comment,
    render_reindex,
    render_rename,
)


@pytest.mark.parametrize(
    ("columns", "options", "sql"),
    [
        (["a"], {}, 'CREATE INDEX "ix" ON "t" USING "btree" ("a")'),
        (["a", "b"], {}, 'CREATE INDEX "ix" ON "t" USING "btree" ("a", "b")'),
        (["a DESC"], {}, 'CREATE INDEX "ix" ON "t" USING "btree" ("a" DESC)'),
        (
            ["a DESC NULLS LAST", "b NULLS FIRST", "c DESC NULLS FIRST", "d NULLS LAST"],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree"'
            ' ("a" DESC NULLS LAST, "b" NULLS FIRST, "c" DESC, "d")',
        ),
        (["a"], {"schema": "s"}, 'CREATE INDEX "ix" ON "s"."t" USING "btree" ("a")'),
        (["a"], {"unique": True}, 'CREATE UNIQUE INDEX "ix" ON "t" USING "btree" ("a")'),
        (
            ["a"],
            {"include": ["b", "c"]},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a") INCLUDE ("b", "c")',
        ),
        (["a"], {"using": "GIN"}, 'CREATE INDEX "ix" ON "t" USING "gin" ("a")'),
        (
            ["a"],
            {"where": "(deleted_at IS NULL)"},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a") WHERE deleted_at IS NULL',
        ),
        (
            ["a"],
            {"where": "a % 2 = 0 AND b = ':x' AND c::text = '%s'"},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a")'
            " WHERE a % 2 = 0 AND b = ':x' AND c::text = '%s'",
        ),
        (
            ["a"],
            {"unique": True, "nulls_not_distinct": True},
            'CREATE UNIQUE INDEX "ix" ON "t" USING "btree" ("a") NULLS NOT DISTINCT',
        ),
        (
            ["a"],
            {"storage_parameters": {"fillfactor": 70, "deduplicate_items": False}},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a")'
            " WITH (\"deduplicate_items\"='false', \"fillfactor\"='70')",
        ),
        (
            ["a"],
            {"tablespace": "fast disk"},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a") TABLESPACE "fast disk"',
        ),
        (
            [key("a", collation="C")],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a" COLLATE "C")',
        ),
        (
            [key("a", collation=("my s", "de.x"))],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a" COLLATE "my s"."de.x")',
        ),
        (
            [key("a", operator_class="text_pattern_ops", desc=True)],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree" ("a" "text_pattern_ops" DESC)',
        ),
        (
            [
                key(
                    "a",
                    operator_class="ext.gist_trgm_ops",
                    operator_class_parameters={"siglen": 32},
                )
            ],
            {"using": "gist"},
            'CREATE INDEX "ix" ON "t" USING "gist" ("a" "ext"."gist_trgm_ops" ("siglen"=\'32\'))',
        ),
        (
            [
                key(
                    "a",
                    collation="C",
                    operator_class="text_pattern_ops",
                    desc=True,
                    nulls_first=False,
                )
            ],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree"'
            ' ("a" COLLATE "C" "text_pattern_ops" DESC NULLS LAST)',
        ),
        (
            [sa.func.lower(sa.column("A")).collate("C").desc()],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree" ((lower("A")) COLLATE "C" DESC)',
        ),
        (
            [sa.text("(a || b) text_pattern_ops")],
            {},
            'CREATE INDEX "ix" ON "t" USING "btree" ((a || b) "text_pattern_ops")',
        ),
        (
            ["a DESC", sa.text("lower(b)")],
            {
                "schema": "s",
                "unique": True,
                "include": ["c"],
                "nulls_not_distinct": True,
                "storage_parameters": {"fillfactor": 70},
                "tablespace": "fast",
                "where": "d",
            },
            'CREATE UNIQUE INDEX "ix" ON "s"."t" USING "btree" ("a" DESC, (lower(b)))'
            ' INCLUDE ("c") NULLS NOT DISTINCT WITH ("fillfactor"=\'70\') TABLESPACE "fast"'
            " WHERE d",
        ),
    ],
)
def test_create(columns, options, sql):
    assert render_create(define_index("ix", "t", columns, **options)) == sql


def test_every_name_is_quoted():
    spec = define_index(
        'I "x"', 'Or"der', [key('a"b'), "select"], schema='S"', include=['c"'], tablespace='t"'
    )
    assert render_create(spec) == (
        'CREATE INDEX "I ""x""" ON "S"""."Or""der" USING "btree" ("a""b", "select")'
        ' INCLUDE ("c""") TABLESPACE "t"""'
    )


@pytest.mark.parametrize(
    ("how", "sql"),
    [
        ({"concurrently": True}, 'CREATE INDEX CONCURRENTLY "ix" ON "t" USING "btree" ("a")'),
        ({"if_not_exists": True}, 'CREATE INDEX IF NOT EXISTS "ix" ON "t" USING "btree" ("a")'),
        ({"only": True}, 'CREATE INDEX "ix" ON ONLY "t" USING "btree" ("a")'),
        (
            {"concurrently": True, "if_not_exists": True},
            'CREATE INDEX CONCURRENTLY IF NOT EXISTS "ix" ON "t" USING "btree" ("a")',
        ),
    ],
)
def test_create_and_how(how, sql):
    assert render_create(define_index("ix", "t", ["a"]), **how) == sql


def test_unique_goes_before_concurrently():
    assert render_create(define_index("ix", "t", ["a"], unique=True), concurrently=True) == (
        'CREATE UNIQUE INDEX CONCURRENTLY "ix" ON "t" USING "btree" ("a")'
    )


@pytest.mark.parametrize(
    ("schema", "how", "sql"),
    [
        (None, {}, 'DROP INDEX "I""x"'),
        ("s", {}, 'DROP INDEX "s"."I""x"'),
        ("s", {"concurrently": True}, 'DROP INDEX CONCURRENTLY "s"."I""x"'),
        (None, {"if_exists": True}, 'DROP INDEX IF EXISTS "I""x"'),
        (
            "s",
            {"concurrently": True, "if_exists": True},
            'DROP INDEX CONCURRENTLY IF EXISTS "s"."I""x"',
        ),
    ],
)
def test_drop(schema, how, sql):
    assert render_drop('I"x', schema, **how) == sql


def test_reindex():
    assert render_reindex("ix", "s") == 'REINDEX INDEX CONCURRENTLY "s"."ix"'


def test_rename():
    assert render_rename("ix", "s", 'new"') == 'ALTER INDEX "s"."ix" RENAME TO "new"""'


@pytest.mark.parametrize(
    ("comment", "sql"),
    [
        ("it's", "COMMENT ON INDEX \"s\".\"ix\" IS 'it''s'"),
        ("a\nb", 'COMMENT ON INDEX "s"."ix" IS \'a\nb\''),
        ("a\\b", 'COMMENT ON INDEX "s"."ix" IS E\'a\\\\b\''),
        (None, 'COMMENT ON INDEX "s"."ix" IS NULL'),
    ],
)
def test_comment(comment, sql):
    assert render_comment("ix", "s", comment) == sql


@pytest.mark.parametrize(
    ("value", "sql"), [("", "''"), ("it's", "'it''s'"), ("a\\'", " E'a\\\\'''"), ("%:", "'%:'")]
)
def test_literal(value, sql):
    assert literal(value) == sql


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("a", "$ops$a$ops$"),
        ("a $ops$ b", "$ops1$a $ops$ b$ops1$"),
        ("a $ops$ b $ops1$ c", "$ops2$a $ops$ b $ops1$ c$ops2$"),
        ("flag$ops", "$ops1$flag$ops$ops1$"),
        ("flag$ops1", "$ops$flag$ops1$ops$"),
    ],
)
def test_dollar(text, sql):
    assert dollar(text) == sql
