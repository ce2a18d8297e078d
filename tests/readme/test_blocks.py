"""Every code block of the README, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import indent

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alembic_index_ops import ArgumentError, events
from alembic_index_ops.settings import SETTING_NAMES
from tests.observe import adopted_by, execute, indexes, revisions
from tests.projects import Project
from tests.readme.blocks import ROOT, Block, read_blocks
from tests.readme.conftest import (
    MIGRATE,
    TABLES,
    UNIQUE,
    as_shown,
    backend_waiting,
    covering_operation,
    reading,
)
from tests.servers import Database

BLOCKS = read_blocks()
BIN = Path(sys.executable).parent


def blocks(*hows: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.how in hows]
    assert found, f"README has no block of {hows}"
    return pytest.mark.parametrize("block", found, ids=str)


def run(command: str, directory: Path, **variables: str) -> None:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(
        command, shell=True, cwd=directory, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def commands(block: Block) -> list[str]:
    return [line.split("#")[0].strip() for line in block.text.splitlines() if line.strip()]


def test_every_block_says_how_it_is_tested() -> None:
    known = {
        "make", "install", "file", "shell", "operation", "sent", "configure", "adopted",
        "log", "deploy", "listener", "message", "failure", "mako", "model", "migration", "sends",
        "autogenerate", "generated", "neighbour", "kept", "blame", "finding",
    }  # fmt: skip

    assert [str(block) for block in BLOCKS if block.how not in known] == []


def test_every_setting_and_every_event_is_named() -> None:
    readme = (ROOT / "README.md").read_text()
    names = (*SETTING_NAMES, *set(events.__all__) - {"Event", "Report"})

    assert [name for name in names if f"`{name}`" not in readme] == []


@blocks("make")
def test_make_knows_the_commands(block: Block) -> None:
    for command in commands(block):
        run(command.replace("make", "make -n"), ROOT)


@blocks("install")
def test_pip_knows_the_extras(block: Block) -> None:
    for command in commands(block):
        local = command.replace("alembic-index-ops", str(ROOT)).replace('"', "'")
        run(f"{sys.executable} -m {local} --dry-run --no-deps --no-build-isolation -q", ROOT)


@pytest.mark.slow
def test_following_the_readme(reader: Project) -> None:
    """One project, block after block: files are written, commands run."""
    variables = {"DATABASE_URL": reader.url}
    for block in BLOCKS:
        if block.how == "file":
            path, _, then = block.what.partition(" && ")
            (reader.directory / path).write_text(block.text)
            if path.endswith("0002_index_jobs.py"):
                reader.revision("0003", covering_operation(), down="0002")
            if then:
                run(then, reader.directory, **variables)
        elif block.how == "shell":
            for command in commands(block):
                run(command, reader.directory, **variables)


OPERATIONS = [block for block in BLOCKS if block.how == "operation"]
SENT = [block for block in BLOCKS if block.how == "sent"]


@pytest.mark.parametrize(("operation", "sent"), list(zip(OPERATIONS, SENT, strict=True)), ids=str)
def test_an_operation_sends_what_is_shown(
    operation: Block, sent: Block, project: Project, tables: Database
) -> None:
    if "drop_concurrent_index" in operation.text:
        execute(tables, "CREATE INDEX ix_jobs_org_created ON content_jobs (org_id)")
    project.revision("0003", operation.text)

    assert changes(project) == sent.text


MIGRATIONS = {block.what: block for block in BLOCKS if block.how == "migration"}
SENDS = {block.what: block for block in BLOCKS if block.how == "sends"}
FOUND = 'CREATE INDEX "ix_jobs_org_created" ON content_jobs (org_id, created_at)'
EVENTS = [
    "CREATE TABLE events (id int, at timestamptz) PARTITION BY RANGE (at)",
    "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-1-1') TO ('2026-1-1')",
    "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-1-1') TO ('2027-1-1')",
    "INSERT INTO events SELECT i, timestamptz '2025-12-29' + i * interval '1 min'"
    " FROM generate_series(1, 8000) i",
]
BEFORE = {
    "replace": [FOUND],
    "rename": [FOUND],
    "reindex": [FOUND],
    "constraint": [],
    "many": [],
    "partitioned": EVENTS,
    "replace-partitioned": [
        *EVENTS,
        "CREATE INDEX ix_events_at ON events (at DESC)",
        "ALTER INDEX events_2025_at_idx RENAME TO ix_events_at_events_2025",
        "ALTER INDEX events_2026_at_idx RENAME TO ix_events_at_events_2026",
    ],
}


@pytest.mark.parametrize("block", MIGRATIONS.values(), ids=str)
def test_a_migration_there_and_back(block: Block, project: Project, tables: Database) -> None:
    execute(tables, *BEFORE[block.what])
    before = definitions(tables)
    (project.directory / "migrations" / "versions" / "0003.py").write_text(
        "from alembic_index_ops import define_index, op\n\n"
        f"revision = '0003'\ndown_revision = None\n\n{block.text}"
    )

    sent = changes(project)

    if block.what in SENDS:  # the order in which several workers send is nobody's promise
        assert without_looks(sent) == SENDS[block.what].text
    if block.what != "reindex":
        assert definitions(tables) != before
    project.downgrade()
    assert definitions(tables) == before


def without_looks(sent: str) -> str:
    """Without the locks that stop nobody, and with the name that the README has for the old one."""
    told = re.sub(r"LOCK [^;]* (SHARE UPDATE EXCLUSIVE MODE|NOWAIT)( NOWAIT)?;\n", "", sent)
    return re.sub(r"_replaced_\w{8}", "_replaced_adec9256", told)


def definitions(tables: Database) -> dict[str, tuple[str, str]]:
    return {name: (seen.definition, seen.state) for name, seen in indexes(tables).items()}


def changes(project: Project) -> str:
    """The statements of an upgrade that change, or lock to change, each on a line."""
    statements: list[str] = []

    def listen(*event: object) -> None:
        statements.append(str(event[2]))

    sa.event.listen(Engine, "before_cursor_execute", listen)
    try:
        project.upgrade()
    finally:
        sa.event.remove(Engine, "before_cursor_execute", listen)

    changing = re.compile(r"(LOCK|CREATE (UNIQUE )?INDEX|REINDEX|ALTER|COMMENT|DROP|DO|ANALYZE) ")
    return "".join(
        f"{part};\n"
        for statement in statements
        if changing.match(statement)
        for part in unwrap(statement)
    )


def unwrap(statement: str) -> list[str]:
    """The statements inside our DO block; any other statement as it is."""
    if not statement.startswith("DO "):
        return [statement]
    body = statement[len("DO '") : -1].replace("''", "'")
    return body.partition("END IF; ")[2].removesuffix("; END").split("; ")


def configure(project: Project, block: Block) -> None:
    """Put the block's call in the place of the one that env.py has."""
    shipped = re.search(
        r"context\.configure\(\s*connection=connection.*?\)\n", project.env.read_text(), re.DOTALL
    )
    assert shipped is not None
    project.edit_env((shipped[0].strip(), block.text.strip()))


