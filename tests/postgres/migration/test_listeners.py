"""What a person at a terminal sees of a migration, and what the log and listeners are told."""

from __future__ import annotations

import logging
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from alembic_index_ops import ArgumentError, define_index, hookimpl
from alembic_index_ops.build.naming import aside_names
from alembic_index_ops.events import (
    BuildStarted,
    Dropped,
    DropStarted,
    Event,
    Named,
    Progress,
    TableUsers,
)
from tests.observe import eventually, indexes, revisions, rows
from tests.postgres.build.listening import Listener
from tests.postgres.migration.jobs import CONFIGURE, CREATE, DROP, create_jobs
from tests.projects import Project
from tests.servers import Database
from tests.sessions import in_transaction
from tests.terminal import OnTerminal, on_terminal

pytestmark = pytest.mark.slow

ON_JOBS = 'index "ix" on "public"."jobs"'
WRITERS = "waiting for writers before build"


@pytest.fixture(autouse=True)
def jobs(database: Database, project: Project) -> None:
    create_jobs(database)
    project.revision("a", CREATE, DROP)


@pytest.fixture
def writer(database: Database) -> Iterator[psycopg.Connection]:
    """A transaction that a build waits for."""
    with in_transaction(database, "INSERT INTO jobs VALUES (0, 0)") as writer:
        yield writer


def log_of(terminal: OnTerminal) -> list[str]:
    """What our logger wrote on it."""
    return [line for line in terminal.lines if "[alembic_index_ops]" in line]


def test_a_terminal_shows_a_bar(project: Project, writer: psycopg.Connection) -> None:
    with on_terminal(project, "upgrade", "head", columns=80) as terminal:
        stage = eventually(lambda: terminal.line(WRITERS, "2 s so far"))
        [bar, *below] = terminal.lines[terminal.lines.index(stage) - 1 :]
        shown = terminal.cursor_shown
        writer.execute("ROLLBACK")
        status = terminal.end()

    pid = writer.info.backend_pid
    assert bar == f"ix {'━' * 77}"
    assert below == [
        f"  {WRITERS}, 2 s so far",
        f"  waiting for pid {pid} (postgres, no application name, idle in transaction, its "[:79]
        + "…",
    ]
    assert not shown
    assert status == 0
    assert terminal.cursor_shown


def test_only_the_log_stays_on_the_terminal(project: Project, writer: psycopg.Connection) -> None:
    with on_terminal(project, "upgrade", "head") as terminal:
        eventually(lambda: terminal.line(WRITERS, "1 s so far"))
        writer.execute("ROLLBACK")
        assert terminal.end() == 0

    started, named = log_of(terminal)
    assert started.startswith(
        f'INFO  [alembic_index_ops] {ON_JOBS}: building concurrently as "ix_building_'
    )
    assert named.startswith(f"INFO  [alembic_index_ops] {ON_JOBS}: valid, built in ")
    assert "━" not in "".join(terminal.lines)
    assert [line for line in terminal.lines if WRITERS in line] == []


def test_a_terminal_shows_a_drop(database: Database, project: Project) -> None:
    project.upgrade()

    with (
        in_transaction(database, "SELECT 1 FROM jobs") as reader,
        on_terminal(project, "downgrade", "base") as terminal,
    ):
        stage = eventually(
            lambda: terminal.line("waiting for transactions that use the table, 1 s so far")
        )
        bar, _, waiting = terminal.lines[terminal.lines.index(stage) - 1 :]
        pid = reader.info.backend_pid
        reader.execute("ROLLBACK")
        assert terminal.end() == 0

    assert bar == f"ix {'━' * 197}"
    assert waiting.startswith(
        f"  waiting for pid {pid} (postgres, no application name, idle in transaction, its trans"
    )
    started, users, dropped = log_of(terminal)
    assert started.endswith(f"{ON_JOBS}: dropping concurrently, after all that use the table now")
    assert f"{ON_JOBS}: the drop waits for those that use the table now: pid {pid} (" in users
    assert dropped.endswith(f"{ON_JOBS}: dropped")
    assert terminal.cursor_shown
    assert "━" not in "".join(terminal.lines)


def test_a_terminal_shows_who_has_the_table_s_lock(database: Database, project: Project) -> None:
    with (
        in_transaction(database, "LOCK TABLE jobs IN SHARE UPDATE EXCLUSIVE MODE") as other,
        on_terminal(project, "upgrade", "head") as terminal,
    ):
        eventually(lambda: terminal.line("waiting for pid"))
        *_, bar, stage, waiting = terminal.lines
        pid = other.info.backend_pid
        other.execute("ROLLBACK")
        assert terminal.end() == 0

    assert bar == f"ix {'━' * 197}"
    assert re.fullmatch(r"  waiting for the table's lock, \d s so far", stage)
    assert waiting.startswith(
        f"  waiting for pid {pid} (postgres, no application name, idle in tra"
    )
    assert [line for line in terminal.lines if "table's lock" in line] == []


