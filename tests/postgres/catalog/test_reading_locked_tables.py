"""Reading while others hold locks, and what it leaves on the session: nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from alembic_index_ops.catalog import read_indexes
from alembic_index_ops.errors import LockTimeoutError
from tests.servers import Database

MODES = pytest.mark.parametrize("mode", ["transaction", "autocommit"])


@pytest.fixture
def tables(database: Database) -> Database:
    """Two tables with an index that the server has to deparse."""
    with database.connect() as connection:
        for name in ("free", "locked"):
            connection.execute(f"CREATE TABLE {name} (a text, b int)")
            connection.execute(f"CREATE INDEX ix_{name} ON {name} (lower(a)) WHERE b > 0")
    return database


@pytest.fixture
def lock(tables: Database) -> Iterator[None]:
    """Another session holds ACCESS EXCLUSIVE on the table `locked`."""
    with tables.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        yield
        holder.execute("ROLLBACK")


@pytest.fixture
def connection(tables: Database, mode: str) -> Iterator[Connection]:
    engine = tables.engine
    if mode == "autocommit":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Without a lock_timeout the read would wait until the holder's test ends: for ever.
        connection.execute(text("SET statement_timeout = '20s'"))
        connection.commit()
        yield connection


def setting(connection: Connection, name: str = "lock_timeout") -> str:
    return connection.scalar(text("SELECT current_setting(:name)"), {"name": name})


@MODES
@pytest.mark.usefixtures("lock")
def test_a_lock_on_another_table_delays_nothing(connection):
    started = time.monotonic()
    (index,) = read_indexes(connection, table="free")
    assert time.monotonic() - started < 1
    assert index.spec.predicate == "b > 0"


@MODES
@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"table": "locked"}, "locked"),
        ({"schema": "public"}, "public"),
        ({}, "the database"),
    ],
)
def test_a_lock_on_the_asked_table_is_waited_for_two_seconds(connection, asked, shown):
    started = time.monotonic()
    with pytest.raises(LockTimeoutError) as caught:
        read_indexes(connection, **asked)
    assert 1.9 < time.monotonic() - started < 5
    assert str(caught.value) == (
        f"the indexes of {shown} cannot be read: a table was locked ACCESS EXCLUSIVE for more"
        " than 2s. Try again when that lock is gone."
    )


@MODES
@pytest.mark.usefixtures("lock")
def test_a_refused_read_leaves_lock_timeout_as_it_was(connection):
    connection.execute(text("SET lock_timeout = '1234ms'"))
    connection.commit()
    with pytest.raises(LockTimeoutError):
        read_indexes(connection, table="locked")
    connection.rollback()
    assert setting(connection) == "1234ms"


@MODES
def test_a_read_leaves_every_setting_as_it_was(connection):
    connection.execute(text("SET lock_timeout = '1234ms'"))
    everything = text("SELECT name, setting, source FROM pg_settings ORDER BY name")
    before = connection.execute(everything).all()
    read_indexes(connection, schema="public")
    assert connection.execute(everything).all() == before
    connection.commit()
    assert connection.execute(everything).all() == before


def test_a_set_local_of_the_caller_does_not_outlive_its_transaction(tables):
    with tables.engine.connect() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '1234ms'"))
        read_indexes(connection, table="free")
        assert setting(connection) == "1234ms"
        connection.commit()
        assert setting(connection) == "0"


def test_the_read_happens_in_the_callers_transaction(tables):
    with tables.engine.connect() as connection:
        connection.execute(text("CREATE INDEX mine ON free (b)"))
        names = [index.name for index in read_indexes(connection, table="free")]
        connection.rollback()
    assert names == ["ix_free", "mine"]


def test_a_role_without_any_privilege_on_the_table_reads_its_indexes(tables, make_role):
    role = make_role()
    with tables.engine.connect() as connection:
        connection.execute(text(f'SET ROLE "{role}"'))
        (index,) = read_indexes(connection, table="free")
    assert index.spec.key_columns[0].expression == "lower(a)"
