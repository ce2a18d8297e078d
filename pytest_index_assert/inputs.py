"""What decides how a migrated database comes out, as digests: same inputs, same database.

Most is known before: the revision files, the configuration, the versions. The rest, which code
env.py imports, which files and variables it reads, is seen while it runs, and noted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config

SERVER_VARIABLE = "PGSERVER_POSTGRES_VERSION"

_IGNORED_PREFIXES = ("PYTEST_", "INDEX_ASSERT_")
# They differ from shell to shell.
_IGNORED_VARIABLES = frozenset({"_", "OLDPWD", "SHLVL"})
_METADATA = (".dist-info", ".egg-info")
_BYTE_CODE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Reads:
    """The files and variables that a migration read, also those that were not there."""

    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Iterable[str], variables: Iterable[str], own: str | None) -> Reads:
        """Without what differs in each run: pytest's variables, and `own`, which names our URL."""
        names = {
            name
            for name in variables
            if name != own
            and name not in _IGNORED_VARIABLES
            and not name.startswith(_IGNORED_PREFIXES)
        }
        return cls(tuple(sorted(set(files))), tuple(sorted(names)))


def digest_job(job: dict[str, Any], config: Config, variable: str | None) -> str:
    """Of all that is known before a migration: 64 hex digits. URLs and sys.path do not count."""
    sections = {
        section: {name: value for name, value in options.items() if name != "sqlalchemy.url"}
        for section, options in job["sections"].items()
    }
    known = {
        **{name: job[name] for name in ("ini_section", "x", "revision", "directory")},
        "sections": sections,
        "variable": variable,
        "files": digest_reads(Reads(tuple(_written(job, config)))),
        "python": [sys.version, sys.prefix, platform.platform()],
        "packages": _installed(),
        "server": os.environ.get(SERVER_VARIABLE),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def digest_reads(reads: Reads) -> str:
    """Of what these files and variables hold now: 64 hex digits."""
    whole = hashlib.sha256()
    for name in reads.files:
        try:
            content = Path(name).read_bytes()
        except OSError:
            content = b"\0absent"
        whole.update(hashlib.sha256(os.fsencode(name)).digest())
        whole.update(hashlib.sha256(content).digest())
    for name in reads.variables:
        known = json.dumps([name, os.environ.get(name)])
        whole.update(hashlib.sha256(known.encode()).digest())
    return whole.hexdigest()


def _written(job: dict[str, Any], config: Config) -> Iterator[str]:
    """The configuration's files, and all files of the migrations."""
    yield from (name for name in (job["ini"], job["toml"]) if name is not None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        locations = [config.get_alembic_option("script_location")]
        locations += config.get_version_locations_list() or []
    for location in filter(None, locations):
        for root in _directories(str(location), Path(job["directory"])):
            for directory, inner, names in os.walk(root):
                inner[:] = sorted(name for name in inner if name != _BYTE_CODE)
                yield from (os.path.join(directory, name) for name in sorted(names))


def _directories(location: str, start: Path) -> list[Path]:
    """Where `migrations`, or `package:migrations`, is."""
    path = start / location
    package, colon, inside = location.partition(":")
    if not colon or path.exists():
        return [path]
    found = importlib.util.find_spec(package)
    homes = None if found is None else found.submodule_search_locations
    return [Path(home, *inside.split(":")) for home in homes or ()]


def _installed() -> list[str]:
    """Every installed distribution, with its version in its name."""
    names: set[str] = set()
    for entry in sys.path:
        try:
            names |= {name for name in os.listdir(entry) if name.endswith(_METADATA)}
        except OSError:
            continue
    return sorted(names)
