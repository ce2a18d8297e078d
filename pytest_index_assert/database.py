"""Where the migrated database comes from: the URL that the user named, else a server of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_index_assert import embedded
from pytest_index_assert.connection import open_engine, parse_url, reading, shown
from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.migration import migrate, read_revisions
from pytest_index_assert.options import Options
from pytest_index_assert.own_server import Workplace, open_clone

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import URL, Connection, Engine

_NOWHERE = """there is no database to assert indexes on. Give one in one of three ways:
  - a fixture `index_engine` in conftest.py that returns an engine or a URL
  - --index-assert-url, the variable INDEX_ASSERT_URL, or index_assert_url in the ini file
  - pip install 'alembic-index-ops[embedded]', and the plugin starts a server of its own"""

# Also of another name, which env.py alone knows: Alembic gives their primary key one of its own.
_VERSION_TABLES = """
SELECT n.nspname, c.relname, n.nspname = ANY (current_schemas(false)) AS visible
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (c.relname = 'alembic_version' OR (
  EXISTS (SELECT FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.oid AND a.attname = 'version_num' AND a.attnum = 1)
  AND EXISTS (SELECT FROM pg_catalog.pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'p' AND k.conname = c.relname || '_pkc')))
ORDER BY array_position(current_schemas(false), n.nspname), n.nspname, c.relname
"""


_NO_CLONE = """{} is a database that you named, and such a one is only read: it is neither
cloned nor changed. Without a URL the plugin clones one of its own."""


@contextmanager
def open_database(
    options: Options, make_config: Callable[[], Config], make_place: Callable[[], Workplace]
) -> Iterator[Engine]:
    """An engine on a database at the asked revision.

    The database that the user named is verified, and migrated only where the user says so;
    else one is made on a server of our own. Raises NoDatabaseError.
    """
    if options.url is None:
        with open_own_database(options, make_config, make_place, drop=False) as engine:
            yield engine
        return
    url = parse_url(options.url)
    if options.migrate:
        migrate(make_config(), url, options)
    else:
        _verify_revision(url, read_revisions(make_config(), options))
    yield open_engine(url)


@contextmanager
def open_own_database(
    options: Options,
    make_config: Callable[[], Config],
    make_place: Callable[[], Workplace],
    *,
    drop: bool = True,
) -> Iterator[Engine]:
    """An engine on a database that the plugin made, and that may be changed.

    Raises NoDatabaseError, also where the user named a database.
    """
    if options.url is not None:
        raise NoDatabaseError(_NO_CLONE.format(shown(parse_url(options.url))))
    if not embedded.is_installed():
        raise NoDatabaseError(_NOWHERE)
    with open_clone(options, make_config(), make_place(), drop=drop) as url:
        yield open_engine(url)


def find_alembic_config(options: Options) -> Config:
    """The project's Alembic configuration: the file asked for, else the one in rootdir.

    Raises NoDatabaseError where there is none.
    """
    from alembic.config import Config

    if options.alembic_ini is not None:
        if not options.alembic_ini.is_file():
            raise NoDatabaseError(
                f"the Alembic configuration {options.alembic_ini} does not exist; correct"
                " --index-assert-alembic-ini, or index_assert_alembic_ini in the ini file"
            )
        return _read_config(options.alembic_ini)
    ini, pyproject = options.root / "alembic.ini", options.root / "pyproject.toml"
    if ini.is_file():
        toml = pyproject if pyproject.is_file() else None
        return Config(str(ini), toml_file=None if toml is None else str(toml))
    if pyproject.is_file() and "[tool.alembic]" in pyproject.read_text(encoding="utf-8"):
        return _read_config(pyproject)
    raise NoDatabaseError(
        f"there is no alembic.ini in {options.root}; name it by --index-assert-alembic-ini or"
        " index_assert_alembic_ini in the ini file, or override the fixture index_alembic_config,"
        " or index_engine for a database that needs no migration"
    )


def _read_config(path: Path) -> Config:
    from alembic.config import Config

    return Config(toml_file=str(path)) if path.suffix == ".toml" else Config(str(path))


def _verify_revision(url: URL, wanted: tuple[str, ...]) -> None:
    """Raise NoDatabaseError unless the database is at exactly these revisions; only reads."""
    with reading(open_engine(url)) as connection:
        stamped = _stamps(connection)
    if set(wanted) in stamped:
        return
    at = _revisions(stamped[0]) if stamped else "no revision: it has no table alembic_version"
    raise NoDatabaseError(
        f"{shown(url)} is at {at}, and the migrations' {_revisions(set(wanted))} is required.\n"
        "Migrate it, or let --index-assert-migrate do so; a database that you name is only read"
        " unless you say so."
    )


def _stamps(connection: Connection) -> list[set[str]]:
    """What the version table of the search path says; without one, each other's."""
    from sqlalchemy import column, select, table, text

    found = connection.execute(text(_VERSION_TABLES)).all()
    if found and found[0].visible:
        found = [row for row in found if row.nspname == found[0].nspname]
    stamps = []
    for schema, name, _ in found:
        version = table(name, column("version_num"), schema=schema)
        stamps.append({str(row[0]) for row in connection.execute(select(version))})
    return stamps


def _revisions(revisions: set[str]) -> str:
    if not revisions:
        return "no revision"
    return ("revision " if len(revisions) == 1 else "revisions ") + ", ".join(sorted(revisions))
