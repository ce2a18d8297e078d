"""Python source as black and ruff format leave it: what they would write, they do not touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

BODY_WIDTH = 84
"""The columns of a line in a function's body: 88, less its indent."""

Source = Union[str, "Brackets"]
"""An expression: one that cannot be broken, or one in brackets."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """`opening`, items with commas between them, `closing`: a call, a list, a tuple, a dict.

    `opening` begins with what stands before the bracket, such as "key(" or "include=[".
    `broken` asks for one item a line even where all fit on one.
    """

    opening: str
    items: tuple[Source, ...]
    closing: str
    broken: bool = False


def lay_out(source: Source, width: int = BODY_WIDTH) -> str:
    """The source on one line if that has at most `width` columns, else one item a line.

    https://black.readthedocs.io/en/stable/the_black_code_style/current_style.html
    """
    if isinstance(source, str):
        return source
    line = _one_line(source)
    if line is not None and _columns(line) <= width:
        return line
    # The comma at the end of each line takes a column too.
    items = "".join(f"{lay_out(item, width - 5)},\n" for item in source.items)
    body = "".join(f"    {line}\n" for line in items.split("\n")[:-1])
    return f"{source.opening}\n{body}{source.closing}"


def named(name: str, value: Source) -> Source:
    """`name=value`."""
    return _after(f"{name}=", value)


def call(function: str, arguments: Sequence[Source], keywords: Mapping[str, Source]) -> Brackets:
    """`function(arguments, name=value)`."""
    items = (*arguments, *(named(name, value) for name, value in keywords.items()))
    return Brackets(f"{function}(", items, ")")


def value_source(value: object) -> Source:
    """A text, list, tuple or dict, or any value whose repr() is its source."""
    if isinstance(value, str):
        return text_source(value)
    if isinstance(value, list):
        return Brackets("[", tuple(map(value_source, value)), "]")
    if isinstance(value, tuple) and len(value) > 1:
        return Brackets("(", tuple(map(value_source, value)), ")")
    if isinstance(value, dict):
        pairs = (
            _after(f"{_one_line(value_source(key))}: ", value_source(each))
            for key, each in value.items()
        )
        return Brackets("{", tuple(pairs), "}")
    return repr(value)


def text_source(text: str) -> str:
    """A string in double quotes, or in single ones where that needs fewer backslashes.

    What cannot be seen is escaped.
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    body = "".join(
        each if each.isprintable() and each != "\\" else repr(each)[1:-1] for each in text
    )
    return quote + body.replace(quote, f"\\{quote}") + quote


def _after(before: str, value: Source) -> Source:
    if isinstance(value, str):
        return before + value
    return Brackets(before + value.opening, value.items, value.closing, value.broken)


def _one_line(source: Source) -> str | None:
    """All on one line, or None where it is asked to be broken."""
    if isinstance(source, str):
        return source
    items = [_one_line(item) for item in source.items]
    if source.broken or None in items:
        return None
    return f"{source.opening}{', '.join(filter(None, items))}{source.closing}"


def _columns(line: str) -> int:
    """The width of a line; where it is in doubt the wider, as a broken line stays as it is."""
    return sum(1 if character < "\u1100" else 2 for character in line)
