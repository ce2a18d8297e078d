"""Throw-away Alembic projects: what `alembic init` makes, with revisions written from text."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from textwrap import dedent, indent

from alembic import command
from alembic.config import Config

REVISION = """\
import sqlalchemy as sa
from alembic import op
from alembic_index_ops import key

revision = {id!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""


class Project:
    """An Alembic project in `directory`, for the database at `url` (a SQLAlchemy URL).

    Runs in this process (`upgrade`, `downgrade`) or in one of its own (`start`, `run`).
    """

    def __init__(self, directory: Path, url: str, template: str = "generic") -> None:
        self.directory = directory
        self.url = url
        self.env = directory / "migrations" / "env.py"
        self._ini = directory / "alembic.ini"
        config = Config(str(self._ini), cmd_opts=Namespace(quiet=True))
        command.init(config, str(directory / "migrations"), template=template)
        lines = self._ini.read_text().splitlines()
        self._ini.write_text(
            "\n".join(
                f"sqlalchemy.url = {url}" if line.startswith("sqlalchemy.url") else line
                for line in lines
            )
        )
        self._last: str | None = None

    def revision(
        self,
        id: str,
        upgrade: str,
        downgrade: str = "pass",
        down: str | tuple[str, ...] | None = "the one before",
    ) -> None:
        """Write a revision; it follows the one written before, unless `down` says otherwise."""
        text = REVISION.format(
            id=id,
            down=self._last if down == "the one before" else down,
            upgrade=indent(dedent(upgrade).strip(), "    "),
            downgrade=indent(dedent(downgrade).strip(), "    "),
        )
        (self.directory / "migrations" / "versions" / f"{id}.py").write_text(text)
        self._last = id

    def edit_env(self, *replacements: tuple[str, str]) -> None:
        """Replace text in env.py; each old text has to be there exactly once."""
        source = self.env.read_text()
        for old, new in replacements:
            assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in env.py"
            source = source.replace(old, new)
        self.env.write_text(source)

    def upgrade(self, target: str = "heads", *x: str, **attributes: object) -> None:
        """`alembic upgrade`, in this process; `x` is what follows each -x."""
        command.upgrade(self._config(x, attributes), target)

    def downgrade(self, target: str = "base", *x: str, **attributes: object) -> None:
        """`alembic downgrade`, in this process."""
        command.downgrade(self._config(x, attributes), target)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`alembic ...` in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """`alembic ...` in a process of its own: its exit status and what it wrote."""
        with self.start(*arguments) as process:
            output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def config(self, *x: str, **attributes: object) -> Config:
        """The configuration for a command of Alembic's in this process."""
        return self._config(x, attributes)

    def _config(self, x: tuple[str, ...], attributes: dict[str, object]) -> Config:
        # Without a file name env.py leaves the logging of the tests as it is.
        config = Config(cmd_opts=Namespace(x=list(x)))
        config.set_main_option("script_location", str(self.directory / "migrations"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("sqlalchemy.url", self.url.replace("%", "%%"))
        config.attributes.update(attributes)
        return config
