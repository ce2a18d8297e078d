import asyncio

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


def test_a_database_is_fresh_and_its_engine_connects(database):
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT current_database()")) == database.name
        assert connection.scalars(text("SELECT relname FROM pg_stat_user_tables")).all() == []


def test_the_version_is_the_servers_own(database, pg_version):
    with database.connect() as connection:
        assert connection.info.server_version // 10000 == pg_version


def test_asyncpg_connects(database):
    async def ask() -> int:
        engine = create_async_engine(database.url_for(driver="asyncpg"))
        async with engine.connect() as connection:
            answer = await connection.scalar(text("SELECT 1"))
        await engine.dispose()
        return answer

    assert asyncio.run(ask()) == 1


def test_psycopg2_connects(server, database):
    connection = psycopg2.connect(
        host=str(server.directory), port=server.port, dbname=database.name, user="postgres"
    )
    assert connection.closed == 0
    connection.close()


def test_a_role_that_owns_tables_is_dropped_after_its_database(database, make_role):
    role = make_role(attributes="CREATEDB")
    with database.connect() as connection:
        connection.execute(f"CREATE SCHEMA app AUTHORIZATION {role}")
    with database.connect(role) as connection:
        connection.execute("CREATE TABLE app.orders (id int)")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_keeps_its_address_and_data_over_a_restart(server, database, mode):
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id int)")
    server.stop(mode)
    server.start()
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