@blocks("configure")
def test_env_py_takes_the_settings(block: Block, project: Project, tables: Database) -> None:
    configure(project, block)
    project.revision("0002", 'op.create_concurrent_index("ix", "users", ["name"])')

    project.upgrade()
    project.edit_env(('"lock_timeout"', '"lock_timeouts"'))
    project.revision("0003", 'op.drop_concurrent_index("ix", "users")')

    assert indexes(tables)["ix"].state == "valid"
    with pytest.raises(ArgumentError, match="there is no setting 'lock_timeouts'"):
        project.upgrade()


@blocks("listener")
def test_a_listener_hears_of_a_build(block: Block, project: Project) -> None:
    listening = next(b.text for b in BLOCKS if b.what == "listening.py")
    (project.directory / "listening.py").write_text(listening)
    configure(project, block)
    importing = ("config = context.config\n", "from listening import Timings\n")
    project.edit_env((importing[0], "".join(importing)))
    project.revision("0003", UNIQUE)

    status, output = project.run("upgrade", "head")

    assert status == 0, output
    timings = (project.directory / "timings.txt").read_text()
    assert re.fullmatch(r"ix_users_email \d+\.\d\n", timings)


@blocks("log")
def test_the_log_lines_of_a_build(block: Block, project: Project, tables: Database) -> None:
    project.revision("0003", UNIQUE)

    with reading(tables) as reader, project.start("upgrade", "head") as upgrade:
        backend_waiting(tables, "CREATE UNIQUE INDEX")
        time.sleep(1.2)  # what is over within a second has no line for its stages
        reader.execute("COMMIT")
        output, _ = upgrade.communicate(timeout=60)

    lines = [line for line in output.splitlines(keepends=True) if "[alembic_index_ops]" in line]
    assert seconds_as_shown(as_shown("".join(lines))) == block.text


