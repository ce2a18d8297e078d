"""The names behind the numbers of pg_index: columns, operator classes, collations."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
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
        self._keys: dict[tuple[str, ...], KeyColumn] = {}
        self._defaults = {
            (method, type_) for _, _, default, method, type_ in classes.values() if default
        }

    def resolve(self, row: ObservedIndex) -> tuple[tuple[str, ...], tuple[KeyColumn, ...]]:
        """The names of all columns of an index ("" for an expression), and its keys."""
        names, types, collations = self._columns[str(row.table_oid)]
        numbers = [int(number) - 1 for number in row.indkey.split()]
        parameters = json.loads(row.parameters) if row.parameters else {}
        orders, classes, own = row.indoption.split(), row.indclass.split(), row.indcollation.split()
        keys = []
        for position in range(row.key_count):
            number = numbers[position]
            numbered = orders[position], classes[position], own[position]
            if number < 0:
                expression = row.expressions[position] if row.expressions else None
                # Only a btree surely keeps values of the expression's own type.
                type_ = row.expression_types[position] if row.expression_types else None
                key = self._key(None, expression, type_, _DEFAULT_COLLATION, *numbered)
            else:
                key = self._column(names[number], types[number], collations[number], *numbered)
            given = parameters.get(str(position + 1))
            if given:
                key = self._with_parameters(key, classes[position], given)
            keys.append(key)
        return tuple("" if number < 0 else names[number] for number in numbers), tuple(keys)

    def _column(self, name: str, type_: str, *others: str) -> KeyColumn:
        """A column's key; tables have the same ones over and over, and a value can be shared."""
        asked = (name, type_, *others)
        key = self._keys.get(asked)
        if key is None:
            key = self._keys[asked] = self._key(name, None, type_, *others)
        return key

    def _key(
        self,
        name: str | None,
        expression: str | None,
        type_: str | None,
        column_collation: str,
        order: str,
        class_: str,
        collation: str,
    ) -> KeyColumn:
        return KeyColumn(
            name,
            expression,
            descending=bool(int(order) & _DESC),
            nulls_first=bool(int(order) & _NULLS_FIRST),
            operator_class=self._operator_class(class_, type_),
            collation=self._collation(collation, column_collation),
        )

    def _with_parameters(self, key: KeyColumn, class_: str, given: list[str]) -> KeyColumn:
        """Parameters name their operator class, be it the default or not."""
        pairs = (pair.partition("=") for pair in given)
        return replace(
            key,
            operator_class=QualifiedName(*self._classes[class_][:2]),
            operator_class_parameters=tuple((name, value) for name, _, value in pairs),
        )

    def _operator_class(self, oid: str, column_type: str | None) -> QualifiedName | None:
        """None for the default: the class marked so, unless the type has a default of its own."""
        name, schema, default, method, input_type = self._classes[oid]
        own_type = column_type
        while own_type in self._domains:
            own_type = self._domains[own_type]
        if own_type == _VARCHAR:  # it has no operator classes and uses those of text
            own_type = _TEXT
        if default and (own_type in (None, input_type) or (method, own_type) not in self._defaults):
            return None
        return QualifiedName(name, schema)

    def _collation(self, oid: str, column_collation: str) -> QualifiedName | None:
        if oid in ("0", column_collation):
            return None
        return QualifiedName(*self._collations[oid])


class UnreadDictionary:
    """A dictionary as it came, in JSON: most readers want no definition, so none need be read."""

    def __init__(self, text: str) -> None:
        self._text = text

    def resolve(self, row: ObservedIndex) -> tuple[tuple[str, ...], tuple[KeyColumn, ...]]:
        """See `Dictionary.resolve`."""
        return self._dictionary.resolve(row)

    @cached_property
    def _dictionary(self) -> Dictionary:
        return Dictionary(**json.loads(self._text))
