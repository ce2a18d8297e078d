"""Every shape of env.py: async, transactions, several databases and models, filters, branches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, Table

from tests.observe import execute, indexes
from tests.postgres.autogenerate.generating import CONFIGURE, PLUGINS, Generating, calls
from tests.projects import Project
from tests.servers import Database, Server


def model(*items: Index, schema: str | None = None, name: str = "t", **kwargs: Any) -> MetaData:
    metadata = MetaData(**kwargs)
    Table(name, metadata, Column("a", Integer), Column("b", Integer), *items, schema=schema)
    return metadata


def names(database: Database) -> set[str]:
    return set(indexes(database))


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_async_env_py(tmp_path: Path, database: Database, driver: str) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a) WHERE b = 1")
    generating = Generating(Project(tmp_path, database.url_for(driver=driver), "async"))
    metadata = model(Index("ix", "a", postgresql_where=Column("b") == 2), Index("iy", "a"))

    [text] = generating.revise(metadata)

    assert calls(text) == ["replace_index ix t", "create_concurrent_index iy t"]
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)
    generating.downgrade(metadata, "base")
    assert names(database) == {"ix"}


@pytest.mark.parametrize("option", ["transaction_per_migration=True", "transactional_ddl=False"])
def test_transactions(database: Database, generating: Generating, option: str) -> None:
    generating.configure(option)
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a)")
    metadata = model(Index("ix", "b"), Index("iy", "a"))
    Table("n", metadata, Column("a", Integer, index=True))

    generating.revise(metadata)
    generating.upgrade(metadata)

    assert generating.is_quiet(metadata)
    generating.downgrade(metadata, "base")
    assert names(database) == {"ix"}


def test_a_schema(database: Database, generating: Generating) -> None:
    generating.configure("include_schemas=True")
    execute(
        database,
        "CREATE SCHEMA app",
        "CREATE TABLE app.t (a int, b int)",
        "CREATE INDEX ix ON app.t (a)",
        "CREATE INDEX iz ON app.t (b)",
        "CREATE TABLE t (a int, b int)",
    )
    metadata = model(Index("ix", "b"), schema="app")
    Table("t", metadata, Column("a", Integer), Column("b", Integer))

    upgrade = generating.body(metadata)

    assert upgrade == (
        'op.replace_index("ix", "t", ["b"], schema="app")\n'
        'op.drop_concurrent_index("iz", "t", schema="app")'
    )
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)


def test_a_table_that_the_search_path_hides(database: Database, generating: Generating) -> None:
    """Two tables of one name: compared is the one that the search path finds, as Alembic does."""
    execute(
        database,
        "CREATE SCHEMA first",
        "CREATE TABLE first.t (a int, b int)",
        "CREATE TABLE t (a int, b int)",
        "CREATE INDEX ix ON t (a)",
        f'ALTER DATABASE "{database.name}" SET search_path = first, public',
    )

    assert generating.body(model(Index("ix", "a"))) == (
        'op.create_concurrent_index("ix", "t", ["a"])'
    )


def test_a_schema_translate_map(database: Database, generating: Generating) -> None:
    generating.project.edit_env(
        (
            "context.configure(\n            connection=connection",
            "connection = connection.execution_options(schema_translate_map={'app': 'tenant'})\n"
            "        context.configure(\n            connection=connection",
        )
    )
    generating.configure("include_schemas=True")
    execute(
        database,
        "CREATE SCHEMA app",
        "CREATE SCHEMA tenant",
        "CREATE TABLE app.t (a int, b int)",
        "CREATE TABLE tenant.t (a int, b int)",
        "CREATE INDEX ix ON tenant.t (a)",
    )
    metadata = model(Index("ix", "a"), schema="app")
    Table("t", metadata, Column("a", Integer), Column("b", Integer), schema="tenant")

    # Of tenant.t the model says nothing, but it is where the operations on app.t go.
    assert 'op.create_concurrent_index("ix"' not in generating.body(metadata)


def test_a_name_filter(database: Database, generating: Generating) -> None:
    generating.configure("include_name=lambda name, kind, parents: name != 'theirs'")
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX theirs ON t (a)")

    assert generating.is_quiet(model())


def test_an_object_filter_sees_each_index(database: Database, generating: Generating) -> None:
    seen: list[tuple[str, str, bool, str | None]] = []
    generating.project.edit_env(
        (
            "target_metadata = config",
            "include = config.attributes['include']\ntarget_metadata = config",
        )
    )
    generating.configure("include_object=include")

    def include(item: Any, name: str, kind: str, reflected: bool, other: Any) -> bool:
        if kind == "index":
            columns = ",".join(column.name for column in item.columns)
            seen.append((name, columns, reflected, None if other is None else other.name))
        return name != "not_me"

    execute(
        database,
        "CREATE TABLE t (a int, b int)",
        "CREATE INDEX gone ON t (a)",
        "CREATE INDEX changed ON t (a) WHERE b > 0",
        "CREATE INDEX not_me ON t (b)",
    )
    metadata = model(Index("changed", "a"), Index("new", "b"))
    generating.attributes["include"] = include

    [text] = generating.revise(metadata)

    assert calls(text) == [
        "replace_index changed t",
        "create_concurrent_index new t",
        "drop_concurrent_index gone t",
    ]
    assert {
        ("gone", "a", True, None),
        ("changed", "a", False, "changed"),
        ("new", "b", False, None),
        ("not_me", "b", True, None),
    } <= set(seen)


CONVENTION = {"ix": "ix_%(table_name)s_%(column_0_N_name)s"}


def test_a_naming_convention(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)")
    metadata = model(Index(None, "a", "b"), naming_convention=CONVENTION)

    assert generating.body(metadata) == ('op.create_concurrent_index("ix_t_a_b", "t", ["a", "b"])')
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)


def test_a_convention_that_gives_long_names(database: Database, generating: Generating) -> None:
    """SQLAlchemy shortens them; the operation has the short name."""
    name = "a_table_with_a_name_as_long_as_the_names_of_tables_should_never_be"[:60]
    execute(database, f"CREATE TABLE {name} (a int, b int)")
    metadata = model(Index(None, "a", "b"), name=name, naming_convention=CONVENTION)

    [text] = generating.revise(metadata)

    [call] = calls(text)
    assert len(call.split()[1]) <= 63
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)


def test_several_metadatas(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE TABLE u (a int, b int)")
    metadatas = [model(Index("ix", "a")), model(Index("iy", "b"), name="u")]

    [text] = generating.revise(metadatas)

    assert calls(text) == ["create_concurrent_index ix t", "create_concurrent_index iy u"]
    generating.upgrade(metadatas)
    assert generating.is_quiet(metadatas)


def test_branches(database: Database, generating: Generating) -> None:
    execute(database, "CREATE TABLE t (a int, b int)")
    generating.project.revision("one", "pass")
    generating.project.revision("two", "pass", down=None)
    metadata = model(Index("ix", "a"))
    generating.upgrade(metadata)

    [text] = generating.revise(metadata, head="two")

    assert calls(text) == ["create_concurrent_index ix t"]
    generating.upgrade(metadata)
    assert generating.is_quiet(metadata)


def test_another_prefix(database: Database, generating: Generating) -> None:
    generating.configure("alembic_module_prefix='alembic_op.', sqlalchemy_module_prefix='sqla.'")
    execute(database, "CREATE TABLE t (a int, b int)")
    metadata = model()
    Index("ix", metadata.tables["t"].c.a + 1)

    assert generating.body(metadata) == (
        'alembic_op.create_concurrent_index("ix", "t", [sqla.text("a + 1")])'
    )


@pytest.fixture
def two_databases(server: Server) -> Iterator[tuple[Database, Database]]:
    """Two empty databases."""
    both = server.create_database(), server.create_database()
    yield both
    for each in both:
        server.drop_database(each.name)


MODELS = """
from sqlalchemy import Column, Index, Integer, MetaData, Table
target_metadata = {"engine1": MetaData(), "engine2": MetaData()}
Table("t", target_metadata["engine1"], Column("a", Integer), Column("b", Integer), Index("ix", "a"))
Table("u", target_metadata["engine2"], Column("a", Integer), Column("b", Integer), Index("iy", "b"))
"""
BEGIN = """\
        if USE_TWOPHASE:
            rec["transaction"] = conn.begin_twophase()
        else:
            rec["transaction"] = conn.begin()
