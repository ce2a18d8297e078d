"""What our operations answer inside `op.batch_alter_table`."""

from __future__ import annotations

from typing import Any, NoReturn

from alembic.operations import BatchOperations

from alembic_index_ops.errors import UnsupportedError
from alembic_index_ops.migration.failure import told_by_alembic


class BatchRefusal:
    """Refuses one of our operations, `door`."""

    door = ""

    @classmethod
    def refuse(cls, operations: BatchOperations, *arguments: Any, **options: Any) -> NoReturn:
        """Raise UnsupportedError: a batch rewrites the table, and a live build must not wait."""
        with told_by_alembic():
            table = operations.impl.table_name
            named = (
                f'index "{arguments[0]}"'
                if arguments and isinstance(arguments[0], str)
                else cls.door
            )
            raise UnsupportedError(
                f'{named}: our operations do not run on a batch of table "{table}". Nothing was'
                f" changed; call op.{cls.door}(...), with the table's name, after the"
                " `with op.batch_alter_table(...)` block."
            )


def refuse_in_batch(*doors: str) -> None:
    """Make these operations of a batch known to Alembic, as refusals."""
    for name in doors:
        refusal = type("BatchRefusal", (BatchRefusal,), {"door": name})
        BatchOperations.register_operation(name, "refuse")(refusal)
