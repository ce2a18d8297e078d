"""What can go wrong before a requirement is judged; each message says what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class RequirementError(ValueError):
    """A requirement is malformed; nothing was read from any database."""


class NoDatabaseError(Exception):
    """There is no database to look at, or it may not be used; the message holds no password."""


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn these errors into failures of the test that show the message and nothing else.

    A traceback would show what connected, and with it the arguments: the password.
    """
    import pytest

    try:
        yield
    except (RequirementError, NoDatabaseError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
