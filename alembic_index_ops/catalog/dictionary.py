"""The names behind the numbers of pg_index: columns, operator classes, collations."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from alembic_index_ops.definition.spec import KeyColumn, QualifiedName

if TYPE_CHECKING:
    from alembic_index_ops.catalog.indexes import ObservedIndex

_DESC, _NULLS_FIRST = 1, 2  # the bits of pg_index.indoption
_TEXT, _VARCHAR, _DEFAULT_COLLATION = "25", "1043", "100"  # OIDs, the same everywhere


class Dictionary:
    """What a result's numbers mean; they are text here, as in JSON and in the vectors.

    `columns`: table -> names, types and collations by attribute number less one.
    `domains`: domain -> the type below it, which may be another domain.
    `classes`: operator class -> name, schema, whether it is the default for its input type,
    access method, input type. `collations`: collation -> name, schema.
    """

    def __init__(
        self,
        columns: dict[str, tuple[list[str], list[str], list[str]]],
        domains: dict[str, str] | None,
        classes: dict[str, tuple[str, str, bool, str, str]],
        collations: dict[str, tuple[str, str]] | None,
    ) -> None:
        self._columns = columns
        self._domains = domains or {}
        self._classes = classes
        self._collations = collations or {}
        self._defaults = {
            (method, type_) for _, _, default, method, type_ in classes.values() if default
        }

    def resolve(self, row: ObservedIndex) -> tuple[tuple[str, ...], tuple[KeyColumn, ...]]:
        """The names of all columns of an index ("" for an expression), and its keys."""
        names, types, collations = self._columns[str(row.table_oid)]
        numbers = [int(number) - 1 for number in row.indkey.split()]
        parameters = json.loads(row.parameters) if row.parameters else {}
        keys = []
        for position, (number, option, class_, collation) in enumerate(
            zip(
                numbers,
                row.indoption.split(),
                row.indclass.split(),
                row.indcollation.split(),
                strict=False,
            )
        ):
            given = parameters.get(str(position + 1), ())
            keys.append(
                KeyColumn(
                    None if number < 0 else names[number],
                    row.expressions[position] if number < 0 and row.expressions else None,
                    descending=bool(int(option) & _DESC),
                    nulls_first=bool(int(option) & _NULLS_FIRST),
                    operator_class=self._operator_class(
                        class_, None if number < 0 else types[number], named=bool(given)
                    ),
                    collation=self._collation(
                        collation, _DEFAULT_COLLATION if number < 0 else collations[number]
                    ),
                )
            )
            if given:
                pairs = (pair.partition("=") for pair in given)
                keys[-1] = replace(
                    keys[-1],
                    operator_class_parameters=tuple((name, value) for name, _, value in pairs),
                )
        return tuple("" if number < 0 else names[number] for number in numbers), tuple(keys)

    def _operator_class(
        self, oid: str, column_type: str | None, *, named: bool
    ) -> QualifiedName | None:
        """None for the default: the class marked so, unless the type has a default of its own."""
        name, schema, default, method, input_type = self._classes[oid]
        own_type = column_type
        while own_type in self._domains:
            own_type = self._domains[own_type]
        if own_type == _VARCHAR:  # it has no operator classes and uses those of text
            own_type = _TEXT
        if (
            default
            and not named
            and (own_type in (None, input_type) or (method, own_type) not in self._defaults)
        ):
            return None
        return QualifiedName(name, schema)

    def _collation(self, oid: str, column_collation: str) -> QualifiedName | None:
        if oid in ("0", column_collation):
            return None
        return QualifiedName(*self._collations[oid])
