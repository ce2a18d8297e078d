"""What the pytest plugin adds to a run in which no test uses it, against bare pytest.

Run with `python -m benchmarks.plugin`. The same tests, which do nothing, run in turns without any
plugin and with ours alone, each run a process of its own. Printed: the fastest and the median run
of each, what ours adds, and the ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE, OURS = "bare pytest", "with the plugin"
_ARGUMENTS = {BARE: [], OURS: ["-p", "pytest_index_assert.plugin"]}


def measure(directory: Path, *, runs: int, tests: int) -> dict[str, list[float]]:
    """Seconds of each run."""
    source = "".join(f"def test_{number}():\n    pass\n\n\n" for number in range(tests))
    (directory / "test_nothing.py").write_text(source)
    (directory / "pytest.ini").write_text("[pytest]\n")
    seconds: dict[str, list[float]] = {contender: [] for contender in _ARGUMENTS}
    # The first run of each compiles, and is not counted.
    for number in range(runs + 1):
        for contender, arguments in _ARGUMENTS.items():
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
                cwd=directory,
                env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            if number:
                seconds[contender].append(time.perf_counter() - began)
    return seconds


def show(seconds: dict[str, list[float]]) -> None:
    """Print them."""
    for name, pick in (("fastest", min), ("median", statistics.median)):
        bare, ours = pick(seconds[BARE]), pick(seconds[OURS])
        print(
            f"{name:8} {BARE} {bare * 1000:.1f} ms, {OURS} {ours * 1000:.1f} ms,"
            f" adds {(ours - bare) * 1000:.1f} ms, ratio {ours / bare:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--tests", type=int, default=100)
    arguments = parser.parse_args()
    print(f"{arguments.tests} tests, {arguments.runs} runs")
    with tempfile.TemporaryDirectory() as directory:
        show(measure(Path(directory), runs=arguments.runs, tests=arguments.tests))


if __name__ == "__main__":
    main()
