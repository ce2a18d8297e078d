"""Hypothesis strategies for definitions that a server stores as they are written."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from sqlalchemy import Connection, text

from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName, render_create
from alembic_index_ops.definition.sql import qualified, quote
from tests.unit.definition.strategies import NAMES

# A server forbids schema names that begin with pg_; the rest of NAMES is good for anything.
SCHEMAS = NAMES.filter(lambda name: not name.startswith("pg_"))

# A column may have any name but that of one each table has (PostgreSQL, "System Columns").
SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
COLUMN_NAMES = NAMES.filter(lambda name: name not in SYSTEM_COLUMNS)

# Six columns of each table, by role; `n` stands for a number, `s` for text, `v` for varchar.
ROLES = {
    "n": "int NOT NULL",
    "s": "text",
    "c": 'text COLLATE "C"',
    "v": "varchar(20)",
    "j": "jsonb",
    "w": "tsvector",
}

STORAGE = {
    "btree": {"fillfactor": st.integers(10, 100), "deduplicate_items": st.booleans()},
    "hash": {"fillfactor": st.integers(10, 100)},
    "gin": {"fastupdate": st.booleans(), "gin_pending_list_limit": st.integers(64, 9999)},
    "gist": {"fillfactor": st.integers(10, 100), "buffering": st.sampled_from(["on", "auto"])},
    "spgist": {"fillfactor": st.integers(10, 100)},
    "brin": {"pages_per_range": st.integers(1, 999), "autosummarize": st.booleans()},
}


def named(*names: str) -> list[QualifiedName]:
    return [QualifiedName(name) for name in names]


# What each access method can have as a key: role -> operator classes that are no default.
CLASSES = {
    "btree": {
        "n": [],
        "s": named("text_pattern_ops", "varchar_ops"),
        "c": named("text_pattern_ops"),
        "v": named("varchar_pattern_ops", "text_pattern_ops"),
    },
    "hash": {"n": [], "s": named("text_pattern_ops"), "v": [], "j": []},
    "gin": {"j": named("jsonb_path_ops"), "w": []},
    "gist": {"w": []},
    "spgist": {"s": [], "c": []},
    "brin": {"n": named("int4_bloom_ops", "int4_minmax_multi_ops"), "s": named("text_bloom_ops")},
}


@dataclass(frozen=True)
class Columns:
    """A table's column names by role, as they are and as the server writes them in expressions."""

    names: dict[str, str]
    written: dict[str, str]


def draw_columns(data: st.DataObject, connection: Connection) -> Columns:
    names = data.draw(st.lists(COLUMN_NAMES, min_size=len(ROLES), max_size=len(ROLES), unique=True))
    rows = connection.execute(
        text("SELECT quote_ident(n) FROM unnest(CAST(:names AS text[])) AS n"), {"names": names}
    )
    return Columns(
        dict(zip(ROLES, names, strict=True)), dict(zip(ROLES, rows.scalars(), strict=True))
    )


@st.composite
def definitions(
    draw: st.DrawFn, columns: Columns, collations: list[QualifiedName], version: int
) -> IndexSpec:
    """An index that the server stores as it is written."""
    method = draw(st.sampled_from(sorted(CLASSES)))
    unique = method == "btree" and draw(st.booleans())
    keys = draw(st.lists(key_columns(columns, method, collations), min_size=1, max_size=4))
    included = st.lists(
        st.sampled_from([columns.names[role] for role in "nscv"]), max_size=2, unique=True
    )
    storage = draw(st.fixed_dictionaries({}, optional=STORAGE[method]))
    table, name = draw(st.lists(NAMES, min_size=2, max_size=2, unique=True))
    return IndexSpec(
        name=name,
        table=table,
        schema=draw(SCHEMAS),
        key_columns=tuple(keys[:1] if method in ("hash", "spgist") else keys),
        included_columns=tuple(draw(included)) if method in ("btree", "gist") else (),
        access_method=method,
        unique=unique,
        nulls_not_distinct=unique and version >= 15 and draw(st.booleans()),
        predicate=draw(st.one_of(st.none(), predicates(columns))),
        storage_parameters=tuple(storage.items()),
    )


@st.composite
def key_columns(
    draw: st.DrawFn, columns: Columns, method: str, collations: list[QualifiedName]
) -> KeyColumn:
    role = draw(st.sampled_from(sorted(CLASSES[method])))
    expression = None
    if role == "s" and draw(st.booleans()):
        s, c = columns.written["s"], columns.written["c"]
        expression = draw(
            st.sampled_from([f"lower({s})", f"({s} || ':x %s it''s'::text)", f"COALESCE({s}, {c})"])
        )
    parameters: tuple[tuple[str, str], ...] = ()
    operator_class = draw(st.sampled_from([None, *CLASSES[method][role]]))
    if method == "gist" and draw(st.booleans()):
        operator_class = QualifiedName("tsvector_ops")
        parameters = (("siglen", str(draw(st.integers(1, 2024)))),)
    collatable = role in "sv" and (expression is None or "COALESCE" not in expression)
    return KeyColumn(
        None if expression else columns.names[role],
        expression,
        descending=method == "btree" and draw(st.booleans()),
        nulls_first=draw(st.booleans()) if method == "btree" else None,
        operator_class=operator_class,
        operator_class_parameters=parameters,
        # Two columns of different collations have none together, so COALESCE needs one named.
        collation=draw(st.sampled_from([None, *collations]))
        if collatable
        else QualifiedName("POSIX")
        if expression
        else None,
    )


def predicates(columns: Columns) -> st.SearchStrategy[str]:
    n, s, v = (columns.written[role] for role in "nsv")
    return st.sampled_from(
        [
            f"{n} > 0",
            f"{s} IS NOT NULL",
            f"({v})::text = 'active'::text",
            f"{s} = ANY (ARRAY['a'::text, ':b'::text, '%s'::text])",
            f"({n} > 0) AND ({s} <> ')('::text)",
            f"({s} = 'it''s'::text) OR ({n} IS NULL)",
        ]
    )


def create(connection: Connection, columns: Columns, spec: IndexSpec) -> None:
    body = ", ".join(f"{quote(columns.names[role])} {kind}" for role, kind in ROLES.items())
    schema = quote(spec.schema or "")
    for statement in (
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"CREATE TABLE {qualified(spec.table, spec.schema)} ({body})",
        render_create(spec),
    ):
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
