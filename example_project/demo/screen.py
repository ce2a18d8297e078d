"""Output: with rich on a terminal that has it, else plain lines of at most 100 columns."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from example_project.demo.inventory import Build, IndexName, final_name

WIDTH = 100


@dataclass(frozen=True)
class Column:
    """`width` is in characters; what is longer is broken into lines."""

    title: str
    width: int
    right: bool = False


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


class Progress(Protocol):
    def update(self, valid: set[IndexName], builds: Sequence[Build]) -> None: ...


class Screen(Protocol):
    def say(self, line: str = "") -> None: ...

    def show(self, table: Table) -> None: ...

    def progress(self, wanted: Sequence[IndexName]) -> AbstractContextManager[Progress]: ...


def open_screen() -> Screen:
    if sys.stdout.isatty() and find_spec("rich"):
        from example_project.demo.terminal import Terminal

        return Terminal()
    return Plain()


class Plain:
    """One line per event, for log files and for machines without rich."""

    def say(self, line: str = "") -> None:
        print(line, flush=True)

    def show(self, table: Table) -> None:
        self.say(f"\n{table.title}\n")
        self.say(_plain_line([column.title for column in table.columns], table.columns))
        self.say(_plain_line(["-" * column.width for column in table.columns], table.columns))
        for row in table.rows:
            self.say(_plain_line(row, table.columns))

    @contextmanager
    def progress(self, wanted: Sequence[IndexName]) -> Iterator["PlainProgress"]:
        yield PlainProgress(self, wanted)


class PlainProgress:
    """Names every build once, and every index once it is valid."""

    def __init__(self, screen: Plain, wanted: Sequence[IndexName]) -> None:
        self.screen = screen
        self.missing = list(wanted)
        self.announced: set[str] = set()

    def update(self, valid: set[IndexName], builds: Sequence[Build]) -> None:
        for name in [name for name in self.missing if name in valid]:
            self.missing.remove(name)
            self.screen.say(f"  valid     {name.schema}.{name.table}  {name.index}")
        for build in builds:
            if build.index not in self.announced:
                self.announced.add(build.index)
                index = final_name(build, self.missing)
                self.screen.say(f"  building  {build.schema}.{build.table}  {index}")


def _plain_line(cells: Sequence[str], columns: Sequence[Column]) -> str:
    """A row of a table, with as many lines as its highest cell."""
    blocks = [
        [part for line in cell.splitlines() for part in _wrapped(line, column.width)]
        for cell, column in zip(cells, columns, strict=True)
    ]
    lines = []
    for number in range(max(map(len, blocks))):
        parts = [block[number] if number < len(block) else "" for block in blocks]
        padded = [
            part.rjust(column.width) if column.right else part.ljust(column.width)
            for part, column in zip(parts, columns, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    """The line in pieces, all of them indented as the first."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, width, subsequent_indent=indent)
