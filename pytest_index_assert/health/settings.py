"""The options of the health checks."""

from __future__ import annotations

from pathlib import Path

import pytest

_WHICH = (
    "the health checks to run: all, or names; ~name leaves one out"
    " (invalid debris foreign_keys duplicates prefix_redundant container_btree partition_leaves"
    " model round_trip)"
)
_BASELINE = "a file of findings that fail no test"
_UPDATE = "write to the baseline what the health checks find now"


def register_health_options(parser: pytest.Parser) -> None:
    """Add the options, and an ini key for each that is no command."""
    group = parser.getgroup("index-assert")
    group.addoption(
        "--index-assert-health", nargs="?", const="all", default=None, metavar="NAMES", help=_WHICH
    )
    group.addoption("--index-assert-health-baseline", default=None, metavar="FILE", help=_BASELINE)
    group.addoption("--index-assert-health-update-baseline", action="store_true", help=_UPDATE)
    parser.addini("index_assert_health", _WHICH)
    parser.addini("index_assert_health_baseline", _BASELINE)


def is_asked(config: pytest.Config) -> bool:
    """Whether the command line itself asks for health checks."""
    return config.getoption("index_assert_health") is not None


def chosen_words(config: pytest.Config) -> str:
    """The checks to run, in the user's words."""
    given: str | None = config.getoption("index_assert_health")
    return str(config.getini("index_assert_health") or "") if given is None else given


def is_updating(config: pytest.Config) -> bool:
    """Whether the baseline is to be written."""
    return bool(config.getoption("index_assert_health_update_baseline"))


def baseline_path(config: pytest.Config) -> Path | None:
    """The baseline's file; one in the ini file lies beside it. It need not exist."""
    asked: str | None = config.getoption("index_assert_health_baseline")
    if asked:
        return config.invocation_params.dir / asked
    written = str(config.getini("index_assert_health_baseline") or "")
    return (config.inipath or config.rootpath / "ini").parent / written if written else None
