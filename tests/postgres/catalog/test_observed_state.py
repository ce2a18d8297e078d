"""`read_indexes`: what state an index is in."""

from __future__ import annotations

import psycopg
import pytest

from alembic_index_ops.definition import key
from tests.postgres.catalog.reading import only, read, spec


def test_a_plain_valid_index(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    assert (index.name, index.schema, index.table) == ("ix", "public", "t")
    assert index.spec == spec(key("a"))
    assert (index.valid, index.ready, index.live) == (True, True, True)
    assert (index.replica_identity, index.clustered, index.partitioned) == (False, False, False)
    assert (index.constraint_type, index.constraint_name) == (None, None)
    assert (index.parent_oid, index.comment, index.tablespace) == (None, None, None)
    assert (index.usable, index.state) == (True, "valid")


def test_oids(database):
    index = only(read(database, "CREATE TABLE t (a int); CREATE INDEX ix ON t (a)"))
    with database.connect() as connection:
        oids = connection.execute("SELECT 'ix'::regclass::oid, 't'::regclass::oid").fetchone()
    assert (index.oid, index.table_oid) == oids


def test_a_unique_build_that_failed_is_neither_valid_nor_ready(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix ON t (a)")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, False, True)
    assert index.state == "INVALID, not ready: neither maintained nor enforcing"
    assert index.usable is False
    assert index.spec == spec(key("a"), unique=True)


def test_a_build_cut_off_by_an_old_snapshot_is_ready_and_not_valid(database):
    with database.connect() as connection, database.connect() as reader:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE TABLE other (a int)")
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM other")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("CREATE INDEX CONCURRENTLY ix ON t (a)")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, True, True)
    assert index.state == "INVALID, ready: writes maintain it, no query uses it"


def test_an_index_whose_drop_was_cut_off(database):
    with database.connect() as connection, database.connect() as reader:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("DROP INDEX CONCURRENTLY ix")
    index = only(read(database))
    assert (index.valid, index.ready, index.live) == (False, True, True)
    assert index.usable is False


def test_an_index_in_the_last_stage_of_its_drop_is_not_live(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        # No SQL stops a drop between its two last waits, so the catalog says it for once.
        connection.execute(
            "UPDATE pg_index SET indislive = false, indisvalid = false, indisready = false"
            " WHERE indexrelid = 'ix'::regclass"
        )
    index = only(read(database))
    assert index.live is False
    assert index.state == "INVALID, being dropped"


@pytest.mark.parametrize(
    ("constraint", "letter"),
    [("PRIMARY KEY (a)", "p"), ("UNIQUE (a)", "u"), ("EXCLUDE (a WITH =)", "x")],
)
def test_the_constraint_behind_it(database, constraint, letter):
    index = only(read(database, f"CREATE TABLE t (a int, CONSTRAINT con {constraint})"))
    assert (index.constraint_type, index.constraint_name) == (letter, "con")


def test_foreign_keys_that_point_at_an_index_do_not_multiply_it(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE UNIQUE INDEX ix ON t (a);"
            "CREATE TABLE r1 (a int REFERENCES t (a)); CREATE TABLE r2 (a int REFERENCES t (a))",
        )
    )
    assert index.constraint_type is None


def test_replica_identity(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX ix ON t (a);"
            "ALTER TABLE t REPLICA IDENTITY USING INDEX ix",
        )
    )
    assert index.replica_identity is True


def test_clustered(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE INDEX ix ON t (a); ALTER TABLE t CLUSTER ON ix",
        )
    )
    assert index.clustered is True


PARTITIONED = (
    "CREATE TABLE t (a int, b int) PARTITION BY LIST (a);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
)


def test_a_partitioned_index_and_its_leaf(database):
    parent, leaf = read(database, PARTITIONED + "CREATE INDEX ix ON t (b)", schema="public")
    assert (parent.table, parent.partitioned, parent.parent_oid) == ("t", True, None)
    assert (leaf.table, leaf.partitioned, leaf.parent_oid) == ("t1", False, parent.oid)


def test_a_partitioned_index_without_its_leaves_is_invalid(database):
    index = only(read(database, PARTITIONED + "CREATE INDEX ix ON ONLY t (b)"))
    assert (index.valid, index.ready, index.partitioned) == (False, True, True)


def test_size_is_in_bytes(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 5000);"
            "CREATE INDEX ix ON t (a)",
        )
    )
    with database.connect() as connection:
        assert connection.execute("SELECT pg_relation_size('ix')").fetchone() == (index.size,)
    assert index.size > 8192


def test_comment(database):
    index = only(
        read(
            database,
            "CREATE TABLE t (a int); CREATE INDEX ix ON t (a);"
            "COMMENT ON INDEX ix IS E'first: it''s 5%\\nsecond'",
        )
    )
    assert index.comment == "first: it's 5%\nsecond"


def test_the_comment_of_something_else_with_the_same_number_is_not_taken(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX ix ON t (a)")
        connection.execute(
            "INSERT INTO pg_description VALUES ('ix'::regclass, 'pg_proc'::regclass, 0, 'no'),"
            " ('ix'::regclass, 'pg_class'::regclass, 1, 'no')"
        )
    assert only(read(database)).comment is None


def test_tablespace(server, database):
    with server.connect() as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute("CREATE TABLESPACE \"fast disk\" LOCATION ''")
    try:
        index = only(
            read(
                database, 'CREATE TABLE t (a int); CREATE INDEX ix ON t (a) TABLESPACE "fast disk"'
            )
        )
        assert index.tablespace == "fast disk"
        assert index.spec == spec(key("a"), tablespace="fast disk")
    finally:
        server.drop_database(database.name)
        server.execute('DROP TABLESPACE "fast disk"')
