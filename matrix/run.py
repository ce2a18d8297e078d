"""Runs one cell: an environment of its own, a server of its own, the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from matrix.parts import Absent, find_python, find_server
from matrix.support import Cell, Support, render_requirement

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
PARALLEL = ("-n", "4", "--dist", "worksteal")


class Broken(Exception):
    """The project could not be built or installed."""


@dataclass(frozen=True)
class Result:
    """How one part of the matrix went; `closing` is its last line or why it did not run."""

    title: str
    outcome: Literal["passed", "failed", "not run"]
    closing: str


def run_cell(
    cell: Cell, support: Support, arguments: Sequence[str], cuts: Sequence[str] = ()
) -> Iterator[Result]:
    """Run the tests on one combination of versions, then these modules that cut migrations off."""
    try:
        python = find_python(cell.python)
        bindir = find_server(cell.postgresql, support.servers[cell.postgresql], CACHE)
        variables = {"INDEX_OPS_TEST_BINDIR": str(bindir)}
        with _environment(python, cell.name, "-e", ".[dev]", *cell.requirements) as inside:
            yield _run_tests(str(cell), inside, arguments, variables)
            for each in cuts:
                title = f"{cell.name}: PostgreSQL {cell.postgresql}, {each}"
                yield _run(title, [str(inside), "-m", *each.split()], variables)
    except Absent as absent:
        yield Result(str(cell), "not run", str(absent))
    except Broken as broken:
        yield Result(str(cell), "failed", str(broken))


def run_registration(alembic: str) -> Result:
    """Run the registration tests on the built wheel beside one Alembic and nothing else.

    pytest stays outside, in this very environment; the tests start the other interpreter.
    """
    title = f"registration: Alembic {alembic}"
    try:
        wheel = _build_wheel()
        pin = render_requirement("alembic", alembic)
        with _environment(Path(sys.executable), f"alembic-{alembic}", str(wheel), pin) as inside:
            variables = {"INDEX_OPS_TEST_PYTHON": str(inside)}
            return _run_tests(title, Path(sys.executable), ["tests/registration"], variables)
    except Broken as broken:
        return Result(title, "failed", str(broken))


def run_neighbours(plugins: Sequence[str]) -> Result:
    """Run the tests that need these other plugins of pytest, which are installed nowhere else."""
    title = f"neighbours: {', '.join(plugins)}"
    try:
        wheel = f"{_build_wheel()}[pytest,embedded]"
        with _environment(Path(sys.executable), "neighbours", wheel, *plugins) as inside:
            variables = {"INDEX_OPS_TEST_NEIGHBOURS": str(inside)}
            return _run_tests(title, Path(sys.executable), ["tests/neighbours"], variables)
    except Broken as broken:
        return Result(title, "failed", str(broken))


@contextmanager
def _environment(python: Path, name: str, *requirements: str) -> Iterator[Path]:
    """The interpreter of a fresh virtual environment that is removed afterwards."""
    home = CACHE / "environments" / name
    inside = home / "bin" / "python"
    pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        for command in ([str(python), "-m", "venv", "--clear", str(home)], [*pip, *requirements]):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                raise Broken(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-1000:]}")
        yield inside
    finally:
        shutil.rmtree(home, ignore_errors=True)


@cache
def _build_wheel() -> Path:
    """The wheel of the checkout, built from its sdist, once."""
    home = CACHE / "dist"
    shutil.rmtree(home, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(home), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Broken(f"the wheel does not build:\n{(done.stdout + done.stderr)[-1000:]}")
    return next(home.glob("*.whl"))


def _run_tests(
    title: str, python: Path, arguments: Sequence[str], variables: Mapping[str, str]
) -> Result:
    command = [str(python), "-m", "pytest", "--color=no", *PARALLEL, *arguments]
    return _run(title, command, variables)


def _run(title: str, command: Sequence[str], variables: Mapping[str, str]) -> Result:
    """Run the command, passing its output on as it comes."""
    print(f"\n{title}\n$ {' '.join(command)}", flush=True)
    closing = "nothing ran"
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    ) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            closing = line.strip() or closing
    return Result(title, "failed" if running.returncode else "passed", closing)