TELLING = '''
import logging
from alembic_index_ops import hookimpl


class Listener:
    """Says something of each event, on both of the outputs and in the log."""

    number = 0

    @hookimpl
    def index_ops_event(self, event):
        self.number += 1
        logging.getLogger("alembic").info("logged %d %s", self.number, "x" * 60)
        print(f"printed {self.number}", flush=True)
'''


def test_what_others_write_meanwhile_is_whole(project: Project, writer: psycopg.Connection) -> None:
    (project.directory / "telling.py").write_text(TELLING)
    project.edit_env(
        (CONFIGURE, f"{CONFIGURE}, index_ops={{'listeners': [Listener()]}}"),
        (
            "from alembic import context",
            "from alembic import context\nfrom telling import Listener",
        ),
    )

    with on_terminal(project, "upgrade", "head", columns=70) as terminal:
        eventually(lambda: terminal.line(WRITERS) and terminal.line("printed 9"))
        writer.execute("ROLLBACK")
        assert terminal.end() == 0

    lines = terminal.lines
    count = sum(line.startswith("printed ") for line in lines)
    # A line of the log is longer than one of the terminal.
    expected = [
        part
        for number in range(1, count + 1)
        for line in (f"INFO  [alembic] logged {number} {'x' * 60}",)
        for part in (line[:70], line[70:], f"printed {number}")
    ]
    assert count >= 9
    ours = [line for line in lines if line in expected]
    assert ours == expected
    assert "━" not in "".join(lines)


def test_a_build_that_is_given_up_leaves_the_terminal_as_it_was(
    project: Project, writer: psycopg.Connection
) -> None:
    with on_terminal(project, "-x", "index_ops.drain_timeout=1s", "upgrade", "head") as terminal:
        assert terminal.end() == 255

    assert terminal.cursor_shown
    assert "━" not in "".join(terminal.lines)
    assert terminal.line(f"FAILED: {ON_JOBS} was not built: older transactions did not end within")


def test_ctrl_c_gives_the_cursor_back(project: Project, writer: psycopg.Connection) -> None:
    with on_terminal(project, "upgrade", "head") as terminal:
        eventually(lambda: terminal.line(WRITERS))
        assert not terminal.cursor_shown
        terminal.process.send_signal(signal.SIGINT)
        terminal.end()

    assert terminal.cursor_shown
    assert "━" not in "".join(terminal.lines)
    assert terminal.line("WARNI [alembic_index_ops]", f"{ON_JOBS}: interrupted; INVALID index")


