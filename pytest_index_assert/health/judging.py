"""One health check in one test: findings, what plugins say of them, the baseline, the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alembic_index_ops import IndexOpsError
from pytest_index_assert.connection import reading
from pytest_index_assert.enforce import usable_engine
from pytest_index_assert.errors import NoDatabaseError, failing_plainly
from pytest_index_assert.health.baseline import Baseline
from pytest_index_assert.health.check import AnyCheck, Examined, HealthCheck
from pytest_index_assert.health.finding import Finding
from pytest_index_assert.health.settings import baseline_path, is_updating


@dataclass(frozen=True, slots=True)
class Judged:
    """What an item leaves for the end of the run."""

    kind: str
    found: tuple[str, ...]
    notes: tuple[str, ...]

    def as_plain(self) -> dict[str, object]:
        """The same in what a report of pytest-xdist can carry."""
        return {"kind": self.kind, "found": list(self.found), "notes": list(self.notes)}


JUDGED = pytest.StashKey[Judged]()


def judge(request: pytest.FixtureRequest, check: AnyCheck) -> None:
    """Fail the test with all that is found, less what a plugin or the baseline takes out."""
    __tracebackhide__ = True
    config = request.config
    with failing_plainly():
        examined = _examine(request, check)
    if examined.skipped is not None:
        pytest.skip(examined.skipped)
    findings = list(_asked_of_plugins(config, examined.findings))
    found = tuple(finding.identity for finding in findings)
    request.node.stash[JUDGED] = Judged(check.name, found, examined.notes)
    if is_updating(config):
        return
    known = set(read_baseline(baseline_path(config)).findings)
    new = [finding for finding in findings if finding.identity not in known]
    if new:
        pytest.fail(_render(check.name, new, len(findings) - len(new)), pytrace=False)


def read_baseline(path: Path | None) -> Baseline:
    """What the file says; nothing where there is none."""
    if path is None or not path.exists():
        return Baseline()
    return Baseline.parse(path.read_text(encoding="utf-8"))


def _examine(request: pytest.FixtureRequest, check: AnyCheck) -> Examined:
    if not isinstance(check, HealthCheck):
        return check.examine(request)
    engine = usable_engine(request.config, request.getfixturevalue("index_engine"))
    with reading(engine) as connection:
        try:
            read = check.read(connection)
        except IndexOpsError as error:
            raise NoDatabaseError(f"{check.name} cannot be judged: {error}") from None
    return Examined(tuple(check.find(read)))


def _asked_of_plugins(config: pytest.Config, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        answer = config.hook.pytest_index_assert_finding(config=config, finding=finding)
        if answer is None:
            yield finding
        elif answer is not False:
            yield answer


def _render(kind: str, new: list[Finding], known: int) -> str:
    count = "1 finding" if len(new) == 1 else f"{len(new)} findings"
    beside = f", beside {known} of the baseline" if known else ""
    return "\n\n".join([f"{kind}: {count}{beside}", *map(str, new)])
