"""Believable rows, the same ones on every run."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from example_project.demo.data import earlybird, grove, saas, upstream

SYSTEMS = {
    "earlybird": earlybird.FILLS,
    "upstream": upstream.FILLS,
    "saas": saas.FILLS,
    "grove": grove.FILLS,
}

IS_SUPERUSER = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")


def fill(engine: Engine, rows: int, *, at_once: int = 2) -> int:
    """Fill the tables of all systems, `at_once` systems side by side.

    `rows` is the size of the largest tables; the others are fractions of it. Returns how many rows
    there are now in all tables.
    """
    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(lambda system: fill_system(engine, system, rows), SYSTEMS))


def fill_system(engine: Engine, system: str, rows: int) -> int:
    """Fill one schema, parents before children, and vacuum it; returns its number of rows."""
    filled = 0
    with engine.begin() as connection:
        connection.execute(text("SELECT setseed(0.42)"))
        # Every parent is there as drawn, and looking each one up takes as long as all the rest.
        if connection.scalar(IS_SUPERUSER):
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in SYSTEMS[system]:
            filled += connection.execute(statement, {"rows": rows}).rowcount
    # What autovacuum would have done by now: statistics, and pages known to be all-visible.
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        tables = connection.scalars(
            text(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
                "WHERE schemaname = :system"
            ),
            {"system": system},
        )
        connection.exec_driver_sql(f"VACUUM (ANALYZE) {', '.join(tables)}")
    return filled
