"""`python -m matrix ends | all | registration | neighbours | <cell>... [-- pytest arguments]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from matrix.run import Result, run_cell, run_neighbours, run_registration
from matrix.support import Support, read_support

# Hypothesis draws the same ones in every other run.
_OTHER_EXAMPLES = ("--hypothesis-profile=random",)


def main(arguments: Sequence[str]) -> int:
    """Run the parts asked for; 1 when one failed, or when one asked for by name did not run.

    `all` takes what the machine offers; `ends`, `registration` (beside the Alembic of each end) and
    a cell's name insist.
    """
    support = read_support()
    ours, pytest_arguments = _split(arguments)
    names = [cell.name for cell in (*support.ends, *support.between)]
    parser = argparse.ArgumentParser(prog="python -m matrix", description=__doc__)
    parser.add_argument(
        "part", nargs="+", choices=["ends", "all", "registration", "neighbours", *names]
    )
    parts = parser.parse_args(ours).part
    results = [result for part in parts for result in _run(part, support, pytest_arguments)]
    print("\nThe matrix:", flush=True)
    for result in results:
        print(f"{result.title}: {result.outcome}\n{result.closing}", flush=True)
    accepted = {"passed", "not run"} if parts == ["all"] else {"passed"}
    return 0 if all(result.outcome in accepted for result in results) else 1


def _run(part: str, support: Support, pytest_arguments: Sequence[str]) -> Iterator[Result]:
    if part in ("registration", "ends", "all"):
        ends = dict.fromkeys(cell.alembic for cell in support.ends)
        for alembic in support.versions["alembic"] if part == "all" else ends:
            yield run_registration(alembic)
    if part in ("neighbours", "ends", "all"):
        yield run_neighbours(support.neighbours)
    if part == "all":
        pytest_arguments = [*_OTHER_EXAMPLES, *pytest_arguments]
    servers_cut: set[str] = set()
    for cell in (*support.ends, *support.between):
        if part in ("all", cell.name) or (part == "ends" and cell in support.ends):
            # What comes of a cut, the server decides: each version once.
            cuts = () if cell.postgresql in servers_cut else support.cuts.get(part, ())
            servers_cut.add(cell.postgresql)
            yield from run_cell(cell, support, pytest_arguments, cuts)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    ours = list(arguments)
    if "--" not in ours:
        return ours, []
    at = ours.index("--")
    return ours[:at], ours[at + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
