"""What an index is: frozen values, canonical at birth, so that == means "the same index"."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from alembic_index_ops.errors import ArgumentError

NAME_BYTES = 63
"""The longest name PostgreSQL keeps, in bytes (NAMEDATALEN - 1); it cuts longer ones."""

# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS
_PARENTHESIS_OR_QUOTED = re.compile(
    r"""[()]
    |(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
    |'(?:[^']|'')*'
    |"(?:[^"]|"")*"
    |(?<![\w$])(\$(?:[^\W\d]\w*)?\$).*?\1""",
    re.DOTALL | re.VERBOSE,
)
_WITHOUT_ORDER = frozenset({"hash", "gin", "gist", "spgist", "brin"})
_WITHOUT_UNIQUE = frozenset({"hash", "gin", "spgist", "brin"})
_WITHOUT_INCLUDE = frozenset({"hash", "gin", "brin"})


@dataclass(frozen=True, slots=True)
class QualifiedName:
    """The name of an operator class or a collation; `schema` is None on the search path."""

    name: str
    schema: str | None = None

    def __post_init__(self) -> None:
        if self.schema == "pg_catalog":
            object.__setattr__(self, "schema", None)

    @classmethod
    def of(cls, value: str | tuple[str, str] | QualifiedName | None) -> QualifiedName | None:
        """Read "name", "schema.name" or (schema, name); None stays None."""
        if value is None or isinstance(value, QualifiedName):
            return value
        if isinstance(value, tuple):
            return cls(value[1], value[0])
        schema, dot, name = value.partition(".")
        # A collation such as "de_DE.utf8" or "en-US.UTF-8" has a dot in its own name.
        if dot and name.lower().replace("-", "") != "utf8" and schema and name:
            return cls(name, schema)
        return cls(value)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One key of an index: a column by name, or an expression as SQL.

    `nulls_first=None` means PostgreSQL's default, which depends on `descending`, and is
    replaced by it at birth. `operator_class` and `collation` are None for the default of
    the column or expression.
    https://www.postgresql.org/docs/current/sql-createindex.html
    """

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    nulls_first: bool | None = None
    operator_class: QualifiedName | None = None
    operator_class_parameters: tuple[tuple[str, str], ...] = ()
    collation: QualifiedName | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.expression is None):
            raise ArgumentError("a key is either a column or an expression, exactly one of them")
        if self.column == "":
            raise ArgumentError("a key column needs a name, and this one is empty")
        if self.expression is not None:
            object.__setattr__(self, "expression", canonical_expression(self.expression))
        if self.nulls_first is None:
            object.__setattr__(self, "nulls_first", self.descending)
        if self.operator_class_parameters:
            parameters = canonical_parameters(self.operator_class_parameters)
            object.__setattr__(self, "operator_class_parameters", parameters)
            if self.operator_class is None:
                raise ArgumentError(
                    f"{self.label}: operator_class_parameters need the operator_class that takes"
                    " them"
                )

    @property
    def label(self) -> str:
        """The column's name, or the expression, for messages."""
        return self.column if self.column is not None else f"({self.expression})"

    @property
    def ordered(self) -> bool:
        """True where the key asks for an order other than ascending, nulls last."""
        return self.descending or bool(self.nulls_first)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """An index, whole: what CREATE INDEX says, without how it is built.

    `schema=None` means the first schema of the search path that has the table. `predicate`
    and expressions are SQL. `tablespace=None` means the database's default.
    """

    name: str
    table: str
    key_columns: tuple[KeyColumn, ...]
    schema: str | None = None
    included_columns: tuple[str, ...] = ()
    access_method: str = "btree"
    unique: bool = False
    nulls_not_distinct: bool = False
    predicate: str | None = None
    storage_parameters: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.table:
            raise ArgumentError(f'index "{self.name}": the table has no name')
        if self.storage_parameters:
            parameters = canonical_parameters(self.storage_parameters)
            object.__setattr__(self, "storage_parameters", parameters)
        if self.predicate is not None:
            object.__setattr__(self, "predicate", canonical_expression(self.predicate))
        if self.nulls_not_distinct and not self.unique:
            object.__setattr__(self, "nulls_not_distinct", False)
        if not self.key_columns:
            raise ArgumentError(f"{self._label}: it has no key columns; name at least one column")
        if "" in self.included_columns:
            raise ArgumentError(f"{self._label}: an included column has an empty name")
        if self.access_method != "btree":
            self._check_access_method()

    @property
    def _label(self) -> str:
        return f'index "{self.name}" on "{self.table}"'

    def _check_access_method(self) -> None:
        where, method = self._label, self.access_method
        if method in _WITHOUT_ORDER:
            for key in self.key_columns:
                if key.ordered:
                    raise ArgumentError(
                        f"{where}: access method {method} keeps no order, so {key.label} can be"
                        " neither DESC nor NULLS FIRST; leave that out, or use btree"
                    )
        # GiST is unique behind a WITHOUT OVERLAPS constraint (18+), never by CREATE INDEX.
        if self.unique and method in _WITHOUT_UNIQUE:
            raise ArgumentError(
                f"{where}: access method {method} cannot be unique; use btree for a unique index"
            )
        if self.included_columns and method in _WITHOUT_INCLUDE:
            raise ArgumentError(
                f"{where}: access method {method} cannot include columns; use btree, gist or spgist"
            )

    @property
    def evidently_plain(self) -> bool:
        """True where nothing needs the server to normalise it: columns by name, no predicate."""
        return self.predicate is None and all(
            key.column is not None and key.operator_class is None and key.collation is None
            for key in self.key_columns
        )

    def moved_to(self, schema: str) -> IndexSpec:
        """The same index on the table of that name in another schema."""
        return replace(self, schema=schema)

    def named(self, name: str) -> IndexSpec:
        """The same index under another name."""
        return replace(self, name=name)