WITHOUT_RICH = """\
import sys
sys.modules["rich"] = None
from alembic.config import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("environment", "program"),
    [
        ({"TERM": "dumb"}, ()),
        ({"TERM": "unknown"}, ()),
        ({}, (sys.executable, "-c", WITHOUT_RICH)),
    ],
    ids=["a dumb terminal", "an unknown terminal", "without rich"],
)
def test_where_nothing_can_be_drawn_the_log_tells_the_progress(
    project: Project,
    writer: psycopg.Connection,
    environment: dict[str, str],
    program: tuple[str, ...],
) -> None:
    with on_terminal(
        project, "upgrade", "head", environment=environment, program=program
    ) as terminal:
        eventually(lambda: terminal.line(WRITERS))
        writer.execute("ROLLBACK")
        assert terminal.end() == 0

    assert_progress_is_logged(terminal.lines, writer)


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1", "TERM": "xterm"}])
def test_without_a_terminal_the_log_tells_the_progress(
    project: Project,
    writer: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with project.start("upgrade", "head") as process:
        lines = []
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if WRITERS in line:
                writer.execute("ROLLBACK")

    assert process.returncode == 0
    assert_progress_is_logged(lines, writer)


def assert_progress_is_logged(lines: list[str], writer: psycopg.Connection) -> None:
    """Once, for a stage of less than ten seconds; and nothing was drawn."""
    whole = "\n".join(lines)
    assert "\x1b" not in whole
    assert "━" not in whole
    [line] = [line for line in lines if WRITERS in line]
    assert re.match(
        rf"INFO  \[alembic_index_ops\] {re.escape(ON_JOBS)}: {WRITERS}, 1(\.\d)? s so far; waiting"
        rf" for pid {writer.info.backend_pid} \(postgres, no application name, idle in",
        line,
    )


class Failing:
    """A listener that has a fault."""

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        raise ZeroDivisionError(type(event).__name__)

    def __repr__(self) -> str:
        return "Failing()"


class Misspelt:
    @hookimpl
    def index_ops_evnt(self, event: Event) -> None: ...


class AskingForMore:
    @hookimpl
    def index_ops_event(self, event: Event, when: float) -> None: ...


@pytest.fixture
def configured(project: Project) -> Project:
    """A project that takes what it gives to `context.configure` from the test."""
    given = 'index_ops=context.config.attributes["index_ops"]'
    project.edit_env((CONFIGURE, f"{CONFIGURE}, {given}"))
    return project


def hear(project: Project, listener: Listener, method: str = "upgrade") -> list[Event]:
    """What the listener hears of the command, without progress and measured times."""
    getattr(project, method)(index_ops={"listeners": [listener]})
    return [
        replace(event, seconds=0.0) if isinstance(event, Named) else event
        for event in listener.heard
        if not isinstance(event, Progress)
    ]


def test_listeners_hear_of_a_build(
    database: Database, configured: Project, writer: psycopg.Connection
) -> None:
    pid = writer.info.backend_pid
    listener = Listener(
        lambda event: end(writer) if isinstance(event, Progress) and event.waiting_for else None
    )

    heard = hear(configured, listener)

    aside = next(aside_names(define_index("ix", "jobs", ["org"], where="org % 2 = 1")))
    on_jobs = ("ix", '"public"."jobs"')
    assert heard == [BuildStarted(*on_jobs, aside=aside), Named(*on_jobs, seconds=0.0)]
    progress = listener.of(Progress)
    assert {(event.index, event.table) for event in progress} == {on_jobs}
    assert len({event.pid for event in progress}) == 1
    assert [event.seconds for event in progress] == sorted(event.seconds for event in progress)
    waited = next(event for event in progress if event.waiting_for)
    [blocker] = waited.waiting_for
    assert (waited.stage, waited.done, waited.total, waited.unit) == (WRITERS, 0, 0, "")
    assert (blocker.pid, blocker.user, blocker.application, blocker.state, blocker.query) == (
        pid, "postgres", "", "idle in transaction", "INSERT INTO jobs VALUES (0, 0)"
    )  # fmt: skip
    assert listener.heard.index(progress[0]) == 1
    assert isinstance(listener.heard[-1], Named)


def test_listeners_hear_of_a_drop(database: Database, configured: Project) -> None:
    configured.upgrade(index_ops={})
    with in_transaction(database, "SELECT 1 FROM jobs") as reader:
        pid = reader.info.backend_pid
        listener = Listener(
            lambda event: end(reader) if isinstance(event, Progress) and event.waiting_for else None
        )

        started, users, dropped = hear(configured, listener, "downgrade")

    on_jobs = ("ix", '"public"."jobs"')
    assert started == DropStarted(*on_jobs, concurrently=True)
    assert isinstance(users, TableUsers)
    assert [(user.pid, user.query) for user in users.users] == [(pid, "SELECT 1 FROM jobs")]
    assert dropped == Dropped(*on_jobs)
    waited = next(event for event in listener.of(Progress) if event.waiting_for)
    assert waited.stage == "waiting for transactions that use the table"
    assert [blocker.pid for blocker in waited.waiting_for] == [pid]


def test_a_listener_that_fails_breaks_nothing(
    database: Database, configured: Project, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = Listener(), Listener()

    configured.upgrade(index_ops={"listeners": [before, Failing(), after]})

    assert indexes(database)["ix"].state == "valid"
    assert revisions(database) == {"a"}
    assert before.heard == after.heard
    assert [type(event) for event in before.heard if not isinstance(event, Progress)] == [
        BuildStarted,
        Named,
    ]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in errors] == [
        f"listener Failing() failed on {type(event).__name__}; the build goes on"
        for event in before.heard
    ]
    assert "ZeroDivisionError: BuildStarted" in (errors[0].exc_text or caplog.text)


@pytest.mark.parametrize(
    ("listeners", "message"),
    [
        ([object()], " listens to nothing; give an object with a method `index_ops_event(self, "),
        ([Listener], " is a class; give an object of it: Listener()"),
        ([Misspelt()], " does not fit: unknown hook 'index_ops_evnt'"),
        ([AskingForMore()], " does not fit: Plugin "),
        (Listener(), " give a list of objects"),
        ("my_project.listeners", "listeners is 'my_project.listeners'; give a list of objects"),
        ({"a": Listener()}, " give a list of objects"),
    ],
)
def test_what_is_no_listener_is_an_error_before_anything_is_changed(
    database: Database, configured: Project, listeners: object, message: str
) -> None:
    configured.revision("a", f'op.execute("CREATE TABLE made ()")\n{CREATE}', down=None)

    with pytest.raises(ArgumentError) as refused:
        configured.upgrade(index_ops={"listeners": listeners})

    assert str(refused.value).startswith("context.configure(index_ops=")
    assert message in str(refused.value)
    assert rows(database, "SELECT to_regclass('made')") == [(None,)]
    assert indexes(database) == {}
    assert revisions(database) == set()


def test_what_is_no_listener_is_an_error_of_a_drop_too(
    database: Database, configured: Project
) -> None:
    configured.upgrade(index_ops={})

    with pytest.raises(ArgumentError, match="listens to nothing"):
        configured.downgrade(index_ops={"listeners": [object()]})

    assert indexes(database)["ix"].state == "valid"
    assert revisions(database) == {"a"}


def end(session: psycopg.Connection) -> None:
    """End its transaction, if that is open."""
    if session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
        session.execute("ROLLBACK")
