"""`index(...)` in a model, and `to_index`: a `sqlalchemy.Index` that loses nothing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.schema import CreateIndex, conv

from alembic_index_ops import ArgumentError, define_index, from_index, index, key
from alembic_index_ops.definition import IndexSpec, KeyColumn, to_index
from tests.unit.definition.strategies import specs

PATTERN_DESC = key("title", operator_class="text_pattern_ops", desc=True)


def posts(*further: Any, schema: str | None = None, **conventions: str) -> sa.Table:
    return sa.Table(
        "posts",
        sa.MetaData(naming_convention=conventions or None),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text),
        sa.Column("n", sa.Integer),
        sa.Column("Author", sa.Text, key="author_key"),
        *further,
        schema=schema,
    )


def sql(index: sa.Index, dialect: Any = postgresql) -> str:
    return str(CreateIndex(index).compile(dialect=dialect.dialect()))


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        (["title"], {}),
        (["title", "n DESC NULLS LAST"], {"unique": True}),
        ([PATTERN_DESC], {}),
        ([key("n", nulls_first=True), key("title", collation="C")], {}),
        ([KeyColumn(expression="lower(title)", descending=True)], {}),
        ([sa.column("n").desc()], {}),
        ([sa.func.lower(sa.column("title")).desc().nulls_last()], {}),
        ([sa.text("lower(title) text_pattern_ops DESC")], {}),
        ([sa.text("title || ':x' || '%s'")], {}),
        (["n"], {"include": ["title", "id"], "unique": True, "nulls_not_distinct": True}),
        (["n"], {"using": "BRIN", "storage_parameters": {"autosummarize": True}}),
        (["n"], {"storage_parameters": {"x": "it's\\100%"}, "tablespace": "fast"}),
        (["n"], {"where": "(title = ':x' AND title LIKE '%s')"}),
        (["n"], {"where": sa.column("title") == "a\\b"}),
        (["n"], {"where": sa.text("title = ':x'")}),
    ],
)
def test_is_the_index_that_the_operations_would_make(columns, options):
    table = posts(index("ix", *columns, **options), schema="blog")
    (made,) = table.indexes
    assert from_index(made) == define_index("ix", "posts", columns, schema="blog", **options)


def table_for(spec: IndexSpec, *further: Any) -> sa.Table:
    names = dict.fromkeys(
        [key.column for key in spec.key_columns if key.column is not None]
        + list(spec.included_columns)
    )
    columns = [sa.Column(name, sa.Integer) for name in names]
    return sa.Table(spec.table, sa.MetaData(), *columns, *further, schema=spec.schema)


def index_of(spec: IndexSpec) -> sa.Index:
    return index(
        spec.name,
        *spec.key_columns,
        unique=spec.unique,
        include=spec.included_columns,
        using=spec.access_method,
        where=spec.predicate,
        nulls_not_distinct=spec.nulls_not_distinct,
        storage_parameters=dict(spec.storage_parameters),
        tablespace=spec.tablespace,
    )


@given(specs())
def test_any_definition_is_kept(spec):
    table = table_for(spec, index_of(spec))
    (copied,) = table.to_metadata(sa.MetaData()).indexes
    (pickled,) = pickle.loads(pickle.dumps(table.metadata)).tables[table.key].indexes
    (made,) = table.indexes
    assert [from_index(each) for each in (made, copied, pickled)] == [spec] * 3


@given(specs())
def test_to_index_keeps_any_definition(spec):
    table = table_for(spec)
    made = to_index(spec, table)
    assert table.indexes == {made}
    assert from_index(made) == spec


@given(specs())
def test_to_index_on_a_table_without_those_columns(spec):
    table = sa.Table(spec.table, sa.MetaData(), schema=spec.schema)
    assert from_index(to_index(spec, table)) == spec


def test_sql_on_postgresql():
    made = index(
        "ix",
        "id",
        PATTERN_DESC,
        sa.text("lower(title)"),
        include=["n"],
        where="title <> ':x'",
        storage_parameters={"fillfactor": 70},
    )
    posts(made)
    assert sql(made) == (
        'CREATE INDEX ix ON posts (id, "title" "text_pattern_ops" DESC, (lower(title)))'
        " INCLUDE (n) WITH (fillfactor = 70) WHERE title <> ':x'"
    )


def test_a_storage_parameter_is_no_drivers_placeholder():
    made = index("ix", "n", storage_parameters={"x": "it's 100%\\"})
    posts(made)
    assert sql(made) == "CREATE INDEX ix ON posts (n) WITH (x = E'it''s 100\\x25\\\\')"


def test_sql_on_sqlite_leaves_out_what_it_does_not_know():
    made = index(
        "ix",
        key("title", operator_class="text_pattern_ops", collation="C", desc=True),
        "n NULLS FIRST",
        sa.func.lower(sa.column("title")).collate("C").desc().nulls_last(),
        sa.text("(n + 1) int4_ops DESC"),
        unique=True,
        include=["id"],
        where="title <> ':x%'",
        nulls_not_distinct=True,
        storage_parameters={"fillfactor": 70},
        tablespace="fast",
    )
    posts(made)
    assert sql(made, sqlite) == (
        "CREATE UNIQUE INDEX ix ON posts (title DESC, n, (lower(title)) DESC, (n + 1) DESC)"
        " WHERE title <> ':x%'"
    )


def test_an_expression_of_the_model_is_written_in_the_databases_own_words():
    table = sa.Table("t", sa.MetaData(), sa.Column("paid", sa.Boolean))
    made = index("ix", table.c.paid.is_(True).desc())
    assert sql(made, sqlite) == "CREATE INDEX ix ON t ((paid IS 1) DESC)"
    assert sql(made) == "CREATE INDEX ix ON t ((paid IS true) DESC)"


def test_names_elsewhere_are_quoted_as_there():
    made = index("ix", sa.column("n").desc())
    posts(made)
    assert sql(made, mysql) == "CREATE INDEX ix ON posts (n DESC)"


@pytest.mark.parametrize(
    "expression",
    [(sa.column("n") + 1).desc(), sa.case((sa.column("n") > 1, 2))],
    ids=["(n + 1) DESC", "CASE"],
)
def test_parentheses_that_sqlalchemy_leaves_out(expression):
    made = index("ix", expression)
    posts(made)
    assert sql(made).startswith("CREATE INDEX ix ON posts ((")


def test_create_all_on_sqlite():
    table = posts(
        index("ix", "n DESC NULLS LAST", PATTERN_DESC, include=["id"], where="n > 0", unique=True)
    )
    engine = sa.create_engine("sqlite://")
    table.metadata.create_all(engine)
    (found,) = sa.inspect(engine).get_indexes("posts")
    engine.dispose()
    assert (found["column_names"], found["unique"]) == (["n", "title"], 1)
    assert str(found["dialect_options"]["sqlite_where"]) == "n > 0"


def test_columns_are_those_of_the_table_and_of_its_copy():
    made = index("ix", "id", "n DESC", PATTERN_DESC)
    table = posts(made)
    copied = table.to_metadata(sa.MetaData())
    (copy_of_it,) = copied.indexes
    assert list(made.columns) == [table.c.id, table.c.n, table.c.title]
    assert list(copy_of_it.columns) == [copied.c.id, copied.c.n, copied.c.title]
    assert made.expressions[0] is table.c.id


def test_a_string_is_a_columns_key_as_in_sqlalchemy():
    made = index("ix", "author_key", "author_key DESC", include=["author_key"])
    posts(made)
    assert from_index(made) == define_index(
        "ix", "posts", ["Author", "Author DESC"], include=["Author"]
    )


def test_deepcopy():
    table = posts(index("ix", "n DESC", where="n > 0"))
    (made,) = copy.deepcopy(table.metadata).tables["posts"].indexes
    assert from_index(made) == define_index("ix", "posts", ["n DESC"], where="n > 0")


def test_attached_later_by_a_column_of_the_table():
    table = posts()
    made = index("ix", "author_key DESC", sa.func.lower(table.c.title))
    assert made.table is table
    assert from_index(made) == define_index(
        "ix", "posts", ["Author DESC", KeyColumn(expression="lower(title)")]
    )


def test_attached_later_it_is_held_to_the_table_at_once():
    with pytest.raises(ArgumentError, match='include names "text", which is no column'):
        index("ix", posts().c.n, include=["text"])


def test_attached_later_by_append_constraint():
    table = posts()
    made = index("ix", "n DESC")
    table.append_constraint(made)
    assert from_index(made) == define_index("ix", "posts", ["n DESC"])


def test_naming_convention():
    made = index(None, "n DESC", PATTERN_DESC)
    posts(made, ix="ix_%(table_name)s_%(column_0_N_name)s")
    assert from_index(made).name == "ix_posts_n_title"


def test_a_name_that_a_convention_makes_too_long_is_cut_as_sqlalchemy_cuts_it():
    made = index(None, "n DESC")
    posts(made, ix="ix_%(table_name)s_" + "x" * 80)
    assert len(from_index(made).name) == 60
    assert f" {from_index(made).name} ON " in sql(made)


def test_a_final_name_is_left_alone():
    made = index(conv("ix"), "n DESC")
    posts(made, ix="%(constraint_name)s_again")
    assert from_index(made).name == "ix"


def test_to_index_gives_the_name_as_it_is():
    made = to_index(define_index("ix", "posts", ["n"]), posts(ix="%(constraint_name)s_again"))
    assert made.name == "ix"


def test_declarative():
    class Base(DeclarativeBase):
        pass

    class Post(Base):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column("ID", primary_key=True)
        title: Mapped[str] = mapped_column()
        __table_args__ = (index("ix", title.desc(), "ID DESC", include=[id], where=id > 3),)

    (made,) = Post.__table__.indexes
    assert from_index(made) == define_index(
        "ix", "posts", ["title DESC", "ID DESC"], include=["ID"], where='"ID" > 3'
    )
    later = index("later", Post.title.desc(), sa.func.lower(Post.title), where=Post.id > 3)
    assert later.table is Post.__table__
    assert from_index(later) == define_index(
        "later", "posts", ["title DESC", sa.text("lower(title)")], where='"ID" > 3'
    )


def test_mixin():
    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s"})

    class Dated:
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[int] = mapped_column()

        @declared_attr.directive
        def __table_args__(cls) -> tuple[sa.Index]:
            return (index(None, "at DESC NULLS LAST"),)

    class Job(Dated, Base):
        __tablename__ = "jobs"

    class User(Dated, Base):
        __tablename__ = "users"

    made = [from_index(next(iter(each.__table__.indexes))) for each in (Job, User)]
    assert made == [
        define_index(f"ix_{table}_at", table, ["at DESC NULLS LAST"]) for table in ("jobs", "users")
    ]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ["ix", "lower(n)"],
            {},
            "index \"ix\": 'lower(n)' is neither a column name nor a column name with ASC, DESC,"
            ' NULLS FIRST or NULLS LAST; for an expression, write sa.func.lower(sa.column("n"))',
        ),
        (["ix"], {}, 'index "ix": it has no key columns; name at least one column'),
        (
            ["ix", ["n", "title"]],
            {},
            'index "ix": columns are arguments of their own, not a list; leave out the [ ]',
        ),
        (
            ["ix", 1],
            {},
            'index "ix": 1 is no column: give a name, key(...) or a SQLAlchemy expression',
        ),
        ([sa.column("n")], {}, "index() takes the name first, or None, not {0!r}"),
        (["", "n"], {}, "an index needs a name, and this one is empty"),
        (["ix", "n"], {"include": "id"}, 'index "ix": include is a list; write include=["id"]'),
        (
            [None, "n"],
            {"nulls_not_distinct": True},
            "index(): nulls_not_distinct=True needs unique=True",
        ),
        (
            ["ix", "n"],
            {"unique": True, "using": "GiST"},
            'index "ix": access method gist cannot be unique; use btree for a unique index',
        ),
        (
            ["ix", "n"],
            {"postgresql_where": "n > 0"},
            'index "ix": there is no argument postgresql_where=; write where=',
        ),
        (
            ["ix", "n"],
            {"postgresql_ops": {}},
            'index "ix": there is no argument postgresql_ops=;'
            ' write key("column", operator_class="...") in columns',
        ),
        (
            ["ix", "n"],
            {"uniq": True},
            'index "ix": there is no argument uniq=; known arguments: unique, include, using,'
            " where, nulls_not_distinct, storage_parameters, tablespace",
        ),
        (
            ["ix", "n"],
            {"schema": "blog"},
            'index "ix": there is no argument schema=;'
            " leave it out: an index is in the schema of its table",
        ),
        (
            ["ix", "n"],
            {"concurrently": True},
            'index "ix": there is no argument concurrently=;'
            " that belongs to building it, so write it in the migration",
        ),
        (
            ["ix", "n"],
            {"where": 3},
            'index "ix": 3 is neither SQL text nor a SQLAlchemy expression',
        ),
    ],
)
def test_what_is_wrong_by_itself_is_told_at_once(arguments, options, message):
    with pytest.raises(ArgumentError) as caught:
        index(*arguments, **options)
    assert str(caught.value) == message.format(*arguments)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            lambda: index("ix", "n DESC", using="hash"),
            'index "ix" on "posts": access method hash keeps no order, so n can be neither DESC'
            " nor NULLS FIRST; leave that out, or use btree",
        ),
        (
            lambda: index("ix", "n", include=["text"]),
            'index "ix" on "posts": include names "text", which is no column of the table',
        ),
        (
            lambda: index("ix", "n", where=" "),
            'index "ix" on "posts": an expression or predicate is empty; leave it out, or write'
            " its SQL",
        ),
        (
            lambda: index("ix", sa.column("n") + sa.bindparam("m")),
            'index "ix" on "posts": ":m" in n + :m is a bound value without a value; an index holds'
            " values, so write it into the expression, or the whole as text",
        ),
    ],
)
def test_what_is_wrong_for_the_table_is_told_by_the_model(made, message):
    with pytest.raises(ArgumentError) as caught:
        posts(made())
    assert str(caught.value) == message


def test_a_column_that_is_not_there_is_sqlalchemys_error():
    with pytest.raises(sa.exc.ConstraintColumnNotFoundError, match="no column named 'm'"):
        posts(index("ix", "m DESC"))