def canonical_parameters(
    parameters: Mapping[str, object] | Iterable[tuple[str, object]],
) -> tuple[tuple[str, str], ...]:
    """Sorted pairs of text, as PostgreSQL stores reloptions: booleans as true and false."""
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    return tuple(
        sorted(
            (name, str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in pairs
        )
    )


def canonical_expression(sql: str) -> str:
    """SQL without the blanks and the pairs of parentheses that enclose the whole of it."""
    text = sql.strip()
    if not text:
        raise ArgumentError("an expression or predicate is empty; leave it out, or write its SQL")
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Where the parenthesis that opens `text` closes; quoted parts do not count."""
    depth = 0
    for token in _PARENTHESIS_OR_QUOTED.finditer(text):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            return token.start()
    return -1


def check_name(name: str) -> None:
    """Raise ArgumentError for a name that is empty, holds NUL, or is over 63 bytes."""
    if not name:
        raise ArgumentError("an index needs a name, and this one is empty")
    if "\0" in name:
        raise ArgumentError(f"index name {name!r}: PostgreSQL names cannot hold a NUL character")
    if len(name) <= NAME_BYTES and name.isascii():
        return
    size = len(name.encode())
    if size > NAME_BYTES:
        raise ArgumentError(
            f'index name "{name}" is {size} bytes long, and PostgreSQL would cut it at'
            f' {NAME_BYTES}; a name that fits: "{shorten(name)}"'
        )


def shorten(name: str, size: int = NAME_BYTES) -> str:
    """`name`, or its start and eight hex digits of its hash, in at most `size` bytes."""
    if len(name.encode()) <= size:
        return name
    return f"{cut(name, size - 9)}_{digest(name)}"


def cut(name: str, size: int) -> str:
    """The longest start of `name` that has at most `size` bytes and no broken character."""
    return name.encode()[:size].decode(errors="ignore")


def digest(*parts: object) -> str:
    """Eight hex digits of a hash, the same in every process."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:8]
