"""Who is told of an event, and what becomes of a listener that does not fit or fails."""

from __future__ import annotations

import logging
from types import ModuleType

import pluggy
import pytest

from alembic_index_ops import ArgumentError, hookimpl
from alembic_index_ops.events import Dropped, Event, Present
from alembic_index_ops.listeners import open_audience

EVENTS = (Present("ix", '"public"."t"'), Dropped("ix", '"public"."t"'))


class Hearing:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        self.heard.append(event)


class Failing:
    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        raise ZeroDivisionError("in the listener")

    def __repr__(self) -> str:
        return "Failing()"


class Deaf:
    def __repr__(self) -> str:
        return "Deaf()"


class Unmarked(Deaf):
    def index_ops_event(self, event: Event) -> None: ...


class OfAnotherProject(Deaf):
    @pluggy.HookimplMarker("another")
    def index_ops_event(self, event: Event) -> None: ...


class Misspelt(Deaf):
    @hookimpl
    def index_ops_evnt(self, event: Event) -> None: ...


class AskingForMore(Deaf):
    @hookimpl
    def index_ops_event(self, event: Event, when: float) -> None: ...


class Counting:
    """A hook may leave out what it does not need."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def index_ops_event(self) -> None:
        self.count += 1


LABEL = 'context.configure(index_ops={"listeners": ...}): '
NOTHING = (
    " listens to nothing; give an object with a method `index_ops_event(self, event)` that is"
    " marked with @alembic_index_ops.hookimpl"
)


def test_all_hear_each_event_in_order() -> None:
    listeners = [Hearing(), Hearing()]

    with open_audience(listeners) as audience:
        for event in EVENTS:
            audience.report(event)

    assert [listener.heard for listener in listeners] == [list(EVENTS)] * 2


def test_one_that_fails_is_reported_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    before, after = Hearing(), Hearing()

    with open_audience([before, Failing(), after]) as audience:
        for event in EVENTS:
            audience.report(event)

    assert before.heard == after.heard == list(EVENTS)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in errors] == [
        "listener Failing() failed on Present; the build goes on",
        "listener Failing() failed on Dropped; the build goes on",
    ]
    assert [record.exc_info and repr(record.exc_info[1]) for record in errors] == [
        "ZeroDivisionError('in the listener')"
    ] * 2


def test_a_hook_may_leave_the_event_out() -> None:
    counting = Counting()

    with open_audience([counting]) as audience:
        for event in EVENTS:
            audience.report(event)

    assert counting.count == 2


def test_a_module_may_listen() -> None:
    module = ModuleType("my_listener")
    heard: list[Event] = []

    @hookimpl
    def index_ops_event(event: Event) -> None:
        heard.append(event)

    module.index_ops_event = index_ops_event  # type: ignore[attr-defined]

    with open_audience([module]) as audience:
        audience.report(EVENTS[0])

    assert heard == [EVENTS[0]]


@pytest.mark.parametrize(
    ("listener", "message"),
    [
        (Deaf(), f"Deaf(){NOTHING}"),
        (Unmarked(), f"Deaf(){NOTHING}"),
        (OfAnotherProject(), f"Deaf(){NOTHING}"),
        (None, f"None{NOTHING}"),
        ("my.listener", f"'my.listener'{NOTHING}"),
        (Hearing, f"{Hearing!r} is a class; give an object of it: Hearing()"),
    ],
)
def test_what_listens_to_nothing_is_an_error(listener: object, message: str) -> None:
    with pytest.raises(ArgumentError) as refused, open_audience([listener]):
        pass

    assert str(refused.value) == LABEL + message


@pytest.mark.parametrize(
    ("listener", "why"),
    [
        (Misspelt(), "unknown hook 'index_ops_evnt'"),
        (AskingForMore(), "Argument(s) {'when'} are declared in the hookimpl but"),
    ],
)
def test_what_does_not_fit_is_an_error(listener: object, why: str) -> None:
    with pytest.raises(ArgumentError) as refused, open_audience([listener]):
        pass

    assert str(refused.value).startswith(f"{LABEL}Deaf() does not fit: ")
    assert why in str(refused.value)
