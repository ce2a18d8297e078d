"""The code blocks of README.md, each with the comment above it that says how it is tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?:<!-- readme: (?P<how>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One code block. `how` is the first word of its comment, `what` the rest."""

    how: str
    what: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.how} {self.what}".strip()


def read_blocks() -> list[Block]:
    """All code blocks, in order; one without a comment has `how` ""."""
    readme = (ROOT / "README.md").read_text()
    return [
        Block(
            *((found["how"] or "").partition(" ")[::2]),
            found["text"],
            readme.count("\n", 0, found.start("text")),
        )
        for found in _BLOCK.finditer(readme)
    ]
