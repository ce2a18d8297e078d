"""The operations in a project as `alembic init` makes it: nobody touched env.py."""

from __future__ import annotations

import sqlite3

import pytest

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(100)),
        sa.Column("name", sa.String(100)),
    )
    op.create_desc_index("ix_users_name_desc", "users", ["name DESC"])
    op.create_covering_index("ix_users_email", "users", ["email"], include=["name"], unique=True)
    op.create_concurrent_index("ix_users_name", "users", ["name"])


def downgrade():
    op.drop_concurrent_index("ix_users_name", "users")
"""

ALL = {"ix_users_email", "ix_users_name", "ix_users_name_desc"}


@pytest.fixture
def project(run, tmp_path):
    run("-m", "alembic", "init", "migrations")
    (tmp_path / "migrations" / "versions" / "1_users.py").write_text(REVISION)

    def configure(url: str) -> None:
        ini = tmp_path / "alembic.ini"
        lines = ini.read_text().splitlines()
        lines = [
            f"sqlalchemy.url = {url}" if "sqlalchemy.url =" in line else line for line in lines
        ]
        ini.write_text("\n".join(lines))

    return configure


def test_all_four_run(run, project, tmp_path):
    def indexes():
        connection = sqlite3.connect(tmp_path / "app.db")
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        connection.close()
        return {name for (name,) in rows}

    project("sqlite:///app.db")
    run("-m", "alembic", "upgrade", "head")
    assert indexes() == ALL
    run("-m", "alembic", "downgrade", "base")
    assert indexes() == ALL - {"ix_users_name"}


def test_all_four_write_sql(run, project):
    project("postgresql+psycopg://localhost/app")
    script = run("-m", "alembic", "upgrade", "head", "--sql").stdout
    assert {name for name in ALL if name in script} == ALL
    script = run("-m", "alembic", "downgrade", "1:base", "--sql").stdout
    assert "ix_users_name" in script
