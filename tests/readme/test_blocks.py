"""Every code block of the README, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alembic_index_ops import ArgumentError
from tests.observe import adopted_by, execute, indexes
from tests.projects import Project
from tests.readme.blocks import ROOT, Block, read_blocks
from tests.readme.conftest import covering_operation
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
        "message", "failure", "mako", "model",
    }  # fmt: skip

    assert [str(block) for block in BLOCKS if block.how not in known] == []


@blocks("make")
def test_make_knows_the_commands(block: Block) -> None:
    for command in commands(block):
        run(command.replace("make", "make -n"), ROOT)


@blocks("install")
def test_pip_knows_the_extras(block: Block) -> None:
    for command in commands(block):
        local = command.replace("alembic-index-ops", str(ROOT)).replace('"', "'")
        run(f"{sys.executable} -m {local} --dry-run --no-deps --no-build-isolation -q", ROOT)


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
    statements: list[str] = []

    def listen(*event: object) -> None:
        statements.append(str(event[2]))

    sa.event.listen(Engine, "before_cursor_execute", listen)
    try:
        project.upgrade()
    finally:
        sa.event.remove(Engine, "before_cursor_execute", listen)

    changing = re.compile(r"(LOCK|CREATE (UNIQUE )?INDEX|DROP|DO) ")
    assert (
        "".join(
            f"{part};\n"
            for statement in statements
            if changing.match(statement)
            for part in unwrap(statement)
        )
        == sent.text
    )


def unwrap(statement: str) -> list[str]:
    """The statements inside our DO block; any other statement as it is."""
    if not statement.startswith("DO "):
        return [statement]
    body = statement[len("DO '") : -1].replace("''", "'")
    return body.partition("END IF; ")[2].removesuffix("; END").split("; ")


@blocks("configure")
def test_env_py_takes_the_settings(block: Block, project: Project, tables: Database) -> None:
    shipped = re.search(
        r"context\.configure\(\s*connection=connection.*?\)\n", project.env.read_text(), re.DOTALL
    )
    assert shipped is not None
    project.edit_env((shipped[0].strip(), block.text.strip()))
    project.revision("0002", 'op.create_concurrent_index("ix", "users", ["name"])')

    project.upgrade()
    project.edit_env(('"lock_timeout"', '"lock_timeouts"'))
    project.revision("0003", 'op.drop_concurrent_index("ix", "users")')

    assert indexes(tables)["ix"].state == "valid"
    with pytest.raises(ArgumentError, match="there is no setting 'lock_timeouts'"):
        project.upgrade()


@blocks("adopted")
def test_the_comment_of_an_adopted_index(block: Block, project: Project, tables: Database) -> None:
    create = 'op.create_concurrent_index("ix", "users", ["name"])'
    project.revision("0003", create)
    project.revision("0004", create)

    project.upgrade()

    assert f"{indexes(tables)['ix'].comment}\n" == block.text
    assert adopted_by("0004") in block.text


@blocks("model")
def test_autogenerate_is_quiet_where_the_model_declares_the_index(
    block: Block, project: Project, tables: Database
) -> None:
    execute(tables, "DROP TABLE users, documents")
    names = "Mapped, mapped_column, DeclarativeBase"
    (project.directory / "models.py").write_text(
        f"from datetime import datetime\nfrom sqlalchemy import DateTime, Index, Text\n"
        f"from sqlalchemy.orm import {names}\n\n"
        f"class Base(DeclarativeBase):\n    pass\n\n{block.text}"
    )
    project.edit_env(
        ("target_metadata = None", "from models import Base\ntarget_metadata = Base.metadata")
    )
    smallest = next(b.text for b in BLOCKS if b.what.endswith("0002_index_jobs.py"))
    project.revision("0001", "pass")
    (project.directory / "migrations" / "versions" / "0002.py").write_text(smallest)

    assert project.run("upgrade", "head")[0] == 0
    status, output = project.run("check")

    assert (status, "No new upgrade operations detected." in output) == (0, True), output


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
