"""One revision that mixes -> several: changes, index operations, columns that waited for these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.operations.ops import (
    DowngradeOps,
    MigrateOperation,
    MigrationScript,
    OpContainer,
    UpgradeOps,
)
from alembic.util import rev_id

from alembic_index_ops.migration.mixing import is_concurrent, is_mixed, remember_revision
from alembic_index_ops.migration.placing import EarlyCreateOp, EarlyDropOp, LaterColumnDrops

_KEYS, _CHANGES, _INDEXES, _COLUMNS = range(4)
_WORDS = {_CHANGES: "changes", _INDEXES: "indexes", _COLUMNS: "columns"}


class StepOps(UpgradeOps):
    """Operations of one of several revisions; `earlier` are those of the one before it."""

    def __init__(
        self, ops: Sequence[MigrateOperation], token: str, earlier: UpgradeOps | None
    ) -> None:
        super().__init__(ops, upgrade_token=token)
        self.earlier = earlier

    def as_diffs(self) -> Any:
        """What all these revisions change up to this one: `alembic check` asks the last only."""
        return [*(self.earlier.as_diffs() if self.earlier else ()), *super().as_diffs()]


def separate(directives: list[MigrationScript]) -> None:
    """Put further revisions behind one that mixes.

    With several databases (the template `multidb`) Alembic calls this after each of them, whose
    operations it has added to the last revision: what was divided then is divided anew.
    """
    steps = [script for script in directives if _is_step(script)] or directives[-1:]
    upgrades = _gather([script.upgrade_ops_list for script in steps])
    downgrades = _gather([script.downgrade_ops_list for script in steps])
    if not any(is_mixed(OpContainer(operations)) for operations in upgrades):
        return
    last = steps[-1]
    tokens = [upgrade.upgrade_token for upgrade in last.upgrade_ops_list]
    back_tokens = [downgrade.downgrade_token for downgrade in last.downgrade_ops_list]
    parts = sorted({_part(each) for operations in upgrades for each in operations})
    start = directives.index(steps[0])
    steps += [_further(steps[0]) for _ in parts[len(steps) :]]
    earlier: list[StepOps | None] = [None] * len(upgrades)
    for number, (script, part) in enumerate(zip(steps, parts, strict=True)):
        made = [
            StepOps(_of(part, operations), token, before)
            for operations, token, before in zip(upgrades, tokens, earlier, strict=True)
        ]
        for upgrade in made:
            remember_revision(upgrade)
        script._upgrade_ops, earlier = list(made), list(made)
        script._downgrade_ops = [
            DowngradeOps(_of(part, operations), downgrade_token=token)
            for operations, token in zip(downgrades, back_tokens, strict=True)
        ]
        if number:
            script.head = str(steps[number - 1].rev_id)
            message = steps[0].message
            script.message = f"{message} ({_WORDS[part]})" if message else _WORDS[part]
    directives[start:] = steps


def _is_step(script: MigrationScript) -> bool:
    return any(isinstance(upgrade, StepOps) for upgrade in script.upgrade_ops_list)


def _gather(lists: Sequence[Sequence[OpContainer]]) -> list[list[MigrateOperation]]:
    """The operations of each database, those of all the steps; the last one has all databases."""
    gathered: list[list[MigrateOperation]] = [[] for _ in lists[-1]]
    for containers in lists:
        for operations, container in zip(gathered, containers, strict=False):
            operations += container.ops
    return gathered


def _part(operation: MigrateOperation) -> int:
    if isinstance(operation, (EarlyCreateOp, EarlyDropOp)):
        return _KEYS
    if is_concurrent(operation):
        return _INDEXES
    return _COLUMNS if isinstance(operation, LaterColumnDrops) else _CHANGES


def _of(part: int, operations: Sequence[MigrateOperation]) -> list[MigrateOperation]:
    return [operation for operation in operations if _part(operation) == part]


def _further(first: MigrationScript) -> MigrationScript:
    """One more revision beside the first, still empty."""
    return MigrationScript(
        rev_id=rev_id(),
        upgrade_ops=UpgradeOps([]),
        downgrade_ops=DowngradeOps([]),
        imports=set(first.imports),
        version_path=first.version_path,
    )
