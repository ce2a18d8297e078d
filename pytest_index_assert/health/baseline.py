"""The baseline: findings that were there at adoption, one a line, which fail no test. Pure.

Blank lines, and those that begin with `#`, are the reader's own, and stay where they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

_HEAD = """\
# Findings of the health checks that fail no test. A line whose finding is gone may go too.
# Written by pytest --index-assert-health-update-baseline.
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The file's lines, as they are."""

    lines: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Baseline:
        """The baseline that this text is."""
        return cls(tuple(text.splitlines()))

    def render(self) -> str:
        """The text again, with a line's end at its end."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def findings(self) -> tuple[str, ...]:
        """The identities that it holds, in its order."""
        return tuple(line.strip() for line in self.lines if _is_finding(line))

    def stale(self, kinds: Collection[str], found: Collection[str]) -> tuple[str, ...]:
        """Its lines of these kinds, all of which were looked for, that were not found."""
        return tuple(
            each for each in self.findings if each.split()[0] in kinds and each not in found
        )

    def updated(self, kinds: Collection[str], found: Iterable[str]) -> Baseline:
        """The baseline that holds exactly what was found of these kinds; others stay."""
        found = set(found)
        stale = set(self.stale(kinds, found))
        kept = [line for line in self.lines if not (_is_finding(line) and line.strip() in stale)]
        new = sorted(found - set(self.findings))
        return Baseline((*(kept or _HEAD.splitlines()), *new))


def _is_finding(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
