"""Spec -> SQL text. Every name is quoted; expressions and predicates are the caller's SQL."""

from __future__ import annotations

from alembic_index_ops.definition.spec import IndexSpec, KeyColumn, QualifiedName


def quote(name: str) -> str:
    """A name as an SQL identifier, always quoted, so that case and reserved words are safe."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as an SQL string, whatever standard_conforming_strings says."""
    escaped = value.replace("'", "''")
    if "\\" in escaped:
        return " E'" + escaped.replace("\\", "\\\\") + "'"
    return "'" + escaped + "'"


def dollar(text: str) -> str:
    """Text as a dollar-quoted string, with a tag that does not end it early."""
    number = 0
    # A text that ends in "$ops" would have its end completed by the tag behind it.
    while f"$ops{number or ''}$" in f"{text}$":
        number += 1
    tag = f"$ops{number or ''}$"
    return f"{tag}{text}{tag}"


def qualified(name: str, schema: str | None) -> str:
    """A quoted name with its quoted schema, where it has one."""
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def render_create(
    spec: IndexSpec,
    *,
    concurrently: bool = False,
    if_not_exists: bool = False,
    only: bool = False,
) -> str:
    """CREATE INDEX, one line, without a semicolon.

    https://www.postgresql.org/docs/current/sql-createindex.html
    """
    parts = [
        "CREATE",
        "UNIQUE" if spec.unique else "",
        "INDEX",
        "CONCURRENTLY" if concurrently else "",
        "IF NOT EXISTS" if if_not_exists else "",
        quote(spec.name),
        "ON",
        "ONLY" if only else "",
        qualified(spec.table, spec.schema),
        "USING",
        quote(spec.access_method),
        f"({', '.join(render_key(key) for key in spec.key_columns)})",
    ]
    if spec.included_columns:
        parts.append(f"INCLUDE ({', '.join(map(quote, spec.included_columns))})")
    if spec.nulls_not_distinct:
        parts.append("NULLS NOT DISTINCT")
    if spec.storage_parameters:
        parts.append(f"WITH ({_parameters(spec.storage_parameters)})")
    if spec.tablespace is not None:
        parts.append(f"TABLESPACE {quote(spec.tablespace)}")
    if spec.predicate is not None:
        parts.append(f"WHERE {spec.predicate}")
    return " ".join(part for part in parts if part)


def render_key(key: KeyColumn) -> str:
    """One key: column or (expression), collation, operator class, direction, nulls order."""
    parts = [render_value(key)]
    if key.operator_class is not None:
        operator_class = _qualified_name(key.operator_class)
        if key.operator_class_parameters:
            operator_class += f" ({_parameters(key.operator_class_parameters)})"
        parts.append(operator_class)
    if key.descending:
        parts.append("DESC")
    if key.nulls_first != key.descending:
        parts.append("NULLS FIRST" if key.nulls_first else "NULLS LAST")
    return " ".join(parts)


def render_value(key: KeyColumn) -> str:
    """What a key holds, as an expression of a query: column or (expression), and collation."""
    value = quote(key.column) if key.column is not None else f"({key.expression})"
    return value if key.collation is None else f"{value} COLLATE {_qualified_name(key.collation)}"


def render_drop(
    name: str, schema: str | None, *, concurrently: bool = False, if_exists: bool = False
) -> str:
    """DROP INDEX, one line, without a semicolon."""
    parts = [
        "DROP INDEX",
        "CONCURRENTLY" if concurrently else "",
        "IF EXISTS" if if_exists else "",
        qualified(name, schema),
    ]
    return " ".join(part for part in parts if part)


def render_reindex(name: str, schema: str | None) -> str:
    """REINDEX INDEX CONCURRENTLY, which makes an INVALID index valid again."""
    return f"REINDEX INDEX CONCURRENTLY {qualified(name, schema)}"


def render_rename(name: str, schema: str | None, new_name: str) -> str:
    """ALTER INDEX ... RENAME TO."""
    return f"ALTER INDEX {qualified(name, schema)} RENAME TO {quote(new_name)}"


def render_comment(name: str, schema: str | None, comment: str | None) -> str:
    """COMMENT ON INDEX; None takes the comment away."""
    text = "NULL" if comment is None else literal(comment).strip()
    return f"COMMENT ON INDEX {qualified(name, schema)} IS {text}"


def _parameters(parameters: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{quote(name)}={literal(value)}" for name, value in parameters)


def _qualified_name(name: QualifiedName) -> str:
    return qualified(name.name, name.schema)
