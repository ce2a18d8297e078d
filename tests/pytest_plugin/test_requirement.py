"""What the arguments of a requirement mean, and what they cannot be."""

import pytest
import sqlalchemy as sa

from alembic_index_ops import KeyColumn, key
from pytest_index_assert.errors import RequirementError
from pytest_index_assert.naming import default_name
from pytest_index_assert.requirement import parse_requirement
from pytest_index_assert.shape import QueryShape, describe_shape, propose

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
        ("jobs", "org_id"),
        {"match": "same"},
        'requires_index("jobs", "org_id", match="same"): match is "exact", "equivalent" or'
        " \"at_least\", not 'same'",
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
        " include, unique, using, where, nulls_not_distinct, match, reason, eq, range, order_by,"
        " query_where, index_only",
    ),
    (
        ("jobs",),
        {"eq": ["org_id"], "unique": True},
        'requires_index("jobs", eq=["org_id"], unique=True): unique= belongs to a definition, and a'
        " query is served by any index that can; leave it out, or name the index's columns",
    ),
    (
        ("jobs",),
        {"eq": ["org_id"], "match": "at_least"},
        'requires_index("jobs", eq=["org_id"], match="at_least"): match= belongs to a definition,'
        " and a query is served by any index that can; leave it out, or name the index's columns",
    ),
    (
        ("app.jobs",),
        {"eq": ["org_id"]},
        'requires_index("app.jobs", eq=["org_id"]): the table "app.jobs" has a dot; if "app" is its'
        ' schema, write requires_index("jobs", ..., schema="app")',
    ),
    (
        (),
        {"eq": ["org_id"]},
        'requires_index(eq=["org_id"]): the table is not named; write requires_index("table",'
        " eq=[...])",
    ),
    (
        ("jobs",),
        {"eq": ["org_id DESC"]},
        'requires_index("jobs", eq=["org_id DESC"]): eq= takes no order, and org_id has one; DESC'
        " and NULLS belong in order_by=",
    ),
    (
        ("jobs",),
        {"range": "created_at"},
        'requires_index("jobs", range="created_at"): range= is a list of columns; write'
        ' range=["created_at"]',
    ),
    (
        ("jobs",),
        {"query_where": "status = 'new'"},
        'requires_index("jobs", query_where="status = \'new\'"): a query needs one of eq=, range='
        " and order_by=; add it",
    ),
    (
        ("jobs",),
        {"order_by": [key("title", operator_class="text_pattern_ops")]},
        'requires_index("jobs", order_by=[title "text_pattern_ops"]): title has an operator'
        " class, which an index has and a query has not; leave it out",
    ),
    (
        ("jobs",),
        {"eq": ["org_id"], "order": ["id"]},
        'requires_index("jobs", eq=["org_id"], order=["id"]): there is no argument order=; did you'
        " mean order_by=?",
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


def test_the_shape_of_a_query():
    requirement = parse_requirement(
        ("jobs",),
        {
            "eq": [sa.func.lower(sa.column("title")), "org_id"],
            "range": [key("order date")],
            "order_by": ["created_at DESC NULLS LAST"],
            "query_where": sa.column("deleted_at").is_(None),
            "index_only": ["id"],
        },
    )
    assert requirement.definition is None
    assert requirement.shape == QueryShape(
        eq=(KeyColumn(expression="lower(title)"), KeyColumn("org_id")),
        range=(KeyColumn("order date"),),
        order_by=(KeyColumn("created_at", descending=True, nulls_first=False),),
        where="deleted_at IS NULL",
        index_only=("id",),
    )


def test_a_shape_as_sql_says_it():
    requirement = parse_requirement(
        ("jobs",),
        {"eq": ["a"], "range": ["b"], "query_where": "c OR d", "order_by": ["b DESC"]},
    )
    assert describe_shape(requirement.shape) == (
        "WHERE a = $1 AND b >= $2 AND b < $3 AND (c OR d) ORDER BY b DESC"
    )


def test_the_index_that_is_proposed_for_a_query():
    requirement = parse_requirement(
        ("jobs",),
        {"order_by": ["b DESC", "c"], "range": ["b"], "eq": ["a"], "index_only": ["c", "d"]},
    )
    spec = propose(requirement.shape, "ix", "jobs", None)
    assert spec.key_columns == (KeyColumn("a"), KeyColumn("b", descending=True), KeyColumn("c"))
    assert spec.included_columns == ("d",)