"""
END = """\
        if USE_TWOPHASE:
            for rec in engines.values():
                rec["transaction"].prepare()

        for rec in engines.values():
            rec["transaction"].commit()
    except:
        for rec in engines.values():
            rec["transaction"].rollback()
        raise
    finally:
"""
ONLINE = """\
                target_metadata=target_metadata.get(name),
            )
            context.run_migrations(engine_name=name)

"""


def multidb(tmp_path: Path, databases: tuple[Database, Database], options: str) -> Project:
    """A project of the template `multidb`; each migration runs in a transaction of Alembic's."""
    project = Project(tmp_path, databases[0].url, "multidb")
    ini = tmp_path / "alembic.ini"
    before, _, after = ini.read_text().rpartition(databases[0].url)
    ini.write_text(before + databases[1].url + after)
    project.edit_env(
        ("target_metadata = {}\n", MODELS),
        ("import re\n", "import re\nimport alembic_index_ops\n"),
        (BEGIN, ""),
        (END, "    finally:\n"),
        (
            ONLINE,
            f"                target_metadata=target_metadata.get(name), {options},\n"
            "            )\n"
            "            with context.begin_transaction():\n"
            "                context.run_migrations(engine_name=name)\n\n",
        ),
    )
    return project


def versions(project: Project) -> list[str]:
    """The revisions' texts, the first one first."""
    found = (project.directory / "migrations" / "versions").glob("*.py")
    texts = [path.read_text() for path in found]
    first = "down_revision: Union[str, Sequence[str], None] = None"
    return sorted(texts, key=lambda text: first not in text)


