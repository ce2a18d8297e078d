"""What a marker or an assertion was given -> Requirement. Pure: no connection is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from alembic_index_ops import ArgumentError, IndexSpec, KeyColumn, define_index, describe_key
from pytest_index_assert import shape as query
from pytest_index_assert.errors import RequirementError
from pytest_index_assert.facets import LEVELS, Level
from pytest_index_assert.naming import default_name
from pytest_index_assert.shape import QueryShape

_DEFINITION = ("include", "unique", "using", "where", "nulls_not_distinct")
_KEYWORDS = ("schema", "name", *_DEFINITION, "match", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """An index that has to exist: by its definition or the query that it serves, and by its name.

    `definition` and `shape` are None where only the name is asked for. A definition's own name
    is a proposal where none is asked for. `unique=None` takes either.
    """

    label: str
    table: str | None
    schema: str | None = None
    name: str | None = None
    definition: IndexSpec | None = None
    shape: QueryShape | None = None
    unique: bool | None = None
    match: Level = "equivalent"
    reason: str | None = None

    @classmethod
    def of(cls, spec: IndexSpec) -> Requirement:
        """The index that a model declares: its name and its definition."""
        return cls(
            label=f'index "{spec.name}" of the model of "{spec.table}"',
            table=spec.table,
            schema=spec.schema,
            name=spec.name,
            definition=spec,
            unique=spec.unique,
        )


def parse_requirement(
    arguments: Sequence[Any], keywords: Mapping[str, Any], caller: str = "requires_index"
) -> Requirement:
    """The requirement that these arguments of `caller` state.

    Raises RequirementError, which names the object, the cause and the next step.
    """
    label = _label(caller, arguments, keywords)
    if "table" in keywords and not arguments:
        arguments = (keywords["table"],)
        keywords = {word: value for word, value in keywords.items() if word != "table"}
    try:
        return _parse(label, caller, tuple(arguments), keywords)
    except ArgumentError as error:
        raise RequirementError(f"{label}: {error}") from None


def _parse(
    label: str, caller: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Requirement:
    table: Any = arguments[0] if arguments else None
    columns = _columns(arguments[1:])
    _check_keywords(bool(columns), keywords)
    name: Any = keywords.get("name")
    schema, unique = keywords.get("schema"), keywords.get("unique")
    _check_table(caller, table, schema)
    _check_name(name, schema)
    if any(keywords.get(word) is not None for word in query.WORDS):
        return _parse_shape(label, caller, table, keywords)
    if not columns:
        _check_name_alone(caller, table, keywords)
    match = keywords.get("match", "equivalent")
    if match not in LEVELS:
        raise ArgumentError(f'match is "exact", "equivalent" or "at_least", not {match!r}')
    if unique not in (None, True, False):
        raise ArgumentError(f"unique is True, False, or None for either, not {unique!r}")
    definition = None
    if table is not None and columns:
        definition = define_index(
            name or default_name(table, columns),
            table,
            columns,
            schema=schema,
            unique=bool(unique),
            include=keywords.get("include") or (),
            using=keywords.get("using", "btree"),
            where=keywords.get("where"),
            nulls_not_distinct=bool(keywords.get("nulls_not_distinct")),
        )
    return Requirement(
        label=label,
        table=table,
        schema=schema,
        name=name,
        definition=definition,
        unique=unique,
        match=match,
        reason=keywords.get("reason"),
    )


def _parse_shape(label: str, caller: str, table: Any, keywords: Mapping[str, Any]) -> Requirement:
    if table is None:
        raise ArgumentError(f'the table is not named; write {caller}("table", eq=[...])')
    asked = [
        word
        for word in (*_DEFINITION, "match")
        if word in keywords and not _is_default(word, keywords[word])
    ]
    if asked:
        raise ArgumentError(
            f"{asked[0]}= belongs to a definition, and a query is served by any index that can;"
            " leave it out, or name the index's columns"
        )
    return Requirement(
        label=label,
        table=table,
        schema=keywords.get("schema"),
        name=keywords.get("name"),
        shape=query.parse_shape(table, keywords),
        reason=keywords.get("reason"),
    )


def _columns(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(arguments) == 1 and isinstance(arguments[0], (list, tuple)):
        return tuple(arguments[0])
    for column in arguments:
        if isinstance(column, (list, tuple)):
            raise ArgumentError("give the columns one by one, or all of them in one list")
        if isinstance(column, str) and "," in column and "(" not in column:
            parts = ", ".join(f'"{part.strip()}"' for part in column.split(","))
            raise ArgumentError(f'"{column}" is one text; write the columns one by one: {parts}')
    return arguments


def _check_keywords(has_columns: bool, keywords: Mapping[str, Any]) -> None:
    for word, value in keywords.items():
        if word in query.WORDS:
            if has_columns and not _is_default(word, value):
                raise ArgumentError(
                    f"the columns of an index and {word}= of a query are two ways to ask;"
                    " leave one of them out"
                )
        elif word not in _KEYWORDS:
            known = (*_KEYWORDS, *query.WORDS)
            near = get_close_matches(word, known, 1)
            hint = f"did you mean {near[0]}=?" if near else f"it knows {', '.join(known)}"
            raise ArgumentError(f"there is no argument {word}=; {hint}")


def _check_table(caller: str, table: Any, schema: str | None) -> None:
    if table is None:
        return
    if not isinstance(table, str) or not table:
        raise ArgumentError(f"the table comes first, by its name, not {table!r}")
    before, dot, after = table.partition(".")
    if dot and schema is None:
        raise ArgumentError(
            f'the table "{table}" has a dot; if "{before}" is its schema, write'
            f' {caller}("{after}", ..., schema="{before}")'
        )


def _check_name(name: Any, schema: str | None) -> None:
    if name is None:
        return
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"name= is the name of an index, not {name!r}")
    before, dot, after = name.partition(".")
    if dot and schema is None:
        raise ArgumentError(
            f'the index name "{name}" has a dot; if "{before}" is its schema, write'
            f' name="{after}", schema="{before}"'
        )


def _check_name_alone(caller: str, table: str | None, keywords: Mapping[str, Any]) -> None:
    asked = [word for word in _DEFINITION if not _is_default(word, keywords.get(word))]
    if keywords.get("name"):
        if asked:
            raise ArgumentError(
                f"{asked[0]}= belongs to a definition; name the table and its columns as well"
            )
    elif table is None:
        raise ArgumentError(
            f'nothing is asked for; write {caller}("table", "column") or {caller}(name="index")'
        )
    elif not asked:
        raise ArgumentError(
            "a single argument reads as the name of an index; if it is one, write"
            f' name="{table}"; if it is a table, name its columns too:'
            f' {caller}("{table}", "column")'
        )
    else:
        raise ArgumentError(f'no columns are named; write {caller}("{table}", "column", ...)')


def _label(caller: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    shown = [_shown(argument) for argument in arguments]
    shown += [
        f"{word}={_shown(value)}"
        for word, value in keywords.items()
        if word != "reason" and not _is_default(word, value)
    ]
    return f"{caller}({', '.join(shown)})"


def _is_default(word: str, value: Any) -> bool:
    # Never `value == default`: a SQLAlchemy expression answers with another expression.
    if value is None or (value is False and word != "unique"):
        return True
    if isinstance(value, (list, tuple)):
        return not value
    return isinstance(value, str) and (word, value) in {
        ("using", "btree"),
        ("match", "equivalent"),
    }


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return describe_key(value) if isinstance(value, KeyColumn) else str(value)
