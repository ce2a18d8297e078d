"""SQLAlchemy expressions -> KeyColumn, and conditions -> SQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from alembic_index_ops.definition import KeyColumn, QualifiedName
from alembic_index_ops.definition.columns import to_key_column, to_sql
from alembic_index_ops.errors import ArgumentError

TABLE = sa.Table(
    "Articles",
    sa.MetaData(),
    sa.Column("title", sa.String),
    sa.Column("Author", sa.Text, key="author_key"),
    sa.Column("data", JSONB),
    sa.Column("n", sa.Integer),
    schema="blog",
)
TITLE, AUTHOR, DATA, N = TABLE.c.title, TABLE.c.author_key, TABLE.c.data, TABLE.c.n
C = QualifiedName("C")
LOWER = sa.func.lower(TITLE)


class Base(DeclarativeBase):
    pass


class Article(Base):
    __tablename__ = "article"
    id: Mapped[int] = mapped_column("ID", primary_key=True)


def expression(sql: str, **options: object) -> KeyColumn:
    return KeyColumn(expression=sql, **options)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(TITLE, KeyColumn("title"), id="column"),
        pytest.param(AUTHOR, KeyColumn("Author"), id="a column's name, not its key"),
        pytest.param(sa.column("order date"), KeyColumn("order date"), id="sa.column"),
        pytest.param(sa.column("lower(x)"), KeyColumn("lower(x)"), id="sa.column is a name"),
        pytest.param(Article.id, KeyColumn("ID"), id="mapped attribute"),
        pytest.param(Article.id.desc(), KeyColumn("ID", descending=True), id="mapped desc"),
        pytest.param(TITLE.desc(), KeyColumn("title", descending=True), id="desc"),
        pytest.param(sa.desc(TITLE), KeyColumn("title", descending=True), id="sa.desc"),
        pytest.param(sa.desc("title"), KeyColumn("title", descending=True), id="desc of a string"),
        pytest.param(TITLE.asc(), KeyColumn("title"), id="asc"),
        pytest.param(TITLE.nulls_first(), KeyColumn("title", nulls_first=True), id="nulls_first"),
        pytest.param(TITLE.nulls_last(), KeyColumn("title"), id="nulls_last"),
        pytest.param(
            TITLE.desc().nulls_last(),
            KeyColumn("title", descending=True, nulls_first=False),
            id="desc nulls_last",
        ),
        pytest.param(
            TITLE.desc().nulls_first(), KeyColumn("title", descending=True), id="desc nulls_first"
        ),
        pytest.param(TITLE.collate("C"), KeyColumn("title", collation=C), id="collate"),
        pytest.param(sa.collate(TITLE, "C"), KeyColumn("title", collation=C), id="sa.collate"),
        pytest.param(
            TITLE.collate("de_DE.utf8"),
            KeyColumn("title", collation=QualifiedName("de_DE.utf8")),
            id="collation with a dot",
        ),
        pytest.param(
            TITLE.collate("C").desc().nulls_last(),
            KeyColumn("title", descending=True, nulls_first=False, collation=C),
            id="collate desc nulls_last",
        ),
        pytest.param(LOWER, expression("lower(title)"), id="func"),
        pytest.param(LOWER.desc(), expression("lower(title)", descending=True), id="func desc"),
        pytest.param(
            LOWER.collate("C").desc().nulls_last(),
            expression("lower(title)", descending=True, nulls_first=False, collation=C),
            id="func collate desc nulls_last",
        ),
        pytest.param(LOWER.label("low"), expression("lower(title)"), id="label"),
        pytest.param(
            LOWER.label("low").desc(), expression("lower(title)", descending=True), id="label desc"
        ),
        pytest.param(TITLE.label("t"), KeyColumn("title"), id="labelled column"),
        pytest.param(
            sa.desc(TITLE.label("t")), KeyColumn("title", descending=True), id="sa.desc of label"
        ),
        pytest.param(
            TITLE.label("t").desc(), KeyColumn("title", descending=True), id="label of column desc"
        ),
        pytest.param(
            sa.func.coalesce(AUTHOR, "it's"),
            expression("coalesce(\"Author\", 'it''s')"),
            id="values inline, names quoted",
        ),
        pytest.param(sa.cast(TITLE, sa.Integer), expression("CAST(title AS INTEGER)"), id="cast"),
        pytest.param(DATA["a"].astext, expression("data ->> 'a'"), id="json path"),
        pytest.param(N % 2, expression("n % 2"), id="percent is not doubled"),
        pytest.param(TITLE + ":x", expression("title || ':x'"), id="colon is not escaped"),
        pytest.param(
            sa.case((N > 1, "many"), else_="few"),
            expression("CASE WHEN (n > 1) THEN 'many' ELSE 'few' END"),
            id="case",
        ),
        pytest.param(sa.literal_column("title"), KeyColumn("title"), id="literal_column"),
        pytest.param(
            sa.literal_column("lower(title)").desc(),
            expression("lower(title)", descending=True),
            id="literal_column desc",
        ),
        pytest.param(
            sa.literal_column("title text_pattern_ops"),
            KeyColumn("title", operator_class=QualifiedName("text_pattern_ops")),
            id="literal_column with operator class",
        ),
    ],
)
def test_expression(written, read):
    assert to_key_column(written) == read


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("title", KeyColumn("title")),
        ("Title", KeyColumn("title")),
        ('"Title"', KeyColumn("Title")),
        ('"a ""b"""', KeyColumn('a "b"')),
        ("title DESC", KeyColumn("title", descending=True)),
        ('"Title" desc nulls last', KeyColumn("Title", descending=True, nulls_first=False)),
        ("lower(title)", expression("lower(title)")),
        ("lower(title) DESC", expression("lower(title)", descending=True)),
        ("(lower(title)) NULLS FIRST", expression("lower(title)", nulls_first=True)),
        ("(a || b)", expression("a || b")),
        ("(a) || (b)", expression("(a) || (b)")),
        ("data->'a' DESC", expression("data->'a'", descending=True)),
        ("'x' || a ASC", expression("'x' || a")),
        ('title COLLATE "C"', KeyColumn("title", collation=C)),
        ("title collate Ours", KeyColumn("title", collation=QualifiedName("ours"))),
        (
            'title COLLATE "My s"."x ""y"',
            KeyColumn("title", collation=QualifiedName('x "y', "My s")),
        ),
        ('title COLLATE pg_catalog."C"', KeyColumn("title", collation=C)),
        (
            'lower(title) COLLATE "C" text_pattern_ops DESC NULLS LAST',
            expression(
                "lower(title)",
                descending=True,
                nulls_first=False,
                collation=C,
                operator_class=QualifiedName("text_pattern_ops"),
            ),
        ),
        (
            "title ext.gin_trgm_ops (siglen=32)",
            KeyColumn(
                "title",
                operator_class=QualifiedName("gin_trgm_ops", "ext"),
                operator_class_parameters=(("siglen", "32"),),
            ),
        ),
        (
            "title ext.gist_trgm_ops(siglen='32') DESC",
            KeyColumn(
                "title",
                descending=True,
                operator_class=QualifiedName("gist_trgm_ops", "ext"),
                operator_class_parameters=(("siglen", "32"),),
            ),
        ),
        (
            'lower(title) "My"."Ops"',
            expression("lower(title)", operator_class=QualifiedName("Ops", "My")),
        ),
        ('a || "b"', expression('a || "b"')),
        ('(a) || "b"', expression('(a) || "b"')),
        ("n % 2 = 0", expression("n % 2 = 0")),
        ("a::text", expression("a::text")),
        (r"title || '\:x'", expression("title || ':x'")),
        (r"title || '\\::x'", expression(r"title || '\\::x'")),
        ("title || ':x'", expression("title || ':x'")),
    ],
)
def test_text(sql, read):
    assert to_key_column(sa.text(sql)) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (sa.nulls_last(sa.text("a DESC")), KeyColumn("a", descending=True, nulls_first=False)),
        (sa.desc(sa.text("a")), KeyColumn("a", descending=True)),
        (sa.desc(sa.text('a COLLATE "C"')), KeyColumn("a", descending=True, collation=C)),
        (
            sa.desc(sa.text("a DESC NULLS LAST")),
            KeyColumn("a", descending=True, nulls_first=False),
        ),
        (
            sa.desc(sa.text("a text_pattern_ops")),
            KeyColumn("a", descending=True, operator_class=QualifiedName("text_pattern_ops")),
        ),
    ],
)
def test_text_keeps_what_it_says_below_desc_and_nulls_last(written, read):
    assert to_key_column(written) == read


