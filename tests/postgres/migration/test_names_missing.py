"""None where a name belongs, as a naming convention or a lookup may give it."""

from __future__ import annotations

import pytest

from alembic_index_ops import ArgumentError
from tests.observe import execute, indexes, revisions, rows
from tests.projects import Project
from tests.servers import Database

CREATE = " is None; give the name itself (naming conventions need a model)"
DROP = " is None; give the name"
OPERATIONS = [
    ('op.create_concurrent_index({}, {}, ["a"], concurrently=True)', "{}" + CREATE),
    ('op.create_desc_index({}, {}, ["a DESC"], concurrently=True)', "{}" + CREATE),
    ('op.create_covering_index({}, {}, ["a"], include=["b"], concurrently=True)', "{}" + CREATE),
    ("op.drop_concurrent_index({}, {}, concurrently=True)", "drop_concurrent_index: {}" + DROP),
]


@pytest.mark.parametrize(
    ("names", "missing"),
    [(("None", '"t"'), "index_name"), (('"ix"', "None"), "table_name")],
    ids=["index", "table"],
)
@pytest.mark.parametrize(
    ("operation", "message"), OPERATIONS, ids=["concurrent", "desc", "covering", "drop"]
)
def test_none_is_refused_before_anything_is_changed(
    database: Database,
    project: Project,
    operation: str,
    message: str,
    names: tuple[str, str],
    missing: str,
) -> None:
    """Nothing was committed either: what the revision did before is gone with it."""
    # Where None became "None", this is what would be taken for it.
    execute(database, 'CREATE TABLE "None" (a int, b int)', 'CREATE INDEX "ix" ON "None" (b)')
    before = indexes(database)
    project.revision(
        "a", f'op.execute("CREATE TABLE t (a int, b int)")\n{operation.format(*names)}'
    )

    with pytest.raises(ArgumentError) as refused:
        project.upgrade()

    assert str(refused.value) == message.format(missing)
    assert indexes(database) == before
    assert rows(database, "SELECT to_regclass('t')") == [(None,)]
    assert revisions(database) == set()
