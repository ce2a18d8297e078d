"""`alembic ... --sql`: the statements of a script, and how a client runs them."""

from __future__ import annotations

import re
from io import StringIO

import psycopg
from alembic import command as commands
from psycopg import sql

from tests.projects import Project
from tests.servers import Database

# What a semicolon does not end: dollar-quoted text, strings, names, comments.
DOLLAR = re.compile(r"""(\$\w*\$).*?\1|'(?:[^']|'')*'|"(?:[^"]|"")*"|;|--[^\n]*""", re.DOTALL)


def script(project: Project, command: str, range_: str) -> list[str]:
    """The statements of the script; its comments are left out."""
    config = project.config()
    config.output_buffer = StringIO()
    getattr(commands, command)(config, range_, sql=True)
    output = config.output_buffer.getvalue()
    statements, start = [], 0
    for found in DOLLAR.finditer(output):
        if found[0] == ";":
            statements.append(output[start : found.start()].strip())
            start = found.end()
    return [re.sub(r"^(--[^\n]*\s*)+", "", statement).strip() for statement in statements]


def diagnose(database: Database, statements: list[str]) -> list[psycopg.errors.Diagnostic]:
    """Run them as psql does without ON_ERROR_STOP: go on after an error. The errors."""
    errors = []
    with database.connect() as connection:
        for statement in statements:
            try:
                connection.execute(sql.SQL(statement))
            except psycopg.Error as error:
                errors.append(error.diag)
    return errors


def run(database: Database, statements: list[str]) -> list[str]:
    """The same; what the errors say first."""
    return [str(diagnosed.message_primary) for diagnosed in diagnose(database, statements)]
