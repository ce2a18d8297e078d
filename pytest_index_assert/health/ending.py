"""The end of a run: the baseline is written where that was asked, and what is stale is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from pytest_index_assert.health.judging import read_baseline
from pytest_index_assert.health.settings import baseline_path, is_updating


def end(config: pytest.Config, judged: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lines for the terminal. `judged` is what each check found, all of it."""
    judged = sorted(judged, key=lambda each: str(each["kind"]))
    kinds = {str(each["kind"]) for each in judged}
    found = {str(identity) for each in judged for identity in each["found"]}
    lines = [f"{each['kind']}: {note}" for each in judged for note in each["notes"]]
    path = baseline_path(config)
    if path is None:
        return lines
    baseline = read_baseline(path)
    if is_updating(config):
        after = baseline.updated(kinds, found)
        if after.lines != baseline.lines and (after.findings or path.exists()):
            path.write_text(after.render(), encoding="utf-8")
            lines.append(f"{path} was written; it has {len(after.findings)} findings")
        return lines
    stale = baseline.stale(kinds, found)
    if stale:
        lines.append(f"{path} has lines that are found no more; take them out:")
        lines += [f"  {identity}" for identity in stale]
    return lines
