"""Watches what the migration's process reads, so that a later run can tell if that changed."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Callable
from typing import Any

from pytest_index_assert.inputs import Reads

_WRITING = os.O_WRONLY | os.O_RDWR


def watch_reads(own_variable: str | None) -> Callable[[], Reads]:
    """From now on to the process's end; the returned function tells what was read so far.

    What is installed is left out: its version is known without reading it.
    """
    files: set[str] = set()
    variables: set[str] = set()

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)) and _reads(*arguments[1:]):
            files.add(os.path.abspath(os.fsdecode(arguments[0])))

    sys.addaudithook(audit)
    environment: Any = type(os.environ)
    get = environment.__getitem__

    def watched(self: Any, name: Any) -> Any:
        # subprocess asks for b"PATH" too, which is never there.
        if isinstance(name, str):
            variables.add(name)
        return get(self, name)

    environment.__getitem__ = watched
    installed = tuple(f"{path}{os.sep}" for path in _installed())

    def seen() -> Reads:
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        paths = {os.path.abspath(path) for path in modules if path} | files
        own = {path for path in paths if not path.startswith(installed) and _counts(path)}
        return Reads.of(own, variables, own_variable)

    return seen


def _reads(mode: str | None, flags: int) -> bool:
    return not (set(mode) & set("wax+") if mode is not None else flags & _WRITING)


def _counts(path: str) -> bool:
    """What was looked for in vain counts too, and no device does."""
    regular = os.path.isfile(path) or not os.path.exists(path)
    return regular and not path.endswith(".pyc") and not path.startswith("/proc/")


def _installed() -> set[str]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {sys.prefix, sys.exec_prefix, site.getusersitepackages(), *site.getsitepackages()}
    # An interpreter of the system lives in /usr, and so may a project.
    return {os.path.abspath(path) for path in paths if path not in ("/usr", "/usr/local")}
