"""What a user downloads."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("alembic_index_ops", "pytest_index_assert")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The directory with the sdist, and the wheel that was built from it."""
    home = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(home), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return home


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        yield archive


def in_checkout(package: str) -> set[str]:
    files = (path for path in (ROOT / package).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    names = {name for name in wheel.namelist() if not name.startswith("alembic_index_ops-")}
    assert names == in_checkout("alembic_index_ops") | in_checkout("pytest_index_assert")


def test_both_packages_are_typed(wheel):
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_the_wheel_registers_both_plugins(wheel):
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(entry_points).decode() == (
        "[alembic.plugins]\n"
        "alembic_index_ops = alembic_index_ops.migration.plugin\n"
        "\n"
        "[pytest11]\n"
        "index_assert = pytest_index_assert.plugin\n"
    )


def test_the_sdist_holds_what_make_needs_and_no_caches(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {name.split("/")[0] for name in names} == {
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "PKG-INFO",
        "README.md",
        "alembic_index_ops",
        "benchmarks",
        "example_project",
        "matrix",
        "pyproject.toml",
        "pytest_index_assert",
        "tests",
    }
    assert [name for name in names if "__pycache__" in name or ".cache" in name] == []
