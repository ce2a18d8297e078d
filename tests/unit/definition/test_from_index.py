"""`sqlalchemy.Index` -> IndexSpec, with nothing lost."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName, from_index
from alembic_index_ops.errors import ArgumentError

PATTERN = QualifiedName("text_pattern_ops")


def table(schema: str | None = None, metadata: sa.MetaData | None = None) -> sa.Table:
    return sa.Table(
        "Posts",
        metadata or sa.MetaData(),
        sa.Column("title", sa.Text),
        sa.Column("Author", sa.Text, key="author_key"),
        sa.Column("n", sa.Integer),
        schema=schema,
    )


def spec(*keys: KeyColumn, **options: object) -> IndexSpec:
    return IndexSpec(name="ix", table="Posts", key_columns=keys, **options)


def test_columns_and_order():
    posts = table("blog")
    index = sa.Index("ix", posts.c.author_key, posts.c.n.desc().nulls_last())
    assert from_index(index) == spec(
        KeyColumn("Author"), KeyColumn("n", descending=True, nulls_first=False), schema="blog"
    )


def test_every_option():
    posts = table()
    index = sa.Index(
        "ix",
        posts.c.title,
        unique=True,
        postgresql_include=["n", posts.c.author_key],
        postgresql_where=posts.c.n > 5,
        postgresql_with={"fillfactor": 70, "deduplicate_items": False},
        postgresql_tablespace="fast",
        postgresql_nulls_not_distinct=True,
        postgresql_concurrently=True,
    )
    assert from_index(index) == spec(
        KeyColumn("title"),
        unique=True,
        included_columns=("n", "Author"),
        predicate="n > 5",
        storage_parameters=(("deduplicate_items", "false"), ("fillfactor", "70")),
        tablespace="fast",
        nulls_not_distinct=True,
    )


def test_access_method():
    index = sa.Index("ix", table().c.n, postgresql_using="BRIN")
    assert from_index(index) == spec(KeyColumn("n"), access_method="brin")


@pytest.mark.parametrize("where", ["n > 5", sa.text("n > 5")])
def test_where_as_text(where):
    index = sa.Index("ix", table().c.n, postgresql_where=where)
    assert from_index(index).predicate == "n > 5"


def test_operator_class():
    index = sa.Index("ix", table().c.title, postgresql_ops={"title": "text_pattern_ops"})
    assert from_index(index) == spec(KeyColumn("title", operator_class=PATTERN))


def test_operator_class_of_a_desc_key_which_sqlalchemys_own_ddl_loses():
    index = sa.Index("ix", table().c.title.desc(), postgresql_ops={"title": "text_pattern_ops"})
    assert "text_pattern_ops" not in str(CreateIndex(index).compile(dialect=postgresql.dialect()))
    assert from_index(index) == spec(KeyColumn("title", descending=True, operator_class=PATTERN))


def test_operator_class_below_collate_desc_and_nulls_last():
    title = table().c.title
    index = sa.Index(
        "ix",
        title.collate("C").desc().nulls_last(),
        postgresql_ops={"title": "text_pattern_ops"},
    )
    assert from_index(index) == spec(
        KeyColumn(
            "title",
            descending=True,
            nulls_first=False,
            operator_class=PATTERN,
            collation=QualifiedName("C"),
        )
    )


def test_operator_class_of_a_labelled_expression():
    index = sa.Index(
        "ix",
        sa.func.lower(table().c.title).label("low"),
        postgresql_ops={"low": "text_pattern_ops"},
    )
    assert from_index(index) == spec(KeyColumn(expression="lower(title)", operator_class=PATTERN))


def test_operator_class_of_a_labelled_expression_desc():
    index = sa.Index(
        "ix",
        sa.func.lower(table().c.title).label("low").desc(),
        postgresql_ops={"low": "text_pattern_ops"},
    )
    assert from_index(index) == spec(
        KeyColumn(expression="lower(title)", descending=True, operator_class=PATTERN)
    )


def test_operator_classes_go_by_the_columns_key_as_in_sqlalchemy():
    posts = table()
    index = sa.Index("ix", posts.c.author_key, postgresql_ops={"author_key": "text_pattern_ops"})
    assert from_index(index) == spec(KeyColumn("Author", operator_class=PATTERN))


def test_a_functions_name_is_no_key_of_operator_classes():
    index = sa.Index(
        "ix", sa.func.lower(table().c.title), postgresql_ops={"lower": "text_pattern_ops"}
    )
    assert from_index(index) == spec(KeyColumn(expression="lower(title)"))


def test_operator_class_with_schema_and_parameters():
    index = sa.Index(
        "ix",
        table().c.title,
        postgresql_using="gist",
        postgresql_ops={"title": "ext.gist_trgm_ops (siglen = 32)"},
    )
    assert from_index(index) == spec(
        KeyColumn(
            "title",
            operator_class=QualifiedName("gist_trgm_ops", "ext"),
            operator_class_parameters=(("siglen", "32"),),
        ),
        access_method="gist",
    )


def test_a_malformed_operator_class():
    index = sa.Index("ix", table().c.title, postgresql_ops={"title": "a_ops (b"})
    with pytest.raises(ArgumentError) as caught:
        from_index(index)
    assert str(caught.value) == "operator class 'a_ops (b' is malformed"


def test_text():
    posts = table()
    index = sa.Index("ix", sa.text("lower(title) text_pattern_ops DESC"), _table=posts)
    assert from_index(index) == spec(
        KeyColumn(expression="lower(title)", descending=True, operator_class=PATTERN)
    )


def test_index_true_with_a_naming_convention():
    metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s"})
    posts = sa.Table("posts", metadata, sa.Column("title", sa.Text, index=True))
    assert from_index(next(iter(posts.indexes))) == IndexSpec(
        name="ix_posts_title", table="posts", key_columns=(KeyColumn("title"),)
    )


def test_without_a_table():
    with pytest.raises(ArgumentError) as caught:
        from_index(sa.Index("ix", sa.text("a")))
    assert str(caught.value) == (
        "Index('ix', <sqlalchemy.sql.elements.TextClause object at"
        f" {str(caught.value).split(' at ')[1].split('>')[0]}>) has no table or no name;"
        " attach it to a Table first"
    )
