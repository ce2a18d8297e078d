from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readme.blocks import read_blocks

# The matrix names an interpreter that has the other plugins installed beside the project.
PYTHON = os.environ.get("INDEX_OPS_TEST_NEIGHBOURS")

# What pytest-asyncio has to say about itself where nothing is configured.
OWN_WARNING = 'ignore:The configuration option "asyncio:pytest.PytestDeprecationWarning'

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ENV_PY = """
from alembic import context
from sqlalchemy import create_engine

config = context.config
engine = config.attributes.get("connection") or create_engine(
    config.get_main_option("sqlalchemy.url")
)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
REVISION = """
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE jobs (id int PRIMARY KEY, org_id int)")
    op.execute("CREATE INDEX ix_jobs_org ON jobs (org_id)")


def downgrade():
    op.execute("DROP TABLE jobs")
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("-k", "...")` runs pytest beside the other plugins; every warning is an error in it."""
    if PYTHON is None:
        pytest.skip("python -m matrix neighbours installs the other plugins and runs this")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(ENV_PY)
    (tmp_path / "migrations" / "versions" / "0001.py").write_text(REVISION)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            PYTHON,
            "-m",
            "pytest",
            "-W",
            "error",
            "-W",
            OWN_WARNING,
            "--strict-markers",
            "-rA",
            *arguments,
        ]
        environment = {
            name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"
        }
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        if done.returncode:
            pytest.fail(f"{arguments}\n{done.stdout}{done.stderr}", pytrace=False)
        return done

    return run


def readme(what: str) -> str:
    """The README's fixture for one of the plugins."""
    [block] = [block for block in read_blocks() if block.how == "neighbour" and block.what == what]
    return block.text
