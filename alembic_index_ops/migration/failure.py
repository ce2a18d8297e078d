"""Errors as Alembic's command line tells its own: the message, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError

from alembic_index_ops.catalog.session import server_message
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


@contextmanager
def told_by_us(name: str) -> Iterator[None]:
    """Raise an error of the database that no step expects (the session is ended while the catalog
    is read) as one of ours about index `name`."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise IndexOpsError(
            f'index "{name}": the database ended it: {server_message(error)}.\n'
            "Run the migration again to finish it."
        ) from error


def _both(ours: type[IndexOpsError]) -> type[IndexOpsError]:
    if issubclass(ours, CommandError):
        return ours
    return type(ours.__name__, (ours, CommandError), {"__doc__": ours.__doc__})
