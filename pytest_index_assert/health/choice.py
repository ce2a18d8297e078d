"""Which checks a run has: words of the ini file or the command line -> names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


class ChoiceError(ValueError):
    """A word names no check; the message names those there are."""


def choose(words: str, known: Sequence[str]) -> tuple[str, ...]:
    """The names that `all`, `invalid duplicates` or `all ~round_trip` stand for, in order.

    What begins with `~` is taken out; only such words take it out of all. Raises ChoiceError.
    """
    given = words.replace(",", " ").split()
    if not given:
        return ()
    wanted = [word for word in given if not word.startswith("~")]
    unwanted = {word[1:] for word in given if word.startswith("~")}
    for word in (*wanted, *unwanted):
        if word not in (*known, "all"):
            near = get_close_matches(word, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: all, {', '.join(known)}"
            raise ChoiceError(f'there is no health check "{word}"; {hint}')
    whole = not wanted or "all" in wanted
    return tuple(name for name in known if (whole or name in wanted) and name not in unwanted)
