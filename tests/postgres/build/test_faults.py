"""What goes wrong around a build: the same command, run again, ends right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from alembic_index_ops import BuildError, DrainTimeoutError, DuplicateKeysError, LockTimeoutError
from alembic_index_ops.catalog.session import sqlstate
from alembic_index_ops.events import Retried, Unwatched
from tests.conftest import MakeRole
from tests.observe import Seen, built_by, eventually, execute, indexes, rows
from tests.postgres.build.ending import explain_difference, read_ending
from tests.postgres.build.faults import Subject
from tests.postgres.build.listening import Listener, migrate
from tests.postgres.build.waiting import waiting
from tests.projects import Project
from tests.servers import Database, Server
from tests.sessions import in_transaction

SNAPSHOT = "REPEATABLE READ"
LONG = """
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
  AND query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%' AND clock_timestamp() > query_start + '0.8s'
"""


@pytest.fixture
def subject(database: Database, project: Project) -> Subject:
    return Subject(database, project)


def run(subject: Subject, *x: str, listener: Listener | None = None) -> None:
    migrate(subject.project, subject.database.engine, *x, listener=listener)


def test_a_lock_that_is_held_for_too_long(subject: Subject) -> None:
    with (
        in_transaction(subject.database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
        pytest.raises(LockTimeoutError),
    ):
        run(subject, "index_ops.lock_timeout=1s")

    subject.assert_ends_right()


@pytest.mark.parametrize(
    ("statement", "isolation"),
    [
        ("UPDATE t SET b = b WHERE a = 1", "READ COMMITTED"),
        ("SELECT 1 FROM t", SNAPSHOT),
        ("SELECT 1 FROM pg_class", SNAPSHOT),
    ],
)
def test_a_transaction_that_is_open_for_too_long(
    subject: Subject, statement: str, isolation: str
) -> None:
    with (
        in_transaction(subject.database, statement, isolation=isolation),
        pytest.raises(DrainTimeoutError),
    ):
        run(subject, "index_ops.drain_timeout=0.5s")

    subject.assert_ends_right()


def test_a_prepared_transaction(subject: Subject) -> None:
    with in_transaction(subject.database, "UPDATE t SET b = b") as session:
        session.execute("PREPARE TRANSACTION 'forgotten'")

        with pytest.raises(DrainTimeoutError, match="forgotten"):
            run(subject, "index_ops.drain_timeout=0.5s")

        session.execute("ROLLBACK PREPARED 'forgotten'")
    subject.assert_ends_right()


def test_somebody_who_is_waited_for_waits_for_our_lock(subject: Subject) -> None:
    """A deadlock, of which we are the victim: what the other wants, he gets; then it is tried
    again."""
    listener = Listener()
    with in_transaction(
        subject.database, "SET LOCAL deadlock_timeout = '1h'", "UPDATE t SET b = b"
    ) as other:
        with waiting(subject.database, lambda: run(subject, listener=listener)) as upgrade:
            other.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
            other.execute("ROLLBACK")
        upgrade.result()

    assert listener.of(Retried)[0].reason == "the server ended a deadlock"
    subject.assert_ends_right()


def test_duplicates(subject: Subject) -> None:
    execute(subject.database, "INSERT INTO t VALUES (7, 0)")

    with pytest.raises(DuplicateKeysError):
        run(subject)

    assert indexes(subject.database) == {}
    execute(subject.database, "DELETE FROM t WHERE b = 0")
    subject.assert_ends_right()


@pytest.mark.parametrize("of", ["role", "database"])
@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout", "transaction_timeout"])
def test_a_short_timeout_of_the_role_or_the_database(
    subject: Subject, pg_version: int, make_role: MakeRole, setting: str, of: str
) -> None:
    """No clock of the server cuts a build that waits longer than that."""
    role = make_role(attributes="SUPERUSER")
    # On a server that does not know the setting, it is one that anybody may invent.
    known = setting if pg_version >= 17 or setting != "transaction_timeout" else f"our.{setting}"
    whose = f"DATABASE {subject.database.name}" if of == "database" else f"ROLE {role}"
    engine = create_engine(subject.database.url_for(role), poolclass=NullPool)
    with in_transaction(subject.database, "UPDATE t SET b = b") as writer:
        execute(subject.database, f"ALTER {whose} SET {known} = '400ms'")
        before = read_ending(subject.database)
        with waiting(subject.database, lambda: migrate(subject.project, engine)) as upgrade:
            eventually(lambda: upgrade.done() or rows(subject.database, LONG))
            writer.execute("ROLLBACK")
        upgrade.result()

    assert explain_difference(read_ending(subject.database), subject.after(before)) == ""


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file that the server writes gets bigger than a segment of its log and half a block."""
    server.stop()
    server.start(max_file_bytes=(1 << 24) + 4096)
    try:
        yield
    finally:
        server.stop()
        server.start()


def test_a_full_disk(server: Server, subject: Subject) -> None:
    database = subject.database
    execute(database, "INSERT INTO t SELECT i, i FROM generate_series(10000, 100000) i")
    before = read_ending(database)
    create = 'op.create_desc_index("iy", "t", ["b DESC"], storage_parameters={"fillfactor": 10})'
    subject.project.revision("r", create, down=None)

    with full_disk(server), pytest.raises(BuildError) as full:
        run(subject)

    assert isinstance(full.value.__cause__, DBAPIError)
    assert sqlstate(full.value.__cause__) == "53100"
    assert indexes(database) == {}
    run(subject)
    definition = "CREATE INDEX iy ON public.t USING btree (b DESC) WITH (fillfactor='10')"
    expected = {"iy": Seen(definition, "valid", built_by("r"))}
    after = before._replace(indexes=expected, revisions={"r"})
    assert explain_difference(read_ending(database), after) == ""


def test_a_role_with_one_connection(subject: Subject, make_role: MakeRole) -> None:
    role = make_role(attributes="CONNECTION LIMIT 1")
    execute(
        subject.database,
        f"ALTER TABLE t OWNER TO {role}",
        f"GRANT ALL ON SCHEMA public TO {role}",
    )
    engine = create_engine(subject.database.url_for(role), poolclass=NullPool)
    listener = Listener()

    migrate(subject.project, engine, listener=listener)

    reasons = [event.reason for event in listener.of(Unwatched)]
    assert len(reasons) == 2
    assert all(f'too many connections for role "{role}"' in reason for reason in reasons)
    assert explain_difference(read_ending(subject.database), subject.after()) == ""
