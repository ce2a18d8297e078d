"""Health checks, and requirements from code, as items that pytest collects.

They are functions of a module that has no file, so that fixtures of every scope, and other
plugins, meet nothing unusual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_index_assert.health.builtin import CHECKS
from pytest_index_assert.health.check import AnyCheck
from pytest_index_assert.health.choice import ChoiceError, choose
from pytest_index_assert.health.judging import judge
from pytest_index_assert.health.selecting import DIRECTORIES, NODE
from pytest_index_assert.marker import NAME as MARKER

_OVERRIDDEN = ("index_engine", "index_alembic_config")


class HealthItem(pytest.Function):
    """An item of ours; `check` is None where it is a requirement."""

    check: AnyCheck | None = None

    @property
    def nodeid(self) -> str:
        """The same wherever fixtures are looked up."""
        return f"{NODE}::{self.name}"

    @property
    def id(self) -> Any:
        """The same as pytest reports it from 9.2 on."""
        return type(super().id).parse(self.nodeid)

    def reportinfo(self) -> tuple[str, None, str]:
        """Its place in words: it has no file, and so no line."""
        return NODE, None, self.name


class _Place(pytest.Directory):
    """A directory of tests that this run does not collect, with the fixtures of its conftest.py."""

    words: str = ""
    names: tuple[str, ...] = ()

    def collect(self) -> Iterator[pytest.Collector]:
        yield _make_module(self, self.words, self.names)


class _Module(pytest.Module):
    words: str = ""
    names: tuple[str, ...] = ()

    def collect(self) -> Iterator[pytest.Item]:
        checks = {check.name: check for check in _known_checks(self)}
        if not self.names:
            try:
                chosen = choose(self.words, tuple(checks))
            except ChoiceError as error:
                raise self.CollectError(str(error)) from None
            yield from (_item(self, name, checks[name]) for name in chosen)
            yield from _requirements(self)
            return
        required = {item.name: item for item in _requirements(self)}
        for name in self.names:
            if name in checks:
                yield _item(self, name, checks[name])
            elif name in required:
                yield required[name]
            else:
                there = ", ".join((*checks, *required))
                raise self.CollectError(f'there is no "{NODE}::{name}"; there are: {there}')


def make_place(session: pytest.Session, words: str, names: Sequence[str]) -> pytest.Collector:
    """The module of our items, where fixtures are seen as the tests see them.

    That is below the outermost conftest.py that overrides one of ours, else in the whole session.
    `names` are those of the items asked for by node id; without, `words` choose health checks.
    """
    home, directories = _home(session), session.config.stash[DIRECTORIES]
    if home is None or home in directories:
        return _make_module(session if home is None else directories[home], words, names)
    nodeid = home.relative_to(session.config.rootpath).as_posix()
    place = _Place.from_parent(session, path=home, nodeid=nodeid)
    place.words, place.names = words, tuple(names)
    return place


def report_of(module: pytest.Module) -> pytest.CollectReport:
    """What pytest would say of the module, whose items may not be there for its `--lf`."""
    try:
        return pytest.CollectReport(module.nodeid, "passed", None, list(module.collect()))
    except module.CollectError as error:
        return pytest.CollectReport(module.nodeid, "failed", str(error), None)


def _make_module(parent: pytest.Collector, words: str, names: Sequence[str]) -> pytest.Module:
    # pytest 8.0 takes from the node id alone which fixtures are seen.
    inside = isinstance(parent, pytest.Directory) and parent.nodeid not in ("", ".")
    nodeid = f"{parent.nodeid}/{NODE}" if inside else NODE
    module = _Module.from_parent(parent, path=parent.path / NODE, nodeid=nodeid)
    module.obj = ModuleType("index_assert")
    module.name, module.words, module.names = NODE, words, tuple(names)
    return module


def _known_checks(node: pytest.Collector) -> list[AnyCheck]:
    known = list(CHECKS)
    for added in node.config.hook.pytest_index_assert_checks(config=node.config):
        for check in added or ():
            if any(check.name == other.name for other in known):
                raise node.CollectError(f'there are two health checks "{check.name}"; rename one')
            known.append(check)
    return known


def _item(parent: pytest.Collector, name: str, check: AnyCheck) -> HealthItem:
    def healthy(request: pytest.FixtureRequest) -> None:
        judge(request, check)

    item = HealthItem.from_parent(parent, name=name, callobj=healthy)
    item.check = check
    return item


def _requirements(parent: pytest.Collector) -> Iterator[HealthItem]:
    """Items whose bodies are empty: their marker is what is judged."""
    seen: set[str] = set()
    for added in parent.config.hook.pytest_index_assert_requirements(config=parent.config):
        for mark in added or ():
            if getattr(mark, "name", None) != MARKER:
                raise parent.CollectError(
                    f"pytest_index_assert_requirements returned {mark!r}; it returns a list of"
                    f" {MARKER}(...)"
                )
            name = _label(mark)
            if name not in seen:
                seen.add(name)
                item = HealthItem.from_parent(parent, name=name, callobj=lambda: None)
                item.add_marker(mark)
                yield item


def _label(mark: pytest.MarkDecorator) -> str:
    from pytest_index_assert.errors import RequirementError
    from pytest_index_assert.requirement import parse_requirement

    try:
        return parse_requirement(mark.args, mark.kwargs).label
    except RequirementError:
        return f"{MARKER}{mark.args!r}"  # what is wrong with it fails the item


def _home(session: pytest.Session) -> Path | None:
    root = session.config.rootpath
    homes = []
    for plugin in session.config.pluginmanager.get_plugins():
        path = Path(getattr(plugin, "__file__", None) or "")
        if path.name == "conftest.py" and any(hasattr(plugin, name) for name in _OVERRIDDEN):
            homes.append(path.parent)
    inside = sorted((len(home.parts), str(home)) for home in homes if root in home.parents)
    return None if not inside or root in homes else Path(inside[0][1])
