"""env.py's list of plugins: without our name nothing changes, and what a mistake in it does."""

from __future__ import annotations

import logging

import pytest
from alembic.util import CommandError
from sqlalchemy import Column, Index, Integer, MetaData, Table

from tests.observe import execute
from tests.postgres.autogenerate.generating import PLUGINS, Generating, calls
from tests.servers import Database


@pytest.fixture
def metadata(database: Database) -> MetaData:
    """A model with an index more than its table, and INCLUDE in another one."""
    execute(database, "CREATE TABLE t (a int, b int)", "CREATE INDEX ix ON t (a)")
    metadata = MetaData()
    items = (Index("ix", "a", postgresql_include=["b"]), Index("iy", "b"))
    Table("t", metadata, Column("a", Integer), Column("b", Integer), *items)
    return metadata


@pytest.mark.parametrize("line", [None, 'autogenerate_plugins=["alembic.autogenerate.*"]'])
def test_without_our_name_all_is_as_before(
    generating: Generating, metadata: MetaData, line: str | None
) -> None:
    generating.project.edit_env((PLUGINS, line or ""))

    [text] = generating.revise(metadata)

    assert calls(text) == ["create_index iy t"]
    assert "op.create_index('iy', 't', ['b'], unique=False)" in text


def test_without_alembics_wildcard_nothing_is_compared(
    generating: Generating, metadata: MetaData, caplog: pytest.LogCaptureFixture
) -> None:
    generating.project.edit_env((PLUGINS, 'autogenerate_plugins=["alembic_index_ops"]'))

    with caplog.at_level(logging.WARNING, "alembic_index_ops"):
        assert generating.is_quiet(metadata)

    assert caplog.messages == [
        'autogenerate_plugins names "alembic_index_ops" without "alembic.autogenerate.*", so no'
        " table, and no index, is compared; in env.py, write"
        ' autogenerate_plugins=["alembic.autogenerate.*", "alembic_index_ops"]'
    ]


@pytest.mark.parametrize("name", ["alembic.autogenerate", "alembic_index_ops.*"])
def test_a_name_that_finds_no_plugin_is_an_error_of_alembics(
    generating: Generating, metadata: MetaData, name: str
) -> None:
    generating.project.edit_env((PLUGINS, f'autogenerate_plugins=["alembic.*", "{name}"]'))

    with pytest.raises(CommandError, match=f"Did not locate plugins: {name}"):
        generating.is_quiet(metadata)


@pytest.mark.parametrize("names", ['"*"', '"alembic.*", "alembic_index_ops"'])
def test_a_wider_wildcard(
    generating: Generating, metadata: MetaData, caplog: pytest.LogCaptureFixture, names: str
) -> None:
    generating.project.edit_env((PLUGINS, f"autogenerate_plugins=[{names}]"))

    with caplog.at_level(logging.WARNING, "alembic_index_ops"):
        [text] = generating.revise(metadata)

    assert caplog.messages == []
    assert calls(text) == ["replace_index ix t", "create_concurrent_index iy t"]
