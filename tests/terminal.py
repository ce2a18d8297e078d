"""A terminal to run a command on: a real pseudo-terminal, and what a person would see of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.projects import Project

_PIECE = re.compile(
    r"\x1b\[(?P<arguments>[?\d;]*)(?P<command>[A-Za-z])|(?P<text>[^\x00-\x1f\x7f]+)|(?P<control>.)",
    re.DOTALL,
)


class Screen:
    """The lines of a terminal of so many columns, without end; knows what programs here write.

    Raises ValueError for a sequence that it does not know.
    """

    def __init__(self, columns: int) -> None:
        self.cursor_shown = True
        self._columns = columns
        self._cells: list[list[str]] = [[]]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        """The lines as they are now; where a line went on in the next one, each of both."""
        return ["".join(line).rstrip() for line in self._cells]

    def write(self, text: str) -> None:
        """Show it."""
        for piece in _PIECE.finditer(text):
            if piece["text"]:
                for character in piece["text"]:
                    self._put(character)
            elif piece["command"]:
                self._obey(piece["command"], piece["arguments"])
            elif piece["control"] == "\r":
                self._column = 0
            elif piece["control"] == "\n":
                self._down()
            else:
                raise ValueError(f"a terminal is told {piece[0]!r}")

    def _put(self, character: str) -> None:
        if self._column == self._columns:
            self._column = 0
            self._down()
        line = self._cells[self._row]
        line.extend(" " * (self._column + 1 - len(line)))
        line[self._column] = character
        self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._cells):
            self._cells.append([])

    def _obey(self, command: str, arguments: str) -> None:
        if command == "m":
            return
        if (command, arguments) in (("l", "?25"), ("h", "?25")):
            self.cursor_shown = command == "h"
        elif command == "A":
            self._row = max(0, self._row - int(arguments or 1))
        elif (command, arguments) == ("K", "2"):
            self._cells[self._row] = []
        else:
            raise ValueError(f"a terminal is told ESC[{arguments}{command}")


class OnTerminal:
    """A process whose standard error is a terminal, and its standard output too if it is to be."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, columns: int) -> None:
        self.process = process
        self._screen = Screen(columns)
        self._master = master
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def lines(self) -> list[str]:
        """What is on the screen now."""
        return self._screen.lines

    @property
    def cursor_shown(self) -> bool:
        return self._screen.cursor_shown

    def line(self, *words: str) -> str:
        """The first line on the screen that has all these words; empty if there is none yet."""
        return next((line for line in self.lines if all(word in line for word in words)), "")

    def end(self) -> int:
        """Wait for the end of the process, and of what it writes; its exit status."""
        status = self.process.wait(60)
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return status

    def _read(self) -> None:
        rest = b""
        while data := self._read_some():
            # A sequence, or a character, may come in two pieces.
            whole = rest + data
            cut = re.search(rb"(\x1b(\[[?\d;]*)?|[\xc0-\xff][\x80-\xbf]*)$", whole)
            end = len(whole) if cut is None or _is_whole(cut[0]) else cut.start()
            rest = whole[end:]
            try:
                self._screen.write(whole[:end].decode())
            except ValueError as error:
                self._problem = error

    def _read_some(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except OSError:  # The other side is closed.
            return b""


def _is_whole(end: bytes) -> bool:
    try:
        return bool(end.decode()) and not end.startswith(b"\x1b")
    except UnicodeDecodeError:
        return False


@contextmanager
def on_terminal(
    project: Project,
    *arguments: str,
    columns: int = 200,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = (),
) -> Iterator[OnTerminal]:
    """`alembic ...` with a terminal as its standard output and error; ended with the block.

    `program` is what to run in place of `alembic`, in the project's directory.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    # Of what this process has in its environment, nothing that says how to draw.
    drawing = ("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI")
    kept = {name: value for name, value in os.environ.items() if name not in drawing}
    process = subprocess.Popen(
        [*(program or (sys.executable, "-m", "alembic")), *arguments],
        cwd=project.directory,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env={**kept, "TERM": "xterm", **(environment or {})},
    )
    os.close(slave)
    terminal = OnTerminal(process, master, columns)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        terminal._thread.join()
        os.close(master)
