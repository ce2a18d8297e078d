"""The models are the list of indexes; the database has to have every one of them."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from example_project.models import Base
from pytest_index_assert import AssertIndexes, AssertNoIndex


def test_every_declared_index_is_there(assert_indexes: AssertIndexes) -> None:
    assert_indexes(Base.metadata)


def test_an_ascending_index_is_no_substitute(assert_no_index: AssertNoIndex) -> None:
    assert_no_index("content_jobs", "org_id", "created_at", schema="saas")


def test_autogenerate_has_nothing_to_write(index_engine: Engine) -> None:
    with index_engine.connect() as connection:
        options = {
            "include_schemas": True,
            "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_index_ops"],
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
