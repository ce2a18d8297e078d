"""What the arguments of a requirement mean, and what they cannot be."""

import pytest
import sqlalchemy as sa

from alembic_index_ops import KeyColumn, key
from pytest_index_assert.errors import RequirementError
from pytest_index_assert.requirement import default_name, parse_requirement

ERRORS = [
    (
        ("ix_users_email",),
        {},
        'requires_index("ix_users_email"): a single argument reads as the name of an index; if it'
        ' is one, write name="ix_users_email"; if it is a table, name its columns too:'
        ' requires_index("ix_users_email", "column")',
    ),
    (
        (),
        {},
        'requires_index(): nothing is asked for; write requires_index("table", "column") or'
        ' requires_index(name="index")',
    ),
    (
        ("users",),
        {"unique": True},
        'requires_index("users", unique=True): no columns are named; write'
        ' requires_index("users", "column", ...)',
    ),
    (
        ("app.users", "email"),
        {},
        'requires_index("app.users", "email"): the table "app.users" has a dot; if "app" is its'
        ' schema, write requires_index("users", ..., schema="app")',
    ),
    (
        (),
        {"name": "app.ix"},
        'requires_index(name="app.ix"): the index name "app.ix" has a dot; if "app" is its schema,'
        ' write name="ix", schema="app"',
    ),
    (
        ("jobs", "org_id"),
        {"eq": ["org_id"]},
        'requires_index("jobs", "org_id", eq=["org_id"]): the columns of an index and eq= of a'
        " query are two ways to ask; leave one of them out",
    ),
    (
        ("jobs",),
        {"eq": ["org_id"]},
        'requires_index("jobs", eq=["org_id"]): eq= is not available yet; name the columns of the'
        ' index instead, as in requires_index("content_jobs", "org_id", "created_at DESC")',
    ),
    (
        ("jobs", "org_id"),
        {"match": "at_least"},
        'requires_index("jobs", "org_id", match="at_least"): match="at_least" is not available yet;'
        ' use "exact" or "equivalent"',
    ),
    (
        ("jobs", "org_id"),
        {"match": "same"},
        'requires_index("jobs", "org_id", match="same"): match is "exact" or "equivalent", not'
        " 'same'",
    ),
    (
        ("jobs", "org_id"),
        {"uniqe": True},
        'requires_index("jobs", "org_id", uniqe=True): there is no argument uniqe=; did you mean'
        " unique=?",
    ),
    (
        ("jobs", "org_id"),
        {"zzz": 1},
        'requires_index("jobs", "org_id", zzz=1): there is no argument zzz=; it knows schema, name,'
        " include, unique, using, where, nulls_not_distinct, match, reason",
    ),
    (
        ("jobs", "org_id, status"),
        {},
        'requires_index("jobs", "org_id, status"): "org_id, status" is one text; write the columns'
        ' one by one: "org_id", "status"',
    ),
    (
        ("jobs", ["org_id"], "status"),
        {},
        'requires_index("jobs", ["org_id"], "status"): give the columns one by one, or all of them'
        " in one list",
    ),
    (
        ("jobs", "org_id"),
        {"unique": "yes"},
        'requires_index("jobs", "org_id", unique="yes"): unique is True, False, or None for either,'
        " not 'yes'",
    ),
    (
        (),
        {"name": "ix", "include": ["a"]},
        'requires_index(name="ix", include=["a"]): include= belongs to a definition; name the table'
        " and its columns as well",
    ),
    (
        (3, "a"),
        {},
        'requires_index(3, "a"): the table comes first, by its name, not 3',
    ),
]


@pytest.mark.parametrize(("arguments", "keywords", "message"), ERRORS)
def test_an_error_names_object_cause_and_next_step(arguments, keywords, message):
    with pytest.raises(RequirementError) as raised:
        parse_requirement(arguments, keywords)
    assert str(raised.value) == message


def test_bad_notation_shows_how_to_write_it():
    with pytest.raises(RequirementError, match=r"sa\.func\.lower"):
        parse_requirement(("users", "lower(email)"), {})


def test_columns_one_by_one_and_in_a_list_are_the_same():
    one_by_one = parse_requirement(("jobs", "org_id", "created_at DESC"), {})
    in_a_list = parse_requirement(("jobs", ["org_id", "created_at DESC"]), {})
    assert one_by_one.definition == in_a_list.definition
    assert one_by_one.definition.key_columns == (
        KeyColumn("org_id"),
        KeyColumn("created_at", descending=True),
    )


def test_expressions_of_sqlalchemy_are_columns_and_conditions():
    requirement = parse_requirement(
        ("users", sa.func.lower(sa.column("email")), key("name", desc=True)),
        {"where": sa.column("deleted_at").is_(None), "unique": True},
    )
    assert requirement.definition.predicate == "deleted_at IS NULL"
    assert requirement.definition.key_columns[0].expression == "lower(email)"


def test_what_is_not_asked_is_not_required():
    requirement = parse_requirement(("jobs", "org_id"), {})
    assert (requirement.name, requirement.schema, requirement.unique, requirement.match) == (
        None,
        None,
        None,
        "equivalent",
    )


def test_a_name_alone_has_no_definition():
    requirement = parse_requirement((), {"name": "ix_users_email", "schema": "app"})
    assert (requirement.table, requirement.name, requirement.schema, requirement.definition) == (
        None,
        "ix_users_email",
        "app",
        None,
    )


def test_the_proposed_name_fits():
    assert default_name("jobs", ["org_id", "created_at DESC"]) == "ix_jobs_org_id_created_at"
    long = default_name("jobs", ["é" * 20, "ü" * 20])
    assert len(long.encode()) <= 63
    assert long.startswith("ix_jobs_éé")
    assert long != default_name("jobs", ["é" * 20, "ü" * 19 + "x"])
