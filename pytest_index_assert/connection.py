"""Engines of the plugin's own, and words about databases that never hold a password."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, quote_plus
from weakref import WeakKeyDictionary, WeakSet

from pytest_index_assert.errors import NoDatabaseError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine import Dialect
    from sqlalchemy.ext.asyncio import AsyncEngine

APPLICATION_NAME = "pytest_index_assert"
LOCK_TIMEOUT = "2s"
CONNECT_SECONDS = 10


def parse_url(value: str | URL) -> URL:
    """The URL of a PostgreSQL database, in any of SQLAlchemy's spellings.

    Raises NoDatabaseError for what is none.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # What cannot be parsed cannot be shown either: the password is somewhere in it.
        raise NoDatabaseError(
            "the database's URL cannot be read; write it as postgresql://user@host/database"
        ) from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.drivername.partition("+")[0] != "postgresql":
        raise NoDatabaseError(
            f"{shown(url)} is no PostgreSQL database; indexes are asserted on PostgreSQL only"
        )
    return url


def shown(url: URL) -> str:
    """The URL as it may be printed: no password, and of its query only where the server is."""
    query = {key: value for key, value in url.query.items() if key in ("host", "port")}
    return url.set(query=query).render_as_string(hide_password=True)


def without_secrets(text: str, url: URL) -> str:
    """`text`, in which the URL's password, as it is or escaped, is replaced by ***."""
    queried = url.query.get("password", ())
    secrets = [url.password, *([queried] if isinstance(queried, str) else queried)]
    for secret in filter(None, secrets):
        # As it is, as URLs have it (SQLAlchemy leaves " " and "+" alone), and as repr() shows it.
        spellings = {secret, quote(secret, safe=""), quote(secret, safe=" +"), quote_plus(secret)}
        # In a query, with plain slashes (as we hand it to env.py) and doubled for an ini file.
        spellings |= {spelling.replace("%2F", "/") for spelling in spellings}
        spellings |= {spelling.replace("%", "%%") for spelling in spellings}
        spellings |= {repr(spelling)[1:-1] for spelling in spellings}
        spellings |= {json.dumps(spelling)[1:-1] for spelling in spellings}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, "***")
    # A URL of the user's own, as an env.py may print or a driver may quote it.
    return re.sub(r"(://[^\s:/@]*):[^\s@]+@", r"\1:***@", text)


def open_engine(value: str | URL) -> Engine:
    """An engine of our own on that database: psycopg, no pool, so nothing stays connected.

    Raises NoDatabaseError for a URL that is none.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    from alembic_index_ops import for_psycopg

    url = for_psycopg(parse_url(value))
    # Not in the URL, which a project may want to open with a driver of its own.
    arguments = {"application_name": APPLICATION_NAME, "connect_timeout": CONNECT_SECONDS}
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        # SET, since poolers refuse the start-up parameter `options`.
        before, connection.autocommit = connection.autocommit, True
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.autocommit = before

    return engine


class Engines:
    """The engines of a run: one for each database, asked once whether it answers."""

    def __init__(self) -> None:
        self._opened: dict[str, Engine] = {}
        self._found: dict[str, Engine] = {}
        self._answered: WeakSet[Engine] = WeakSet()
        self._likes: WeakKeyDictionary[AsyncEngine, Engine] = WeakKeyDictionary()

    def get(self, value: Engine | AsyncEngine | URL | str) -> Engine:
        """What `index_engine` returned, as an engine to read with.

        An Engine is used as it is; an AsyncEngine's database is opened anew, as that one sees it.
        Raises NoDatabaseError for anything else, and for a database that does not answer.
        """
        # Every marked test comes by here.
        if isinstance(value, str):
            if value in self._found:
                return self._found[value]
        elif value in self._answered:
            return cast("Engine", value)
        engine = self._engine(value)
        if engine not in self._answered:
            with reading(engine):
                self._answered.add(engine)
        if isinstance(value, str):
            self._found[value] = engine
        return engine

    def _engine(self, value: Any) -> Engine:
        from sqlalchemy import URL, Engine

        if hasattr(value, "exec_driver_sql"):  # a connection, of either kind
            value = value.engine
        if isinstance(value, Engine):
            parse_url(value.url)
            return value
        if isinstance(getattr(value, "sync_engine", None), Engine):
            return self._like(value)
        if not isinstance(value, (str, URL)):
            raise NoDatabaseError(
                f"index_engine returned {type(value).__name__}; it returns an Engine, an"
                " AsyncEngine, or the URL of a database"
            )
        address = parse_url(value).render_as_string(hide_password=False)
        if address not in self._opened:
            self._opened[address] = open_engine(address)
        return self._opened[address]

    def _like(self, value: AsyncEngine) -> Engine:
        from pytest_index_assert.likeness import open_like

        if value not in self._likes:
            self._likes[value] = open_like(value)
        return self._likes[value]


def find_dialect(value: Engine | AsyncEngine | URL | str) -> Dialect:
    """The dialect of what `index_engine` returned: the application's driver, where it is one."""
    dialect = getattr(value, "dialect", None)
    if dialect is not None:
        return cast("Dialect", dialect)
    return parse_url(cast("URL | str", value)).get_dialect()()


@contextmanager
def opening(engine: Engine) -> Iterator[None]:
    """Raise NoDatabaseError where the block cannot reach the database."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).strip()
        raise NoDatabaseError(
            f"{shown(engine.url)} cannot be reached: {without_secrets(cause, engine.url)}"
        ) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that waits for no lock longer than two seconds and leaves nothing behind.

    Raises NoDatabaseError when the database cannot be reached.
    """
    from sqlalchemy import text

    with opening(engine):
        connection = engine.connect()
    with connection:
        for name, setting in (
            ("lock_timeout", LOCK_TIMEOUT),
            ("application_name", APPLICATION_NAME),
        ):
            connection.execute(
                text("SELECT set_config(:name, :setting, true)"), {"name": name, "setting": setting}
            )
        yield connection
        connection.rollback()
