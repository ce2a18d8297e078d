"""The operations as data: their doors, their arguments, reverse() and rendering."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import Operations
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext

from alembic_index_ops import ArgumentError, UnsupportedError, define_index, key
from alembic_index_ops.migration.ops import CreateConcurrentIndexOp, DropConcurrentIndexOp

SPEC = define_index("ix", "users", ["name DESC"], schema="app", include=["email"])


@pytest.fixture
def op() -> Operations:
    return Operations(MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True}))


def test_create_desc_index_wants_a_desc_key(op: Operations) -> None:
    with pytest.raises(ArgumentError) as caught:
        op.create_desc_index("ix", "users", ["name"])

    assert str(caught.value) == (
        'create_desc_index("ix"): no key column is DESC; write "column DESC", or use'
        " op.create_concurrent_index"
    )


def test_create_covering_index_wants_an_include(op: Operations) -> None:
    with pytest.raises(ArgumentError) as caught:
        op.create_covering_index("ix", "users", ["name"])

    assert str(caught.value) == (
        'create_covering_index("ix"): include is empty; write include=["column", ...], or use'
        " op.create_concurrent_index"
    )


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        (
            "if_not_exists",
            "leave it out: an index that is already there as asked is taken as it is",
        ),
        ("if_exists", "leave it out: an index that is not there is no error"),
        (
            "postgresql_concurrently",
            'leave it out, or write concurrently=True; the default is "auto"',
        ),
        ("postgresql_where", "write where="),
        ("postgresql_include", "write include="),
        ("postgresql_using", "write using="),
        ("postgresql_with", "write storage_parameters="),
        ("postgresql_ops", 'write key("column", operator_class="...") in columns'),
        ("postgresql_tablespace", "write tablespace="),
        ("postgresql_nulls_not_distinct", "write nulls_not_distinct="),
        (
            "uniqeu",
            "known arguments: schema, unique, include, using, where, nulls_not_distinct,"
            " storage_parameters, tablespace, comment, concurrently, lock_timeout,"
            " stall_timeout, drain_timeout, maintenance_work_mem, max_parallel_maintenance_workers,"
            " analyze, workers, show_duplicates, duplicates_timeout",
        ),
    ],
)
def test_an_argument_of_another_spelling(op: Operations, argument: str, hint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        op.create_concurrent_index("ix", "users", ["name"], **{argument: True})

    assert str(caught.value) == f'index "ix" on "users": there is no argument {argument}=; {hint}'


def test_concurrently_is_one_of_three(op: Operations) -> None:
    with pytest.raises(ArgumentError) as caught:
        op.create_concurrent_index("ix", "users", ["name"], concurrently="yes")

    assert str(caught.value) == (
        'index "ix" on "users": concurrently is "auto", True or False, not \'yes\''
    )


DOORS = (
    "create_desc_index",
    "create_covering_index",
    "create_concurrent_index",
    "drop_concurrent_index",
    "replace_index",
    "restore_index",
    "rename_index",
    "reindex_concurrently",
    "create_unique_constraint_concurrently",
    "drop_unique_constraint_concurrently",
    "create_indexes",
    "drop_indexes",
)


def refusal_of_a_batch(door: str, *arguments: object) -> str:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        op = Operations(MigrationContext.configure(connection))
        connection.execute(sa.text("CREATE TABLE users (name TEXT)"))
        with pytest.raises(UnsupportedError) as caught, op.batch_alter_table("users") as batch:
            getattr(batch, door)(*arguments)
    engine.dispose()
    return str(caught.value)


@pytest.mark.parametrize("door", DOORS)
def test_a_batch_refuses_each_door(door: str) -> None:
    assert refusal_of_a_batch(door, "ix", ["name"]) == (
        'index "ix": our operations do not run on a batch of table "users". Nothing was changed;'
        f" call op.{door}(...), with the table's name, after the"
        " `with op.batch_alter_table(...)` block."
    )


def test_a_batch_refuses_several() -> None:
    assert refusal_of_a_batch("create_indexes", [SPEC]).startswith(
        'create_indexes: our operations do not run on a batch of table "users".'
    )


def test_reverse_of_a_create_is_the_drop_of_its_name() -> None:
    drop = CreateConcurrentIndexOp(SPEC, concurrently=True).reverse()

    assert (drop.index_name, drop.table_name, drop.schema) == ("ix", "users", "app")
    assert drop.concurrently is True


def test_reverse_twice_is_the_same_definition() -> None:
    create = CreateConcurrentIndexOp(SPEC, comment="ours")

    again = create.reverse().reverse()

    assert (again.spec, again.comment) == (SPEC, "ours")


def test_a_drop_of_unknown_definition_has_no_reverse() -> None:
    with pytest.raises(ValueError, match="its definition is not known"):
        DropConcurrentIndexOp("ix", "users").reverse()


def render(*operations: Any) -> str:
    return str(render_python_code(UpgradeOps(list(operations)), render_as_batch=False))


def test_renders_as_the_door_of_its_definition() -> None:
    assert render(CreateConcurrentIndexOp(SPEC)) == (
        "# ### commands auto generated by Alembic - please adjust! ###\n"
        '    op.create_desc_index("ix", "users", ["name DESC"], schema="app", include=["email"])\n'
        "    # ### end Alembic commands ###"
    )


def test_renders_how_to_build() -> None:
    operation = CreateConcurrentIndexOp(
        define_index("ix", "users", ["name"]),
        comment="ours",
        concurrently=False,
        settings={"lock_timeout": "3s"},
    )

    assert (
        'op.create_concurrent_index("ix", "users", ["name"], lock_timeout="3s", comment="ours",'
        " concurrently=False)"
    ) in " ".join(render(operation).split()).replace("( ", "(").replace(", )", ")")


def test_renders_a_drop() -> None:
    assert 'op.drop_concurrent_index("ix", "users", schema="app")' in render(
        CreateConcurrentIndexOp(SPEC).reverse()
    )


def test_renders_a_key_with_its_import() -> None:
    from alembic.autogenerate.api import AutogenContext

    from alembic_index_ops.migration.render import render_create_op

    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"), opts={})
    spec = define_index("ix", "users", [key("name", operator_class="text_pattern_ops")])

    source = render_create_op(context, CreateConcurrentIndexOp(spec))

    assert source == (
        "create_concurrent_index(\n"
        '    "ix",\n'
        '    "users",\n'
        '    [key("name", operator_class="text_pattern_ops")],\n'
        ")"
    )
    assert context.imports == {"from alembic_index_ops import key"}
