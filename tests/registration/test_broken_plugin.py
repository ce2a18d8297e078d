"""A fault of ours stays ours: the user's Alembic works on, and our own `op` says what is wrong."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

BREAK = """
import sys

class Breaker:
    def find_spec(self, name, path=None, target=None):
        if name == {victim!r}:
            raise {error}("broken on purpose")

sys.meta_path.insert(0, Breaker())
"""

FAULTS = (
    ("alembic_index_ops.migration.ops", "ImportError"),
    ("alembic_index_ops.migration.ops", "SyntaxError"),
    ("alembic_index_ops.migration.toimpl", "RuntimeError"),
    ("alembic_index_ops.migration.toimpl", "DeprecationWarning"),
)


@pytest.mark.parametrize(("victim", "error"), FAULTS)
def test_alembic_works_without_our_operations(run, victim, error):
    done = run(
        "-c",
        BREAK.format(victim=victim, error=error) + "from alembic import op\n"
        "assert callable(op.create_index)\n"
        "assert not hasattr(op, 'create_desc_index')\n",
    )
    assert "broken on purpose" in done.stderr


@pytest.mark.parametrize("first_import", ["import sys", "import alembic", "import alembic.op"])
@pytest.mark.parametrize(("victim", "error"), FAULTS[::2])
def test_our_op_cannot_be_imported_and_says_why(run, victim, error, first_import):
    done = run(
        "-c",
        BREAK.format(victim=victim, error=error) + f"{first_import}\n"
        "try:\n"
        "    from alembic_index_ops import op\n"
        "except ImportError as refusal:\n"
        "    while refusal:\n"
        "        print(refusal)\n"
        "        refusal = refusal.__cause__\n",
    )
    assert "broken on purpose" in done.stdout


def test_the_operations_are_there_where_psycopg_finds_no_libpq(run):
    done = run(
        "-c",
        BREAK.format(victim="psycopg", error="ImportError") + "from alembic import op\n"
        "assert callable(op.create_desc_index)\n"
        "from alembic_index_ops import op as ours\n"
        "assert ours is op\n",
    )
    assert done.stderr == ""
