"""A query pattern of a document, and what the document says an index does for it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Executable


@dataclass(frozen=True)
class Claim:
    """The document's own words."""

    quote: str

    @property
    def speed_up(self) -> float | None:
        """The least speed-up that keeps the promise; None if the words hold no figure.

        "25-100x" promises 25. "85% faster" and "80-90% faster" promise the time to shrink by 85 and
        80 percent, that is speed-ups of 6.7 and 5.
        """
        least = self.quote.partition("-")[0]
        if self.quote.endswith("x") and least.isdigit():
            return float(least)
        if self.quote.endswith("% faster"):
            return 100 / (100 - float(least.partition("%")[0]))
        return None


@dataclass(frozen=True)
class Pattern:
    """A statement of the application, and SQL that draws typical arguments from the filled tables.

    `arguments` returns one row, with a value for each parameter of `statement`.
    """

    title: str
    claim: Claim
    statement: Callable[..., Executable]
    arguments: str | None = None


@dataclass(frozen=True)
class Document:
    """What one system's document lists."""

    system: str
    title: str
    patterns: tuple[Pattern, ...]
