"""Two specs -> the differences, in words. Pure: what needs the server is done before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn
from alembic_index_ops.definition.sql import quote, render_key

_SWITCHES = frozenset({"autosummarize", "deduplicate_items", "fastupdate"})
_BOOLEANS = dict.fromkeys(("on", "true", "yes", "1"), True) | dict.fromkeys(
    ("off", "false", "no", "0"), False
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute in which two definitions differ; both sides as a person reads them."""

    attribute: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.attribute}: wanted {self.wanted}, found {self.found}"


def compare_definitions(
    wanted: IndexSpec,
    found: IndexSpec,
    *,
    normalised: bool = True,
    any_tablespace: bool = True,
) -> tuple[Difference, ...]:
    """How `found` differs from `wanted`; names, tables and schemas are not compared.

    `normalised=False` says that `wanted` has not been read back from a server: expressions
    and predicates are then compared by their presence only, and an operator class or
    collation only where both name one. `wanted.tablespace=None` accepts any tablespace, or
    (`any_tablespace=False`) the database's own.
    """
    differences: list[Difference] = []

    def check(attribute: str, wanted_value: object, found_value: object) -> None:
        if wanted_value != found_value:
            differences.append(Difference(attribute, _words(wanted_value), _words(found_value)))

    check("access method", wanted.access_method, found.access_method)
    check("unique", wanted.unique, found.unique)
    for position, (left, right) in enumerate(
        zip_longest(wanted.key_columns, found.key_columns), start=1
    ):
        if left is None or right is None or not _same_key(left, right, normalised):
            differences.append(
                Difference(f"key column {position}", describe_key(left), describe_key(right))
            )
    # INCLUDE is a set to every query; its order changes nothing that can be seen.
    check(
        "included columns",
        tuple(sorted(wanted.included_columns)),
        tuple(sorted(found.included_columns)),
    )
    if normalised or (wanted.predicate is None) != (found.predicate is None):
        check("predicate", wanted.predicate, found.predicate)
    check("nulls not distinct", wanted.nulls_not_distinct, found.nulls_not_distinct)
    if _meant(wanted.storage_parameters) != _meant(found.storage_parameters):
        check("storage parameters", wanted.storage_parameters, found.storage_parameters)
    # The catalog has no name for the database's own tablespace, which mostly is pg_default.
    own = wanted.tablespace == "pg_default" and found.tablespace is None
    if not own and (wanted.tablespace is not None or not any_tablespace):
        check("tablespace", wanted.tablespace, found.tablespace)
    return tuple(differences)


def describe_key(key: KeyColumn | None) -> str:
    """A key as SQL without quotes around plain names, or "nothing"."""
    if key is None:
        return "nothing"
    rendered = render_key(key)
    quoted = '"' + (key.column or "") + '"'
    if key.column is not None and key.column.isidentifier():
        return key.column + rendered[len(quoted) :]
    return rendered


def _same_key(wanted: KeyColumn, found: KeyColumn, normalised: bool) -> bool:
    if normalised:
        return wanted == found
    if (wanted.descending, wanted.nulls_first) != (found.descending, found.nulls_first):
        return False
    if wanted.expression is not None:
        # The server takes an expression that is nothing but a column for that column.
        return found.column is None or wanted.expression in (found.column, quote(found.column))
    if wanted.column != found.column:
        return False
    return all(
        left is None or right is None or left.name == right.name
        for left, right in (
            (wanted.operator_class, found.operator_class),
            (wanted.collation, found.collation),
        )
    )


def _meant(parameters: tuple[tuple[str, str], ...]) -> dict[str, str | bool]:
    """Storage parameters as they work: PostgreSQL keeps booleans in the words they came in."""
    return {
        name: _BOOLEANS.get(value.lower(), value) if name in _SWITCHES else value
        for name, value in parameters
    }


def _words(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join("=".join(item) if isinstance(item, tuple) else str(item) for item in value)
    return str(value)