@pytest.mark.parametrize("thing", [sa.select(TITLE), TABLE, TITLE.desc])
def test_what_is_no_column(thing):
    with pytest.raises(ArgumentError, match=r" is no column: give a name, key\(\.\.\.\) or a SQLA"):
        to_key_column(thing)


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        (None, None),
        ("status = 'active'", "status = 'active'"),
        ("n % 2 = 0 AND a = ':x' AND b::text = '%s'", "n % 2 = 0 AND a = ':x' AND b::text = '%s'"),
        (sa.text("n % 2 = 0 AND a = ':x'"), "n % 2 = 0 AND a = ':x'"),
        (sa.text(r"a = '\:x'"), "a = ':x'"),
        (sa.text("n > :n").bindparams(n=3), "n > 3"),
        (TITLE == "it's 5%", "title = 'it''s 5%'"),
        (TITLE == "a\\b", "title = 'a\\b'"),
        (TITLE.in_(["a", "b"]), "title IN ('a', 'b')"),
        (sa.and_(TITLE.is_(None), N > 3), "title IS NULL AND n > 3"),
        (AUTHOR.is_not(None), '"Author" IS NOT NULL'),
        (TITLE.like("a%"), "title LIKE 'a%'"),
    ],
)
def test_condition(condition, sql):
    assert to_sql(condition) == sql


def test_a_bound_value_without_a_value():
    with pytest.raises(ArgumentError) as caught:
        to_sql(N.op("=")(sa.bindparam("wanted")))
    assert str(caught.value) == (
        '":wanted" in blog."Articles".n = :wanted is a bound value without a value; an index'
        " holds values, so write it into the expression, or the whole as text"
    )


def test_a_value_that_sqlalchemy_cannot_write():
    with pytest.raises(ArgumentError) as caught:
        to_sql(DATA == {"a": 1})
    assert str(caught.value).startswith(
        'the values in blog."Articles".data = :data_1 cannot be written into SQL: '
    )
    assert str(caught.value).endswith("; write the SQL as text")


def test_what_is_no_condition():
    with pytest.raises(ArgumentError) as caught:
        to_sql(5)
    assert str(caught.value) == "5 is neither SQL text nor a SQLAlchemy expression"
