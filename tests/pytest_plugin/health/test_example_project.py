"""The example application: its migrations, its models, and its baseline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_all_health_checks_pass_with_its_baseline() -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "index-assert",
            "--index-assert-alembic-ini=example_project/alembic.ini",
            "--index-assert-health-baseline=example_project/index_health.txt",
        ],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip

    assert "9 passed" in done.stdout, done.stdout
    assert "found no more" not in done.stdout
