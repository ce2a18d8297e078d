"""Whatever is imported first, the operations are there and `import alembic` works."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

OPERATIONS = (
    "create_concurrent_index",
    "create_covering_index",
    "create_desc_index",
    "create_indexes",
    "create_unique_constraint_concurrently",
    "drop_concurrent_index",
    "drop_indexes",
    "drop_unique_constraint_concurrently",
    "reindex_concurrently",
    "rename_index",
    "replace_index",
    "restore_index",
)

FIRST_IMPORTS = (
    "import alembic",
    "import alembic.op",
    "from alembic import op",
    "import alembic.operations",
    "import alembic.autogenerate",
    "import alembic.config",
    "import alembic.runtime.environment",
    "import alembic.runtime.plugins",
    "import sqlalchemy",
    "import alembic_index_ops",
    "import alembic_index_ops.migration",
    "import alembic_index_ops.migration.plugin",
    "import alembic_index_ops.op",
    "from alembic_index_ops import op",
    "from alembic_index_ops.op import create_desc_index",
)


@pytest.mark.parametrize("first_import", FIRST_IMPORTS)
def test_the_operations_are_there_and_nothing_is_said(run, first_import):
    done = run(
        "-c",
        "import logging\n"
        "logging.basicConfig(level='WARNING')\n"
        f"{first_import}\n"
        "import alembic.op, alembic.operations\n"
        f"for name in {OPERATIONS}:\n"
        "    assert callable(getattr(alembic.op, name)), name\n"
        "    assert callable(getattr(alembic.operations.Operations, name)), name\n",
    )
    assert done.stderr == ""


@pytest.mark.parametrize("first_import", FIRST_IMPORTS)
def test_our_op_is_alembics_own(run, first_import):
    run(
        "-c",
        f"{first_import}\n"
        "from alembic_index_ops import op\n"
        "import alembic, alembic_index_ops, sys\n"
        "assert op is alembic.op is sys.modules['alembic.op'] is alembic_index_ops.op\n"
        "import alembic_index_ops.op as again\n"
        "assert again is op\n",
    )


@pytest.mark.parametrize("first_import", FIRST_IMPORTS)
def test_autogenerate_knows_our_name(run, first_import):
    run(
        "-c",
        f"{first_import}\n"
        "import sqlalchemy\n"
        "from alembic.autogenerate import compare_metadata\n"
        "from alembic.runtime.migration import MigrationContext\n"
        "engine = sqlalchemy.create_engine('sqlite://')\n"
        "plugins = ['alembic.autogenerate.*', 'alembic_index_ops']\n"
        "with engine.connect() as connection:\n"
        "    context = MigrationContext.configure(\n"
        "        connection, opts={'autogenerate_plugins': plugins}\n"
        "    )\n"
        "    assert compare_metadata(context, sqlalchemy.MetaData()) == []\n"
        "engine.dispose()\n",
    )
