"""Catalog values made by hand, for plans that need no server."""

from __future__ import annotations

from alembic_index_ops import IndexSpec, KeyColumn, ObservedIndex, Table
from alembic_index_ops.build.plan import State
from alembic_index_ops.catalog.dictionary import Dictionary
from alembic_index_ops.catalog.tables import Holder

JOBS = Table(100, "public", "jobs", "r")
WISHED = IndexSpec(
    name="ix_jobs_org", schema="public", table="jobs", key_columns=(KeyColumn("org"),)
)

_DICTIONARY = Dictionary(
    columns={"100": (["org", "created"], ["23", "23"], ["0", "0"])},
    classes={"1978": ("int4_ops", "pg_catalog", True, "403", "23")},
    collations=None,
    domains=None,
)
_VALID = ObservedIndex(
    oid=200,
    name="ix_jobs_org",
    schema="public",
    table_oid=100,
    table="jobs",
    access_method="btree",
    unique=False,
    nulls_not_distinct=False,
    valid=True,
    ready=True,
    live=True,
    replica_identity=False,
    clustered=False,
    partitioned=False,
    parent_oid=None,
    constraint_type=None,
    constraint_name=None,
    reloptions=None,
    tablespace=None,
    comment=None,
    size=8192,
    key_count=1,
    indkey="1",
    indoption="0",
    indclass="1978",
    indcollation="0",
    expressions=None,
    expression_types=None,
    predicate=None,
    parameters=None,
    dictionary=_DICTIONARY,
)


def index(name: str = "ix_jobs_org", **facts: object) -> ObservedIndex:
    """A valid index on jobs(org), with other facts."""
    return _VALID._replace(name=name, **facts)


def finds(*indexes: ObservedIndex, holder: Holder | None = None) -> State:
    """A table with these indexes; `holder` has the wished name, unless one of them does."""
    for each in indexes:
        if each.name == WISHED.name:
            holder = Holder(each.oid, "i", each.table_oid, each.table)
    return State(JOBS, indexes, holder)
