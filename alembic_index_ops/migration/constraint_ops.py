"""UNIQUE constraints that are added and dropped on live tables, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation

from alembic_index_ops.build.constraint import Deferral
from alembic_index_ops.definition.columns import define_index
from alembic_index_ops.definition.spec import IndexSpec, check_name
from alembic_index_ops.errors import ArgumentError
from alembic_index_ops.migration.arguments import take_settings
from alembic_index_ops.migration.batch import refuse_in_batch
from alembic_index_ops.migration.failure import told_by_alembic
from alembic_index_ops.settings import SETTING_NAMES

_DEFINITION = ("schema", "include", "nulls_not_distinct", "storage_parameters", "tablespace")


class CreateUniqueConstraintConcurrentlyOp(MigrateOperation):
    """Add a UNIQUE constraint whose index, `spec`, is built concurrently first."""

    def __init__(
        self,
        spec: IndexSpec,
        *,
        deferral: Deferral | None = None,
        comment: str | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.spec = spec
        self.deferral = deferral or Deferral()
        self.comment = comment
        self.settings = dict(settings or {})

    def reverse(self) -> DropUniqueConstraintConcurrentlyOp:
        """The drop that undoes it, and remembers the definition."""
        return DropUniqueConstraintConcurrentlyOp(
            self.spec.name,
            self.spec.table,
            schema=self.spec.schema,
            settings=self.settings,
            reverse_of=self,
        )

    def to_diff_tuple(self) -> tuple[str, IndexSpec]:
        """What `alembic check` shows."""
        return ("add_constraint", self.spec)

    @classmethod
    def create_unique_constraint_concurrently(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        columns: Sequence[str],
        **options: Any,
    ) -> None:
        """Add a UNIQUE constraint to a live table."""
        with told_by_alembic():
            label = f'constraint "{constraint_name}" on "{table_name}"'
            definition = {name: options.pop(name) for name in _DEFINITION if name in options}
            comment = options.pop("comment", None)
            deferral = _take_deferral(label, options)
            settings = take_settings(label, options, SETTING_NAMES)
            spec = define_index(constraint_name, table_name, columns, unique=True, **definition)
            _check_columns(label, spec)
            operations.invoke(cls(spec, deferral=deferral, comment=comment, settings=settings))


class DropUniqueConstraintConcurrentlyOp(MigrateOperation):
    """Drop a UNIQUE constraint; `reverse_of` is the operation that made it, if known."""

    def __init__(
        self,
        constraint_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        settings: Mapping[str, object] | None = None,
        reverse_of: CreateUniqueConstraintConcurrentlyOp | None = None,
    ) -> None:
        check_name(constraint_name)
        self.constraint_name = str(constraint_name)
        self.table_name = str(table_name)
        self.schema = None if schema is None else str(schema)
        self.settings = dict(settings or {})
        self.reverse_of = reverse_of

    def reverse(self) -> CreateUniqueConstraintConcurrentlyOp:
        """The operation that made it. Raises ValueError where its definition is unknown."""
        if self.reverse_of is None:
            raise ValueError(
                f'drop of constraint "{self.constraint_name}" cannot be reversed: its definition'
                " is not known"
            )
        return self.reverse_of

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """What `alembic check` shows."""
        return ("remove_constraint", self.table_name, self.constraint_name)

    @classmethod
    def drop_unique_constraint_concurrently(
        cls, operations: Operations, constraint_name: str, table_name: str, **options: Any
    ) -> None:
        """Drop a UNIQUE constraint of a live table; in a downgrade, only what was added."""
        with told_by_alembic():
            schema = options.pop("schema", None)
            label = f'constraint "{constraint_name}" on "{table_name}"'
            settings = take_settings(label, options, ("lock_timeout", "stall_timeout"))
            operations.invoke(cls(constraint_name, table_name, schema=schema, settings=settings))


def _check_columns(label: str, spec: IndexSpec) -> None:
    """Raise ArgumentError for what PostgreSQL refuses of a constraint's index (42809)."""
    for key in spec.key_columns:
        problem = ""
        if key.column is None:
            problem = "an expression"
        elif key.descending or key.nulls_first:
            problem = f'an order ("{key.column}" DESC or NULLS FIRST)'
        elif key.operator_class is not None or key.collation is not None:
            problem = f'an operator class or collation ("{key.column}")'
        if problem:
            raise ArgumentError(
                f"{label}: a constraint's index has no {problem[problem.index(' ') + 1 :]}; name"
                " plain columns, or use op.create_concurrent_index(..., unique=True)"
            )


def _take_deferral(label: str, options: dict[str, Any]) -> Deferral:
    deferrable = options.pop("deferrable", None)
    initially = options.pop("initially", None)
    if deferrable not in (None, True, False):
        raise ArgumentError(f"{label}: deferrable is True or False, not {deferrable!r}")
    spelled = initially.upper() if isinstance(initially, str) else initially
    if spelled not in (None, "IMMEDIATE", "DEFERRED"):
        raise ArgumentError(f'{label}: initially is "IMMEDIATE" or "DEFERRED", not {initially!r}')
    if spelled == "DEFERRED" and deferrable is False:
        raise ArgumentError(f'{label}: initially="DEFERRED" needs deferrable=True')
    deferred = spelled == "DEFERRED"
    return Deferral(bool(deferrable) or deferred, deferred)


DOORS = ("create_unique_constraint_concurrently", "drop_unique_constraint_concurrently")


def register() -> None:
    """Make the operations known to Alembic."""
    Operations.register_operation(DOORS[0])(CreateUniqueConstraintConcurrentlyOp)
    Operations.register_operation(DOORS[1])(DropUniqueConstraintConcurrentlyOp)
    refuse_in_batch(*DOORS)
