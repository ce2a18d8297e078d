"""The plugin's own server: one for a run, with a migrated template that every worker clones.

What was migrated once is packed into an archive, which the next run unpacks if nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_index_assert.archive import SUFFIX, read_manifest
from pytest_index_assert.connection import parse_url, shown
from pytest_index_assert.embedded import (
    EmbeddedServer,
    running_server,
    save_server,
    start_server,
)
from pytest_index_assert.errors import NoDatabaseError
from pytest_index_assert.file_lock import locked
from pytest_index_assert.inputs import Reads, digest_job, digest_reads
from pytest_index_assert.migration import make_job, migrate
from pytest_index_assert.run import Run
from pytest_index_assert.template import (
    PREFIX,
    clone_template,
    drop_clone,
    has_template,
    make_template,
    template_name,
)

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import URL

    from pytest_index_assert.options import Options

# One process of the run at a time makes what all of them use.
_MAKING = "making"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where the plugin's own databases are made, and what becomes of them.

    `archives` is a directory that outlives the run, or None; `keep` tells whether a database that
    is done with is to be left, and `announce` takes a line about one that is.
    """

    run: Run
    archives: Path | None
    keep: Callable[[], bool]
    announce: Callable[[str], None]


@contextmanager
def open_clone(
    options: Options, config: Config, workplace: Workplace, *, drop: bool
) -> Iterator[URL]:
    """A migrated database of the caller's own; gone afterwards, or at the run's end.

    Raises NoDatabaseError.
    """
    with locked(workplace.run.directory / _MAKING):
        server, template = _template(options, config, workplace)
    name = f"{PREFIX}{workplace.run.worker}_{next(workplace.run.numbers)}"
    url = clone_template(_url(server), template, name)
    yield url
    if workplace.keep():
        address = shown(url.set(drivername="postgresql"))
        workplace.announce(f"{address} goes on running; to stop and remove it: {server.farewell}")
    elif drop:
        drop_clone(_url(server), name)


def _template(options: Options, config: Config, workplace: Workplace) -> tuple[EmbeddedServer, str]:
    """The run's server and its template, made where no worker has made them before."""
    run = workplace.run
    digest = digest_job(make_job(config, options), config, options.url_variable)
    name = template_name(digest)
    failure = run.directory / f"{name}.failed"
    if failure.exists():
        raise NoDatabaseError(failure.read_text())
    try:
        return _server(options, config, workplace, digest), name
    except NoDatabaseError as error:
        # Where the server did not start, its keeper has removed the directory.
        with suppress(FileNotFoundError):
            failure.write_text(str(error))
        raise
    finally:
        run.let_go()


def _server(options: Options, config: Config, workplace: Workplace, digest: str) -> EmbeddedServer:
    """The run's server, which has the template of that digest."""
    run, name = workplace.run, template_name(digest)
    archive = None if workplace.archives is None else workplace.archives / f"{digest}{SUFFIX}"
    server = running_server(run)
    started = server is None
    if server is None:
        server = start_server(run, _usable(archive, options))
    if has_template(_url(server), name):
        return server
    reads: list[Reads] = []
    make_template(_url(server), name, lambda url: reads.append(migrate(config, url, options)))
    if started and archive is not None and not options.fresh:
        manifest = {**asdict(reads[0]), "digest": digest_reads(reads[0])}
        return save_server(run, archive, manifest)
    return server


def _usable(archive: Path | None, options: Options) -> Path | None:
    """The archive, if it was packed when all that its migration read was as it is now."""
    if archive is None:
        return None
    if options.fresh:
        archive.unlink(missing_ok=True)
        return None
    manifest = read_manifest(archive)
    if manifest is None:
        return None
    reads = Reads(tuple(manifest["files"]), tuple(manifest["variables"]))
    return archive if digest_reads(reads) == manifest["digest"] else None


def _url(server: EmbeddedServer) -> URL:
    return parse_url(server.url).set(drivername="postgresql+psycopg")
