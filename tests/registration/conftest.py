from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The matrix names an interpreter for each Alembic, with nothing installed but the project.
PYTHON = os.environ.get("INDEX_OPS_TEST_PYTHON", sys.executable)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("-c", "...")` runs a fresh interpreter in an empty directory; it has to end well.

    Every warning is an error in it.
    """

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PYTHON, "-W", "error", *arguments], cwd=tmp_path, capture_output=True, text=True
        )
        if done.returncode:
            pytest.fail(f"{arguments}\n{done.stdout}{done.stderr}", pytrace=False)
        return done

    return run
