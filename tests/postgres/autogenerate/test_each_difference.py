"""Each attribute in which an index can differ: seen, migrated, quiet afterwards, and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from alembic_index_ops import index, key
from tests.observe import execute, indexes
from tests.postgres.autogenerate.generating import Generating
from tests.servers import Database

TABLE = """
CREATE TABLE t (a int, b int, s text, c text COLLATE "C", flag bool, tags text[], doc jsonb,
  v tsvector)
"""

Declare = Callable[[Table], Index]


@dataclass(frozen=True)
class Case:
    """What the database has, what the model declares, the call that is written for it, and the
    definition that the index then has. `before=None` is an index that is not there."""

    before: str | None
    declare: Declare | None
    call: str
    after: str | None
    since: int = 14


def model(declare: Declare | None) -> MetaData:
    """A model of the table with that one index."""
    metadata = MetaData()
    table = Table(
        "t",
        metadata,
        Column("a", Integer),
        Column("b", Integer),
        Column("s", Text),
        Column("c", Text(collation="C")),
        Column("flag", Boolean),
        Column("tags", ARRAY(Text)),
        Column("doc", JSONB),
        Column("v", TSVECTOR),
    )
    if declare is not None:
        declared = declare(table)
        if declared.table is None:
            table.append_constraint(declared)  # type: ignore[arg-type]
    return metadata


def replace(columns: str, options: str = "") -> str:
    """The call, as a formatter leaves it in the body of a function."""
    arguments = ['"ix"', '"t"', columns, *(options.split(", ", 1)[1:])]
    line = f"op.replace_index({', '.join(arguments)})"
    if len(line) <= 84:
        return line
    return "op.replace_index(\n" + "".join(f"    {each},\n" for each in arguments) + ")"


BTREE = "USING btree"
CASES = {
    "a new one": Case(
        None,
        lambda t: Index("ix", t.c.a),
        'op.create_concurrent_index("ix", "t", ["a"])',
        "(a)",
    ),
    "a new one, DESC": Case(
        None,
        lambda t: Index("ix", t.c.a, t.c.b.desc()),
        'op.create_desc_index("ix", "t", ["a", "b DESC"])',
        "(a, b DESC)",
    ),
    "a new one, covering": Case(
        None,
        lambda t: Index("ix", t.c.a, postgresql_include=["b"]),
        'op.create_covering_index("ix", "t", ["a"], include=["b"])',
        "(a) INCLUDE (b)",
    ),
    "a new one, DESC and covering": Case(
        None,
        lambda t: Index("ix", t.c.a.desc(), postgresql_include=["b"]),
        'op.create_desc_index("ix", "t", ["a DESC"], include=["b"])',
        "(a DESC) INCLUDE (b)",
    ),
    "one that is gone": Case(
        '(a DESC, c COLLATE "POSIX" text_pattern_ops) INCLUDE (b) WHERE (a > 0)',
        None,
        'op.drop_concurrent_index("ix", "t")',
        None,
    ),
    "the order of the keys": Case(
        "(a, b)", lambda t: Index("ix", t.c.b, t.c.a), replace('["b", "a"]'), "(b, a)"
    ),
    "one key more": Case(
        "(a)", lambda t: Index("ix", t.c.a, t.c.b), replace('["a", "b"]'), "(a, b)"
    ),
    "one key less": Case("(a, b)", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"),
    "DESC": Case("(a)", lambda t: Index("ix", t.c.a.desc()), replace('["a DESC"]'), "(a DESC)"),
    "no longer DESC": Case("(a DESC)", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"),
    "NULLS FIRST": Case(
        "(a)",
        lambda t: Index("ix", t.c.a.nulls_first()),
        replace('["a NULLS FIRST"]'),
        "(a NULLS FIRST)",
    ),
    "DESC NULLS LAST": Case(
        "(a DESC)",
        lambda t: Index("ix", t.c.a.desc().nulls_last()),
        replace('["a DESC NULLS LAST"]'),
        "(a DESC NULLS LAST)",
    ),
    "an expression": Case(
        "(s)",
        lambda t: Index("ix", func.lower(t.c.s)),
        replace('[sa.text("lower(s)")]'),
        "(lower(s))",
    ),
    "another expression": Case(
        "(lower(s))",
        lambda t: Index("ix", text("upper(s)")),
        replace('[sa.text("upper(s)")]'),
        "(upper(s))",
    ),
    "no longer an expression": Case(
        "(lower(s) DESC)", lambda t: Index("ix", t.c.s), replace('["s"]'), "(s)"
    ),
    "the order of an expression": Case(
        "(lower(s))",
        lambda t: Index("ix", func.lower(t.c.s).desc()),
        replace('[sa.text("lower(s) DESC")]'),
        "(lower(s) DESC)",
    ),
    "a collation": Case(
        "(s)",
        lambda t: Index("ix", t.c.s.collate("C")),
        replace('[key("s", collation="C")]'),
        '(s COLLATE "C")',
    ),
    "no longer a collation": Case(
        '(s COLLATE "C")', lambda t: Index("ix", t.c.s), replace('["s"]'), "(s)"
    ),
    "another collation": Case(
        '(s COLLATE "C")',
        lambda t: Index("ix", t.c.s.collate("POSIX")),
        replace('[key("s", collation="POSIX")]'),
        '(s COLLATE "POSIX")',
    ),
    "an operator class": Case(
        "(s)",
        lambda t: Index("ix", t.c.s, postgresql_ops={"s": "text_pattern_ops"}),
        replace('[key("s", operator_class="text_pattern_ops")]'),
        "(s text_pattern_ops)",
    ),
    "no longer an operator class": Case(
        "(s text_pattern_ops)", lambda t: Index("ix", t.c.s), replace('["s"]'), "(s)"
    ),
    "an operator class of a DESC key": Case(
        "(s DESC)",
        lambda t: index("ix", key("s", operator_class="text_pattern_ops", desc=True)),
        replace('[key("s", desc=True, operator_class="text_pattern_ops")]'),
        "(s text_pattern_ops DESC)",
    ),
    "a collation beside an operator class": Case(
        "(s text_pattern_ops)",
        lambda t: index("ix", key("s", operator_class="text_pattern_ops", collation="C")),
        replace('[key("s", operator_class="text_pattern_ops", collation="C")]'),
        '(s COLLATE "C" text_pattern_ops)',
    ),
    "an operator class's parameters": Case(
        "USING gist (v)",
        lambda t: index(
            "ix",
            key("v", operator_class="tsvector_ops", operator_class_parameters={"siglen": 100}),
            using="gist",
        ),
        "op.replace_index(\n"
        '    "ix",\n'
        '    "t",\n'
        "    [\n"
        "        key(\n"
        '            "v",\n'
        '            operator_class="tsvector_ops",\n'
        '            operator_class_parameters={"siglen": "100"},\n'
        "        ),\n"
        "    ],\n"
        '    using="gist",\n'
        ")",
        "USING gist (v tsvector_ops (siglen='100'))",
    ),
    "INCLUDE": Case(
        "(a)",
        lambda t: Index("ix", t.c.a, postgresql_include=["b", "s"]),
        replace('["a"]', ', include=["b", "s"]'),
        "(a) INCLUDE (b, s)",
    ),
    "no longer INCLUDE": Case(
        "(a) INCLUDE (b)", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"
    ),
    "a key that was included": Case(
        "(a) INCLUDE (b)", lambda t: Index("ix", t.c.a, t.c.b), replace('["a", "b"]'), "(a, b)"
    ),
    "a predicate": Case(
        "(a)",
        lambda t: Index("ix", t.c.a, postgresql_where=t.c.b > 0),
        replace('["a"]', ', where="b > 0"'),
        "(a) WHERE (b > 0)",
    ),
    "another predicate": Case(
        "(a) WHERE (b > 0)",
        lambda t: Index("ix", t.c.a, postgresql_where=t.c.b > 1),
        replace('["a"]', ', where="b > 1"'),
        "(a) WHERE (b > 1)",
    ),
    "no longer a predicate": Case(
        "(a) WHERE (b > 0)", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"
    ),
    "an access method": Case(
        "(a)",
        lambda t: Index("ix", t.c.a, postgresql_using="hash"),
        replace('["a"]', ', using="hash"'),
        "USING hash (a)",
    ),
    "GIN instead of btree": Case(
        "(tags)",
        lambda t: Index("ix", t.c.tags, postgresql_using="gin"),
        replace('["tags"]', ', using="gin"'),
        "USING gin (tags)",
    ),
    "another operator class of GIN": Case(
        "USING gin (doc)",
        lambda t: Index(
            "ix", t.c.doc, postgresql_using="gin", postgresql_ops={"doc": "jsonb_path_ops"}
        ),
        replace('[key("doc", operator_class="jsonb_path_ops")]', ', using="gin"'),
        "USING gin (doc jsonb_path_ops)",
    ),
    "a storage parameter": Case(
        "(a)",
        lambda t: Index("ix", t.c.a, postgresql_with={"fillfactor": 70}),
        replace('["a"]', ', storage_parameters={"fillfactor": "70"}'),
        "(a) WITH (fillfactor='70')",
    ),
    "another storage parameter": Case(
        "(a) WITH (fillfactor='70')",
        lambda t: Index("ix", t.c.a, postgresql_with={"fillfactor": 80}),
        replace('["a"]', ', storage_parameters={"fillfactor": "80"}'),
        "(a) WITH (fillfactor='80')",
    ),
    "no longer a storage parameter": Case(
        "(a) WITH (fillfactor='70')", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"
    ),
    "UNIQUE": Case(
        "(a)",
        lambda t: Index("ix", t.c.a, unique=True),
        replace('["a"]', ", unique=True"),
        "UNIQUE (a)",
    ),
    "no longer UNIQUE": Case("UNIQUE (a)", lambda t: Index("ix", t.c.a), replace('["a"]'), "(a)"),
    "NULLS NOT DISTINCT": Case(
        "UNIQUE (a)",
        lambda t: Index("ix", t.c.a, unique=True, postgresql_nulls_not_distinct=True),
        replace('["a"]', ", unique=True, nulls_not_distinct=True"),
        "UNIQUE (a) NULLS NOT DISTINCT",
        since=15,
    ),
    "no longer NULLS NOT DISTINCT": Case(
        "UNIQUE (a) NULLS NOT DISTINCT",
        lambda t: Index("ix", t.c.a, unique=True),
        replace('["a"]', ", unique=True"),
        "UNIQUE (a)",
        since=15,
    ),
    "everything at once": Case(
        "(a)",
        lambda t: index(
            "ix",
            key(
                "s",
                operator_class="text_pattern_ops",
                collation="C",
                desc=True,
                nulls_first=False,
            ),
            func.lower(t.c.c),
            include=["a"],
            unique=True,
            where="a > 0",
            storage_parameters={"fillfactor": 70},
        ),
        "op.replace_index(\n"
        '    "ix",\n'
        '    "t",\n'
        "    [\n"
        "        key(\n"
        '            "s",\n'
        "            desc=True,\n"
        "            nulls_first=False,\n"
        '            operator_class="text_pattern_ops",\n'
        '            collation="C",\n'
        "        ),\n"
        '        sa.text("lower(c)"),\n'
        "    ],\n"
        "    unique=True,\n"
        '    include=["a"],\n'
        '    where="a > 0",\n'
        '    storage_parameters={"fillfactor": "70"},\n'
        ")",
        'UNIQUE (s COLLATE "C" text_pattern_ops DESC NULLS LAST, lower(c)) INCLUDE (a)'
        " WITH (fillfactor='70') WHERE (a > 0)",
    ),
}


def definition(case_side: str | None) -> str | None:
    """What pg_get_indexdef says of it."""
    if case_side is None:
        return None
    unique = "UNIQUE " if case_side.startswith("UNIQUE ") else ""
    body = case_side.removeprefix("UNIQUE ")
    using = "" if body.startswith("USING") else "USING btree "
    return f"CREATE {unique}INDEX ix ON public.t {using}{body}"


def found(database: Database) -> dict[str, tuple[str, str]]:
    return {name: (seen.definition, seen.state) for name, seen in indexes(database).items()}


def state(case_side: str | None) -> dict[str, tuple[str | None, str]]:
    there = definition(case_side)
    return {} if there is None else {"ix": (there, "valid")}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_difference(
    database: Database, generating: Generating, case: Case, pg_version: int
) -> None:
    if pg_version < case.since:
        pytest.skip(f"PostgreSQL {case.since} brought it")
    execute(database, TABLE)
    if case.before is not None:
        execute(database, str(definition(case.before)))
    metadata = model(case.declare)

    assert generating.body(metadata) == case.call
    generating.upgrade(metadata)

    assert found(database) == state(case.after)
    assert generating.is_quiet(metadata)
    generating.downgrade(metadata)
    assert found(database) == state(case.before)
