"""The arguments that say what an index is: their names, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from alembic_index_ops.errors import ArgumentError

DEFINITION = (
    "schema",
    "unique",
    "include",
    "using",
    "where",
    "nulls_not_distinct",
    "storage_parameters",
    "tablespace",
)
_OUR_SPELLING = {
    "if_not_exists": "leave it out: an index that is already there as asked is taken as it is",
    "if_exists": "leave it out: an index that is not there is no error",
    "postgresql_concurrently": 'leave it out, or write concurrently=True; the default is "auto"',
    "postgresql_where": "write where=",
    "postgresql_include": "write include=",
    "postgresql_using": "write using=",
    "postgresql_with": "write storage_parameters=",
    "postgresql_ops": 'write key("column", operator_class="...") in columns',
    "postgresql_tablespace": "write tablespace=",
    "postgresql_nulls_not_distinct": "write nulls_not_distinct=",
    "cascade": "leave it out: what depends on an index is dropped by its own operation",
}


def unknown_argument(label: str, name: str, known: Iterable[str]) -> ArgumentError:
    """The error for an argument that there is not, with our spelling of it where there is one."""
    hint = _OUR_SPELLING.get(name, f"known arguments: {', '.join(known)}")
    return ArgumentError(f"{label}: there is no argument {name}=; {hint}")


def check_arguments(
    label: str, *, include: object, unique: bool, using: str, nulls_not_distinct: bool
) -> None:
    """Raise ArgumentError for values that read well and mean nothing."""
    if isinstance(include, str):
        raise ArgumentError(f'{label}: include is a list; write include=["{include}"]')
    if unique and using.lower() == "gist":
        raise ArgumentError(
            f"{label}: access method gist cannot be unique; use btree for a unique index"
        )
    if nulls_not_distinct and not unique:
        raise ArgumentError(f"{label}: nulls_not_distinct=True needs unique=True")


@contextmanager
def about(label: str, index_name: str | None) -> Iterator[None]:
    """Have every ArgumentError raised inside name the index it is about."""
    try:
        yield
    except ArgumentError as error:
        message = str(error)
        if index_name is not None and f'"{index_name}"' in message:
            raise
        raise ArgumentError(f"{label}: {message}") from None
