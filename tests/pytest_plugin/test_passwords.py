"""A password is used as it is, and shown to nobody, whatever characters it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from pytest_index_assert.connection import without_secrets
from tests.conftest import MakeRole
from tests.pytest_plugin.conftest import ENV_PY, Project
from tests.servers import Database, Server

pytestmark = pytest.mark.slow

# No part of a run's output but the password has "s3c" or "r3t".
PASSWORDS = {
    "blank": "s3c r3t",
    "percent": "s3c%r3t%%40%",
    "all": """ s3c'\\"%@ :?#+&=r3t\\ """,
}
TABLE = "CREATE TABLE jobs (id int PRIMARY KEY, org_id int)"
INDEX = "CREATE INDEX ix_jobs_org ON jobs (org_id)"
MARKED = """
@pytest.mark.requires_index("jobs", "org_id")
def test_it():
    pass
"""


def as_sqlalchemy(url: URL) -> str:
    """As SQLAlchemy renders it: blanks as they are."""
    return url.render_as_string(hide_password=False)


def as_quoted(url: URL) -> str:
    """As the standard library quotes it: "%20" for a blank."""
    password = quote(str(url.password), safe="")
    return url.set(password="PASSWORD").render_as_string(False).replace("PASSWORD", password)


def as_query(url: URL) -> str:
    """As libpq takes it too: in the query."""
    password = quote(str(url.password), safe="")
    return as_sqlalchemy(url.set(password="-")).replace(":-@", "@") + f"?password={password}"


@pytest.fixture(scope="module")
def asks_for_password(server: Server) -> Iterator[None]:
    """The server asks the roles of the group `with_password` for theirs; it trusts the others."""
    hba = server.data / "pg_hba.conf"
    before = hba.read_text()
    server.execute("CREATE ROLE with_password")
    write(server, hba, f"host all +with_password 127.0.0.1/32 scram-sha-256\n{before}")
    yield
    write(server, hba, before)
    server.execute("DROP ROLE with_password")


def write(server: Server, hba: Path, text: str) -> None:
    hba.write_text(text)
    with server.connect() as connection:
        loaded = connection.execute("SELECT pg_conf_load_time()").fetchall()
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SELECT pg_conf_load_time()").fetchall() == loaded:
            time.sleep(0.01)


@pytest.fixture(params=list(PASSWORDS.values()), ids=list(PASSWORDS))
def password(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(database: Database, make_role: MakeRole, asks_for_password: None, password: str) -> URL:
    """The database's URL for a role that has to give the password."""
    role = make_role(attributes="SUPERUSER IN ROLE with_password")
    change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), password)
    with database.connect() as connection:
        connection.execute(change)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host="127.0.0.1", port=database.server.port, dbname=database.name, user=role,
            password=f"{password}!",
        )  # fmt: skip
    return make_url(database.url).set(username=role, password=password)


def run_showing_nothing(project: Project, *arguments: str) -> pytest.RunResult:
    """A run with all that pytest can show; the password is not in it."""
    result = project.run(*arguments, "--showlocals", "--tb=long", "-vv", "-rA")
    for output in (result.stdout.str(), result.stderr.str()):
        assert "s3c" not in output
        assert "r3t" not in output
    return result


def test_it_connects(project: Project, url: URL) -> None:
    """The migration by env.py, and the assertion."""
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)

    result = run_showing_nothing(
        project, f"--index-assert-url={as_quoted(url)}", "--index-assert-migrate"
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("password", [PASSWORDS["all"]], ids=["all"], indirect=True)
@pytest.mark.parametrize("spelled", [as_sqlalchemy, as_query])
def test_it_connects_however_the_url_has_it(
    project: Project, url: URL, spelled: Callable[[URL], str]
) -> None:
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)

    result = run_showing_nothing(
        project, f"--index-assert-url={spelled(url)}", "--index-assert-migrate"
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("spelled", [as_quoted, as_query])
@pytest.mark.parametrize("asked", ["verified", "migrated"])
def test_a_database_that_refuses_it(
    project: Project, url: URL, spelled: Callable[[URL], str], asked: str
) -> None:
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)
    migrate = ["--index-assert-migrate"] if asked == "migrated" else []
    wrong = url.set(password=f"{url.password}!")

    result = run_showing_nothing(project, f"--index-assert-url={spelled(wrong)}", *migrate)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        f"postgresql+psycopg://{url.username}*@127.0.0.1:{url.port}/{url.database} cannot be"
        f' reached: *password authentication failed for user "{url.username}"*',
    ])  # fmt: skip


def test_a_database_at_another_revision(project: Project, url: URL) -> None:
    project.migrations(TABLE, INDEX)
    project.tests(MARKED)

    result = run_showing_nothing(project, f"--index-assert-url={as_quoted(url)}")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        f"postgresql+psycopg://{url.username}:[*][*][*]@127.0.0.1:{url.port}/{url.database} is at"
        " no revision: *",
    ])  # fmt: skip


@pytest.mark.parametrize("spelled", [as_quoted, as_query])
def test_an_env_py_that_prints_it(
    project: Project, url: URL, spelled: Callable[[URL], str]
) -> None:
    """As the configuration has it, as the engine has it, and as Python shows each."""
    env_py = ENV_PY.replace(
        "with engine",
        "url = context.config.get_main_option('sqlalchemy.url')\n"
        "password = engine.url.password or engine.url.query['password']\n"
        "for secret in (url, password, dict(password=password)):\n"
        "    print('SEEN', secret)\n"
        "    print('SHOWN', repr(secret))\n"
        "raise SystemExit('env.py gave up')\n"
        "with engine",
    )
    project.migrations(TABLE, env_py=env_py)
    project.tests(MARKED)

    result = run_showing_nothing(
        project, f"--index-assert-url={spelled(url)}", "--index-assert-migrate"
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        f"SEEN postgresql+psycopg://{url.username}*[*][*][*]*",
        f"SHOWN 'postgresql+psycopg://{url.username}*[*][*][*]*'",
        "SEEN [*][*][*]",
        "SHOWN ?[*][*][*]?",
        "SEEN {'password': ?[*][*][*]?}",
        "env.py gave up",
    ])  # fmt: skip


def test_an_engine_of_the_user(project: Project, url: URL) -> None:
    wrong = url.set(password=f"{url.password}!")
    project.engine(
        f"create_engine({as_quoted(wrong)!r})", imports="from sqlalchemy import create_engine"
    )
    project.tests(MARKED)

    result = run_showing_nothing(project)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cannot be reached: *password authentication failed*"])


def test_a_url_that_cannot_be_read(project: Project, password: str) -> None:
    project.migrations(TABLE)
    project.tests(MARKED)

    result = run_showing_nothing(project, f"--index-assert-url=host=x password={password}", "-q")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([
        "the database's URL cannot be read; write it as postgresql://user@host/database"
    ])  # fmt: skip


@pytest.mark.parametrize("password", ["s3cr3t", "s3c/r3t", "s3c:r3t", "s3c#r3t?x=1"])
def test_another_url_that_env_py_prints(password: str) -> None:
    ours = make_url("postgresql://me:own@here/db")

    told = without_secrets(f"connecting to postgresql://bob:{password}@host/db now", ours)

    assert told == "connecting to postgresql://bob:***@host/db now"
