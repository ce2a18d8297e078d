"""Names are names: nothing in them is folded, cut, quoted away or taken for a parameter."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import sql

from tests.observe import built_by, execute, indexes, rows
from tests.projects import Project
from tests.servers import Database

NAMES = [
    "MixedCase",
    'with "quotes"',
    "it's",
    "with space",
    "100%",
    "%s %(a)s %%",
    "a:b :c ::d",
    "back\\slash",
    "$1 $$ {x}",
    "select",
    "dotted.name",
    "x" * 63,
    "索引" * 10 + "abc",
    "é" * 31 + "x",
    "_building_",
    "x_building_0123abcd",
]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_names_of_every_kind(tmp_path: Path, database: Database, driver: str) -> None:
    template = "async" if driver == "asyncpg" else "generic"
    project = Project(tmp_path, database.url_for(driver=driver), template)
    upgrade, downgrade = [], []
    for number, name in enumerate(NAMES):
        # PostgreSQL keeps tables and indexes of a schema in one list of names.
        schema, index, table = f"s {number}", name, name[:-1] + "T"
        execute(
            database,
            sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)).as_string(),
            sql.SQL("CREATE TABLE {} ({} int)")
            .format(sql.Identifier(schema, table), sql.Identifier(name))
            .as_string(),
        )
        common = f"{index!r}, {table!r}"
        upgrade.append(
            f"op.create_covering_index({common}, [key({name!r}, desc=True)], include=[{name!r}],"
            f" schema={schema!r}, comment={name!r}, concurrently=True)"
        )
        downgrade.append(f"op.drop_concurrent_index({common}, schema={schema!r})")
    project.revision("a", "\n".join(upgrade), "\n".join(downgrade))

    project.upgrade()

    found = rows(
        database,
        "SELECT n.nspname, c.relname, t.relname, a.attname, i.indisvalid,"
        " obj_description(c.oid, 'pg_class') FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = 1 WHERE n.nspname LIKE 's %'",
    )
    assert sorted(found) == sorted(
        (f"s {number}", name, name[:-1] + "T", name, True, f"{name}\n{built_by('a')}")
        for number, name in enumerate(NAMES)
    )
    project.downgrade()
    assert indexes(database) == {}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_special_characters_in_a_condition_and_an_expression(
    tmp_path: Path, database: Database, driver: str
) -> None:
    template = "async" if driver == "asyncpg" else "generic"
    project = Project(tmp_path, database.url_for(driver=driver), template)
    execute(database, "CREATE TABLE t (a text, b int)")
    project.revision(
        "a",
        """
        op.create_concurrent_index(
            "ix", "t", [sa.text("(a || ':x %s %% %(y)s')")],
            where="a LIKE '100%' AND a::text <> ':z' AND b % 2 = 1", concurrently=True,
        )
        """,
        'op.drop_concurrent_index("ix", "t")',
    )
    project.upgrade()
    definition = indexes(database)["ix"].definition
    execute(database, "DELETE FROM alembic_version", "COMMENT ON INDEX ix IS NULL")

    project.upgrade()

    assert definition == (
        "CREATE INDEX ix ON public.t USING btree (((a || ':x %s %% %(y)s'::text)))"
        " WHERE ((a ~~ '100%'::text) AND (a <> ':z'::text) AND ((b % 2) = 1))"
    )
    assert indexes(database)["ix"].comment == "alembic_index_ops: adopted by a"


def test_long_names_with_a_common_start(database: Database, project: Project) -> None:
    names = ["x" * 62 + end for end in "abc"]
    execute(database, "CREATE TABLE t (a int)")
    project.revision(
        "a",
        "\n".join(
            f'op.create_concurrent_index("{name}", "t", ["a"], concurrently=True)' for name in names
        ),
        f'op.drop_concurrent_index("{names[1]}", "t")',
    )

    project.upgrade()
    assert set(indexes(database)) == set(names)
    project.downgrade()
    assert set(indexes(database)) == {names[0], names[2]}


def test_the_same_index_of_the_same_table_in_two_schemas(
    database: Database, project: Project
) -> None:
    execute(database, "CREATE SCHEMA far", "CREATE TABLE far.t (a int)", "CREATE TABLE t (a int)")
    project.revision(
        "a",
        """
        op.create_concurrent_index("ix", "t", ["a"], schema="far", concurrently=True)
        op.create_concurrent_index("ix", "t", ["a"], concurrently=True)
        """,
        'op.drop_concurrent_index("ix", "t", schema="far")',
    )

    project.upgrade()
    assert set(indexes(database)) == {"ix", "far.ix"}
    project.downgrade()
    assert set(indexes(database)) == {"ix"}
