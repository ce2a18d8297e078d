"""Our errors as Alembic's command line tells its own: the message, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError

from alembic_index_ops.errors import IndexOpsError


@contextmanager
def told_by_alembic() -> Iterator[None]:
    """Raise an error of ours as the same class that is Alembic's CommandError too.

    `alembic` prints such a one as "FAILED: message" (`--raiseerr` shows the traceback);
    `except IndexOpsError` goes on catching it.
    """
    try:
        yield
    except IndexOpsError as error:
        raise _both(type(error))(str(error)) from error.__cause__


def _both(ours: type[IndexOpsError]) -> type[IndexOpsError]:
    if issubclass(ours, CommandError):
        return ours
    return type(ours.__name__, (ours, CommandError), {"__doc__": ours.__doc__})
