"""What editors and type checkers know of the operations; checked, never run."""

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from alembic_index_ops import (
    IndexSpec,
    KeyColumn,
    define_index,
    deploy_lock,
    hookimpl,
    index,
    key,
    op,
)
from alembic_index_ops.events import Event, Named, Progress

op.create_table("jobs", sa.Column("id", sa.Integer, primary_key=True))
op.create_desc_index("ix", "jobs", ["org_id", "created_at DESC"])
op.create_desc_index(op.f("ix"), "jobs", [sa.column("created_at").desc()], schema="app")
op.create_covering_index("ix", "users", ["email"], include=["name"], unique=True)
op.create_concurrent_index(
    "ix",
    "documents",
    [key("title", operator_class="text_pattern_ops", desc=True), sa.func.lower(sa.column("title"))],
    where=sa.column("deleted_at").is_(None),
    lock_timeout=datetime.timedelta(seconds=3),
    concurrently="auto",
    storage_parameters={"fillfactor": 70},
    comment="for the list of titles",
)
op.create_concurrent_index("ix", "documents", [sa.text("lower(title) DESC")], where="a IS NULL")
op.drop_concurrent_index("ix", "documents", schema="app", lock_timeout="3s")
op.create_covering_index(
    "ix",
    "users",
    ["email"],
    include=("name",),
    lock_timeout=300,
    drain_timeout="1h",
    stall_timeout=0.05,
    maintenance_work_mem="1GB",
    max_parallel_maintenance_workers=4,
    analyze=True,
    show_duplicates=False,
    duplicates_timeout=datetime.timedelta(minutes=1),
)
op.drop_concurrent_index("ix", "documents", drain_timeout="15min", stall_timeout="100ms")

op.create_concurrent_index("ix", "events", ["at"], workers=4)
op.replace_index(
    "ix", "jobs", ["org_id", key("at", desc=True)], include=["id"], unique=True, analyze=True
)
op.replace_index("ix", "jobs", [sa.func.lower(sa.column("title"))], schema="app", concurrently=True)
op.restore_index("ix", "jobs", schema="app", concurrently=False, drain_timeout="1h")
op.rename_index("ix", "ix_jobs", "jobs", schema="app", lock_timeout="3s")
op.reindex_concurrently("ix", show_duplicates=False, duplicates_timeout="3s")
op.reindex_concurrently(table_name="jobs", schema="app", maintenance_work_mem="1GB")
op.reindex_concurrently(schema="app", lock_timeout=3, drain_timeout=datetime.timedelta(hours=1))
op.create_unique_constraint_concurrently(
    "uq",
    "users",
    ["org_id", "email"],
    schema="app",
    include=("name",),
    nulls_not_distinct=True,
    deferrable=True,
    initially="DEFERRED",
    storage_parameters={"fillfactor": 70},
    tablespace="fast",
    comment="one of each",
    stall_timeout="50ms",
    show_duplicates=False,
)
op.drop_unique_constraint_concurrently("uq", "users", schema="app", stall_timeout=0.05)

spec: IndexSpec = define_index("ix", "jobs", ["id"])
column: KeyColumn = spec.key_columns[0]

op.create_indexes([spec], workers=2, maintenance_work_mem="1GB", show_duplicates=False)
op.drop_indexes((spec,), workers=2, concurrently=True, lock_timeout="3s")


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    __table_args__ = (
        index("ix", "id DESC", key("title", operator_class="text_pattern_ops"), include=["id"]),
        index(None, id.desc(), sa.text("lower(title)"), where="id > 3", unique=True),
    )


of_a_model: sa.Index = index("later", Job.title, Job.id.desc(), sa.func.lower(Job.title))
of_a_model = index("last", Job.id, include=[Job.title], where=Job.id > 3, using="btree")

engine = sa.create_engine("postgresql+psycopg://")
with engine.connect() as connection, deploy_lock(connection, timeout="2h"):
    pass


class Listener:
    seconds = 0.0

    @hookimpl
    def index_ops_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            waited: list[float] = [blocker.waited_seconds for blocker in event.waiting_for]
            self.seconds = event.percent + sum(waited)
        elif isinstance(event, Named):
            self.seconds = event.seconds


Listener().index_ops_event(Named("ix", "t", 1.5))

op.create_desc_index("ix", "jobs")  # type: ignore[call-arg]  # pyright: ignore
op.create_desc_index("ix", "jobs", [1])  # type: ignore[list-item]  # pyright: ignore
op.create_covering_index("ix", "jobs", ["id"])  # type: ignore[call-arg]  # pyright: ignore
op.create_concurrent_index("ix", "jobs", ["id"], if_not_exists=True)  # type: ignore[call-arg]  # pyright: ignore
op.drop_concurrent_index("ix")  # type: ignore[call-arg]  # pyright: ignore
op.create_concurrent_index("ix", "jobs", ["id"], analyze="yes")  # type: ignore[arg-type]  # pyright: ignore
op.create_concurrent_index("ix", "jobs", ["id"], maintenance_work_mem=512)  # type: ignore[arg-type]  # pyright: ignore
op.drop_concurrent_index("ix", "jobs", show_duplicates=False)  # type: ignore[call-arg]  # pyright: ignore
deploy_lock(connection, "1h")  # type: ignore[call-arg]  # pyright: ignore
op.replace_index("ix", "jobs")  # type: ignore[call-arg]  # pyright: ignore
op.restore_index("ix", "jobs", unique=True)  # type: ignore[call-arg]  # pyright: ignore
op.rename_index("ix", "iy")  # type: ignore[call-arg]  # pyright: ignore
op.rename_index("ix", "iy", "jobs", drain_timeout="1h")  # type: ignore[call-arg]  # pyright: ignore
op.reindex_concurrently("ix", "jobs")  # type: ignore[call-arg]  # pyright: ignore
op.reindex_concurrently(["ix"])  # type: ignore[arg-type]  # pyright: ignore
op.create_unique_constraint_concurrently("uq", "users", [sa.column("a")])  # type: ignore[list-item]  # pyright: ignore
op.create_unique_constraint_concurrently("uq", "users", ["a"], initially="LATER")  # type: ignore[arg-type]  # pyright: ignore
op.drop_unique_constraint_concurrently("uq", "users", drain_timeout=1)  # type: ignore[call-arg]  # pyright: ignore
op.create_indexes(["ix"])  # type: ignore[list-item]  # pyright: ignore
op.create_indexes([spec], workers="2")  # type: ignore[arg-type]  # pyright: ignore
op.drop_indexes([spec], show_duplicates=False)  # type: ignore[call-arg]  # pyright: ignore
index("ix", 1)  # type: ignore[arg-type]  # pyright: ignore
index("ix", ["id"])  # type: ignore[arg-type]  # pyright: ignore
index("ix", "id", postgresql_where="id > 3")  # type: ignore[arg-type]  # pyright: ignore
index("ix", "id", unique="yes")  # type: ignore[arg-type]  # pyright: ignore