def seconds_as_shown(lines: str) -> str:
    return re.sub(r"[\d.]+ s( so far|\n)", r"1 s\1", lines)


@blocks("deploy")
def test_two_deployers_end_well(block: Block, project: Project, tables: Database) -> None:
    lock = "        from alembic_index_ops import deploy_lock\n" + indent(block.text, " " * 8)
    project.edit_env((MIGRATE, lock))
    project.revision("0003", UNIQUE)
    command = ("-x", "index_ops.drain_timeout=20s", "upgrade", "head")

    with reading(tables) as reader, project.start(*command) as first:
        backend_waiting(tables, "CREATE UNIQUE INDEX")
        with project.start(*command) as second:
            assert second.stdout is not None
            waits = any("deploy_lock: another deployment" in line for line in second.stdout)
            reader.execute("COMMIT")
            ended = [each.wait(60) for each in (first, second)]

    assert (waits, ended) == (True, [0, 0])
    assert revisions(tables) == {"0003"}


@blocks("adopted")
def test_the_comment_of_an_adopted_index(block: Block, project: Project, tables: Database) -> None:
    create = 'op.create_concurrent_index("ix", "users", ["name"])'
    project.revision("0003", create)
    project.revision("0004", create)

    project.upgrade()

    assert f"{indexes(tables)['ix'].comment}\n" == block.text
    assert adopted_by("0004") in block.text


def block_of(how: str) -> Block:
    [found] = [block for block in BLOCKS if block.how == how]
    return found


def declare_models(project: Project) -> None:
    """The README's model, and env.py with the README's lines for autogenerate."""
    (project.directory / "models.py").write_text(
        "from datetime import datetime\n"
        "from alembic_index_ops import index, key\n"
        "from sqlalchemy import DateTime, Index, Text\n"
        "from sqlalchemy.orm import Mapped, mapped_column, DeclarativeBase\n\n"
        f"class Base(DeclarativeBase):\n    pass\n\n{block_of('model').text}"
    )
    comment = "# from alembic_index_ops import separate_indexes"
    configure = indent(block_of("autogenerate").text, " " * 8)
    assert comment[2:] in configure
    old = "        context.configure(\n            connection=connection, target_metadata="
    project.edit_env(
        (
            "target_metadata = None",
            f"{comment[2:]}\nfrom models import Base\ntarget_metadata = Base.metadata",
        ),
        (f"{old}target_metadata\n        )\n", configure),
    )


def test_autogenerate_writes_what_is_shown(project: Project, tables: Database) -> None:
    execute(
        tables,
        "DROP TABLE users, documents",
        "CREATE INDEX ix_jobs_org_created ON content_jobs (org_id, created_at)",
        "CREATE INDEX ix_jobs_created ON content_jobs (created_at) INCLUDE (title)",
    )
    before = definitions(tables)
    declare_models(project)

    assert project.run("revision", "--autogenerate")[0] == 0

    [written] = (project.directory / "migrations" / "versions").glob("*.py")
    text = written.read_text()
    shown = re.sub(r' *("""|#).*\n', "", text[text.index("def upgrade") :])
    assert shown == block_of("generated").text
    assert project.run("upgrade", "head")[0] == 0
    assert project.run("check")[0] == 0
    assert project.run("downgrade", "base")[0] == 0
    assert definitions(tables) == before


@blocks("mako")
def test_the_line_for_typed_projects(block: Block, project: Project) -> None:
    template = project.directory / "migrations" / "script.py.mako"
    source = template.read_text()
    assert "from alembic import op\n" in source
    template.write_text(source.replace("from alembic import op\n", block.text))

    status, output = project.run("revision", "-m", "typed")

    assert status == 0, output
    (revision,) = (project.directory / "migrations" / "versions").glob("*_typed.py")
    assert block.text in revision.read_text()
    compile(revision.read_text(), str(revision), "exec")
    project.upgrade()


