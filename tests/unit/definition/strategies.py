"""Hypothesis strategies for names and definitions."""

from __future__ import annotations

from hypothesis import strategies as st

from alembic_index_ops.definition import IndexSpec, KeyColumn, QualifiedName

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")

NAMES = st.one_of(
    st.sampled_from(["a", "created_at", "Order", "select", "order date", 'a"b', "desc", "x$1"]),
    st.sampled_from(["a" * 63, "é" * 31 + "a", "€" * 21, "🐘" * 15 + "abc", "%s", ":x", "a.b"]),
    st.text(_CHARACTERS, min_size=1, max_size=15),
)
"""What PostgreSQL takes for a name when it is quoted: anything but NUL, at most 63 bytes."""

QUALIFIED_NAMES = st.builds(
    QualifiedName,
    st.one_of(st.sampled_from(["C", "text_pattern_ops", "de_DE.utf8"]), NAMES),
    st.one_of(st.none(), st.just("ext"), NAMES),
)

EXPRESSIONS = st.sampled_from(
    [
        "lower(a)",
        'lower("Order")',
        "a || ':x' || '%s'",
        "a || '\\:x'",
        "a || ':y\\::z'",
        "a::text",
        "(a)::text || (b)::text",
        'a COLLATE "C"',
        "a DESC",
        "a",
        '"a"',
        "a_ops",
        "f(a) b_ops",
        "date_trunc('day'::text, a)",
        "a[1:2]",
        "CASE WHEN a THEN ';' ELSE E'\\\\' END",
        "a\n+ b",
    ]
)

OPERATOR_CLASS_PARAMETERS = st.lists(
    st.tuples(st.sampled_from(["siglen", "numranges"]), st.integers(1, 99).map(str)),
    max_size=2,
    unique_by=lambda pair: pair[0],
).map(tuple)


@st.composite
def key_columns(draw: st.DrawFn) -> KeyColumn:
    named = draw(st.booleans())
    operator_class = draw(st.one_of(st.none(), QUALIFIED_NAMES))
    return KeyColumn(
        draw(NAMES) if named else None,
        None if named else draw(EXPRESSIONS),
        descending=draw(st.booleans()),
        nulls_first=draw(st.sampled_from([None, True, False])),
        operator_class=operator_class,
        operator_class_parameters=draw(OPERATOR_CLASS_PARAMETERS) if operator_class else (),
        collation=draw(st.one_of(st.none(), QUALIFIED_NAMES)),
    )


@st.composite
def specs(draw: st.DrawFn) -> IndexSpec:
    """Any definition that can be written; a server need not accept it."""
    unique = draw(st.booleans())
    return IndexSpec(
        name=draw(NAMES),
        table=draw(NAMES),
        schema=draw(st.one_of(st.none(), NAMES)),
        key_columns=tuple(draw(st.lists(key_columns(), min_size=1, max_size=3))),
        included_columns=tuple(draw(st.lists(NAMES, max_size=2))),
        unique=unique,
        nulls_not_distinct=unique and draw(st.booleans()),
        predicate=draw(st.one_of(st.none(), EXPRESSIONS)),
        storage_parameters=draw(
            st.dictionaries(st.sampled_from(["fillfactor", "x.y"]), NAMES, max_size=2).map(
                lambda parameters: tuple(parameters.items())
            )
        ),
        tablespace=draw(st.one_of(st.none(), NAMES)),
    )
