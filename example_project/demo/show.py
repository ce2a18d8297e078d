"""The demonstration, step by step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine

from example_project.demo.data import fill
from example_project.demo.inventory import declared_indexes, read_stored
from example_project.demo.measure import RUNS, read_arguments, run_patterns
from example_project.demo.migrate import look, run_upgrade
from example_project.demo.patterns import DOCUMENTS
from example_project.demo.report import index_table, pattern_table, summary, unusable
from example_project.demo.screen import Screen
from example_project.demo.server import shown
from example_project.models import Base

# The last revision that makes tables; all later ones make indexes.
TABLES = "0004"
SCHEMAS = [document.system for document in DOCUMENTS]
WANTED = declared_indexes(Base.metadata)


def run_show(screen: Screen, url: URL, rows: int) -> bool:
    """Show everything in the empty database at `url`; False if an index is missing or not valid."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        screen.say(f"PostgreSQL {version}\n{shown(url)}")

        with step(screen, f"alembic upgrade {TABLES}: the tables"):
            run_upgrade(url, TABLES)
        with step(screen, "Filling the tables"):
            screen.say(f"  {fill(engine, rows):,} rows")
        with step(screen, "Measuring the queries"):
            arguments = read_arguments(engine, DOCUMENTS)
            before = run_patterns(engine, arguments)
        with step(screen, "alembic upgrade head: the indexes"):
            migrate_to_head(screen, engine)
        broken = show_indexes(screen, engine)
        with step(screen, "Measuring the same queries again"):
            after = run_patterns(engine, arguments)
    finally:
        engine.dispose()

    screen.say(f"Median execution time of {RUNS} runs each, before and after.")
    for document in DOCUMENTS:
        screen.show(pattern_table(document, before, after))
    screen.say()
    for line in (*summary(before, after), *broken):
        screen.say(line)
    return not broken


def migrate_to_head(screen: Screen, engine: Engine) -> None:
    with screen.progress(WANTED) as progress:
        run_upgrade(engine.url, "head", lambda: progress.update(*look(engine)))
        progress.update(*look(engine))


def show_indexes(screen: Screen, engine: Engine) -> list[str]:
    """Show every declared index; returns a line for each that is missing or not valid."""
    with engine.connect() as connection:
        stored = read_stored(connection)
    for schema in SCHEMAS:
        names = [name for name in WANTED if name.schema == schema]
        screen.show(index_table(schema, names, stored))
    broken = unusable(WANTED, stored)
    screen.say(f"\n{len(WANTED) - len(broken)} of {len(WANTED)} declared indexes are valid.")
    return [
        f"Not there, or not valid: {name.schema}.{name.index} on {name.table}" for name in broken
    ]


@contextmanager
def step(screen: Screen, title: str) -> Iterator[None]:
    """Announce what takes a while, and say how long it took."""
    screen.say(f"\n{title}")
    started = time.monotonic()
    yield
    screen.say(f"  {time.monotonic() - started:.1f} s")