@pytest.mark.slow
def test_two_databases(tmp_path: Path, two_databases: tuple[Database, Database]) -> None:
    for database, table in zip(two_databases, "tu", strict=True):
        execute(database, f"CREATE TABLE {table} (a int, b int)")
    project = multidb(tmp_path, two_databases, PLUGINS)

    assert project.run("revision", "--autogenerate")[0] == 0
    [text] = versions(project)
    assert calls(text, "upgrade_engine1") == ["create_concurrent_index ix t"]
    assert calls(text, "upgrade_engine2") == ["create_concurrent_index iy u"]
    assert project.run("upgrade", "head")[0] == 0
    assert [names(database) for database in two_databases] == [{"ix"}, {"iy"}]
    assert project.run("check")[0] == 0
    assert project.run("downgrade", "base")[0] == 0
    assert [names(database) for database in two_databases] == [set(), set()]


@pytest.mark.slow
@pytest.mark.parametrize("there", ["u", "tu"])
def test_two_databases_separately(
    tmp_path: Path, two_databases: tuple[Database, Database], there: str
) -> None:
    """Of one database the table is there and lacks a column, of the other it may be new."""
    for database, table in zip(two_databases, "tu", strict=True):
        if table in there:
            execute(database, f"CREATE TABLE {table} (a int)")
    separate = "process_revision_directives=alembic_index_ops.separate_indexes"
    project = multidb(tmp_path, two_databases, f"{PLUGINS}, {separate}")

    status, output = project.run("revision", "--autogenerate")

    assert status == 0, output
    written: dict[str, list[str]] = {"t": [], "u": []}
    for text in versions(project):
        for engine, table in (("engine1", "t"), ("engine2", "u")):
            written[table].append(" ".join(calls(text, f"upgrade_{engine}")))
    for table, index in (("t", "ix"), ("u", "iy")):
        create = f"create_concurrent_index {index} {table}"
        if table in there:
            assert written[table] == [f"add_column {table} b", create]
        else:
            assert written[table] == [f"create_table {table} {create}", ""][: len(written[table])]
    assert project.run("upgrade", "head")[0] == 0
    assert [names(database) for database in two_databases] == [{"ix"}, {"iy"}]
    assert project.run("downgrade", "base")[0] == 0


NEIGHBOURS = """
import enum
import alembic_postgresql_enum
from alembic_utils.pg_function import PGFunction
from alembic_utils.replaceable_entity import register_entities
from sqlalchemy import Column, Enum, Index, Integer, MetaData, Table

class Mood(enum.Enum):
    calm = 1
    wild = 2

register_entities([PGFunction("public", "one()", "RETURNS int LANGUAGE sql AS 'SELECT 1'")])
target_metadata = MetaData()
mood = Column("mood", Enum(Mood))
index = Index("ix", "a", postgresql_where=mood == "wild")
Table("t", target_metadata, Column("a", Integer), mood, index)
"""


@pytest.mark.slow
def test_beside_other_plugins(database: Database, project: Project) -> None:
    """alembic-postgresql-enum and alembic-utils, which compare enums and functions."""
    project.edit_env(
        ("target_metadata = None\n", NEIGHBOURS), (CONFIGURE, f"{CONFIGURE}, {PLUGINS}")
    )
    execute(
        database,
        "CREATE TYPE mood AS ENUM ('calm')",
        "CREATE TABLE t (a int, mood mood)",
        "CREATE INDEX ix ON t (a)",
    )

    status, output = project.run("revision", "--autogenerate")

    assert status == 0, output
    [text] = versions(project)
    assert calls(text) == ["create_entity", "add_enum_value", "replace_index ix t"]
    assert project.run("upgrade", "head")[0] == 0
    assert "WHERE (mood = 'wild'::mood)" in indexes(database)["ix"].definition
    assert project.run("check")[0] == 0
    assert project.run("downgrade", "base")[0] == 0
