"""The options: command line over environment over ini file, as one frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_index_assert.health.settings import register_health_options

URL_VARIABLE = "INDEX_ASSERT_URL"

_TEXTS = {
    "url": "the database to assert on, as any SQLAlchemy URL of PostgreSQL; it is only read",
    "alembic-ini": "the Alembic configuration (default: alembic.ini or pyproject.toml in rootdir)",
    "revision": "the revision that the database has to be at (default: heads)",
}
_FLAGS = {
    "migrate": "migrate the database of --index-assert-url, instead of verifying its revision",
    "keep": "when a test fails, leave the plugin's own database running, and print its URL",
    "fresh": "migrate anew, instead of taking what an earlier run left in pytest's cache",
    "blame": "on failure, tell which revision made the index, and which lost it (walks them all)",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user configured. `url` may hold a password: it is never part of the repr."""

    url: str | None
    alembic_ini: Path | None
    revision: str
    migrate: bool
    keep: bool
    fresh: bool
    blame: bool
    url_variable: str | None
    root: Path

    def __repr__(self) -> str:
        return f"<Options for {self.root}>"


def register_options(parser: pytest.Parser) -> None:
    """Add the options, and an ini key for each."""
    group = parser.getgroup("index-assert", "index assertions (alembic-index-ops)")
    for name, text in _TEXTS.items():
        group.addoption(f"--index-assert-{name}", default=None, metavar="TEXT", help=text)
        parser.addini(f"index_assert_{name.replace('-', '_')}", text)
    for name, text in _FLAGS.items():
        group.addoption(f"--index-assert-{name}", action="store_true", default=None, help=text)
        parser.addini(f"index_assert_{name}", text, type="bool", default=False)
    register_health_options(parser)
    parser.addini(
        "index_assert_url_env",
        "the environment variable from which env.py reads the database's URL, if it does",
    )


def read_options(config: pytest.Config) -> Options:
    """The options in force: the command line, else the environment, else the ini file."""

    def text(name: str) -> str | None:
        given: str | None = config.getoption(f"index_assert_{name}")
        written: str | None = config.getini(f"index_assert_{name}")
        return given or written

    def flag(name: str) -> bool:
        return bool(
            config.getoption(f"index_assert_{name}") or config.getini(f"index_assert_{name}")
        )

    url = config.getoption("index_assert_url") or os.environ.get(URL_VARIABLE)
    return Options(
        url=url or config.getini("index_assert_url") or None,
        alembic_ini=_alembic_ini(config),
        revision=text("revision") or "heads",
        migrate=flag("migrate"),
        keep=flag("keep"),
        fresh=flag("fresh"),
        blame=flag("blame"),
        url_variable=config.getini("index_assert_url_env") or None,
        root=config.rootpath,
    )


def _alembic_ini(config: pytest.Config) -> Path | None:
    """A path on the command line starts where pytest was called, one in the ini file beside it."""
    asked: str | None = config.getoption("index_assert_alembic_ini")
    if asked:
        return config.invocation_params.dir / asked
    written: str | None = config.getini("index_assert_alembic_ini")
    return (config.inipath or config.rootpath / "ini").parent / written if written else None
