"""Migrate the application to its indexes on a real PostgreSQL, and measure what they change."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from example_project.demo.migrate import MigrationFailed
from example_project.demo.screen import open_screen
from example_project.demo.server import NoDatabase, embedded_database, named_database
from example_project.demo.show import run_show


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m example_project", description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        default=100_000,
        help="rows of the largest tables; all together have eight times as many (%(default)s)",
    )
    parser.add_argument("--url", help="an EMPTY PostgreSQL database to use, instead of a server")
    parser.add_argument(
        "--keep", action="store_true", help="leave the server running, and print its URL"
    )
    options = parser.parse_args(arguments)
    if options.rows < 1000:
        parser.error("--rows: 1000 at least, or there is nothing to measure")
    return options


def main() -> int:
    options = parse_arguments()
    # A terminated process has to stop its server too, so it leaves the way an exception does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = open_screen()
    started = time.monotonic()
    source = named_database(options.url) if options.url else embedded_database(keep=options.keep)
    try:
        with source as database:
            try:
                succeeded = run_show(screen, database.url, options.rows)
            finally:
                if database.farewell:
                    screen.say(database.farewell)
    except (NoDatabase, MigrationFailed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    screen.say(f"Finished in {time.monotonic() - started:.1f} s.")
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
