"""`python -m matrix.which <cell>`: the interpreter of a cell, for `make test PYTHON=...`."""

from __future__ import annotations

import sys

from matrix.parts import Absent, find_python
from matrix.support import read_support


def main(name: str) -> str:
    """The path of the interpreter; leaves with what is missing where there is none."""
    support = read_support()
    cells = {cell.name: cell for cell in (*support.ends, *support.between)}
    if name not in cells:
        sys.exit(f"{name!r} is no cell of support.toml: {', '.join(cells)}")
    try:
        return str(find_python(cells[name].python))
    except Absent as absent:
        sys.exit(f"{name} cannot run: {absent}")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