@blocks("failure")
def test_the_failure_that_is_shown(block: Block, project: Project, tables: Database) -> None:
    execute(tables, "CREATE INDEX ix_jobs_org_created ON content_jobs (org_id, created_at)")
    project.revision("0001", "pass")
    project.upgrade()
    smallest = next(b.text for b in BLOCKS if b.what == "tests/test_indexes.py")
    (project.directory / "test_indexes.py").write_text(smallest)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--no-header",
         f"--index-assert-url={tables.url}"],
        cwd=project.directory, text=True, capture_output=True,
    )  # fmt: skip

    assert done.returncode == 1
    assert block.text.strip()
    assert block.text in done.stdout


def test_the_neighbours_fixtures_are_python() -> None:
    """They run in tests/neighbours, where the other plugins are installed."""
    found = [block for block in BLOCKS if block.how == "neighbour"]
    assert [block.what for block in found] == ["pytest-alembic", "pytest-postgresql"]
    for block in found:
        compile(block.text, str(block), "exec")


def fail_on_the_own_server(project: Project, *options: str) -> str:
    """What pytest writes when the README's smallest test fails on the plugin's own server."""
    project.revision("0001", f"op.execute({TABLES[0]!r})")
    index = '("ix_jobs_org_created", "content_jobs", ["org_id", "created_at{}"])'
    project.revision("0002", f"op.create_desc_index{index.format(' DESC')}")
    project.revision("0003", f"op.replace_index{index.format('')}")
    smallest = next(b.text for b in BLOCKS if b.what == "tests/test_indexes.py")
    (project.directory / "test_indexes.py").write_text(smallest)
    with tempfile.TemporaryDirectory(prefix="embedded-") as directory:
        Path(directory).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options],
            cwd=project.directory, text=True, capture_output=True,
            env={**os.environ, "TMPDIR": directory},
        )  # fmt: skip
        assert done.returncode == 1, done.stdout
        for line in re.findall(r"to stop and remove it: (.*)", done.stdout):
            subprocess.run(line, shell=True, check=True)
    return done.stdout.replace(directory.replace("/", "%2F"), "%2Ftmp").replace(directory, "/tmp")


@pytest.mark.slow
def test_the_blame_that_is_shown(project: Project) -> None:
    assert block_of("blame").text in fail_on_the_own_server(project, "--index-assert-blame")


@pytest.mark.slow
def test_the_database_that_is_kept(project: Project) -> None:
    shown = fail_on_the_own_server(project, "--index-assert-keep")

    shown = re.sub(r"(index-assert-|-INT )[^%;\n/]+", r"\g<1>4711", shown)
    assert block_of("kept").text in shown


def run_pytest(directory: Path, url: str, *arguments: str) -> str:
    """What pytest prints, when something has failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--no-header", *arguments],
        cwd=directory, text=True, capture_output=True, env={**os.environ, "DATABASE_URL": url},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


VISITS = "CREATE TABLE visits (user_id int REFERENCES users)"


@blocks("finding")
def test_the_finding_that_is_shown(block: Block, tmp_path: Path, tables: Database) -> None:
    execute(tables, VISITS)
    (tmp_path / "conftest.py").write_text(
        f"import pytest\n\n\n@pytest.fixture\ndef index_engine():\n    return {tables.url!r}\n"
    )

    assert block.text in run_pytest(tmp_path, tables.url, "index-assert::foreign_keys")


def test_each_hook_of_the_example_has_its_effect(tmp_path: Path, tables: Database) -> None:
    execute(
        tables,
        VISITS,
        "CREATE TABLE legacy (user_id int REFERENCES users)",
        "CREATE INDEX odd ON content_jobs (title)",
    )
    [example] = [block for block in BLOCKS if block.what == "conftest.py"]
    (tmp_path / "conftest.py").write_text(example.text)

    printed = run_pytest(tmp_path, tables.url, "--index-assert-health=names foreign_keys")

    assert "names: 1 finding\n\nthe name of odd does not begin with ix_\n" in printed
    assert "foreign_keys: 1 finding\n" in printed
    assert "reads the whole table\n  questions: #databases\n" in printed
    assert "  reason: the job list\n" in printed
