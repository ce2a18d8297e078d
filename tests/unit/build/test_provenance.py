from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_index_ops.build.provenance import Provenance, parse_comment

BUILT, ADOPTED = "alembic_index_ops: built by ", "alembic_index_ops: adopted by "

_revisions = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)
_comments = st.none() | st.text(min_size=1)


def test_tags_are_lines_below_the_comment() -> None:
    tags = Provenance("for the list page", "a1", ("b2", "c3"))

    assert tags.render() == (f"for the list page\n{BUILT}a1\n{ADOPTED}b2\n{ADOPTED}c3")


def test_without_comment_and_tags_there_is_none() -> None:
    assert Provenance().render() is None


@pytest.mark.parametrize("comment", ["x", "x\n", "\n", "x\n\n", " x ", "x\r\n", "a\nb", "\\n%:'\""])
def test_the_comment_of_the_user_comes_back_to_the_letter(comment: str) -> None:
    assert parse_comment(Provenance(comment, "a1").render()) == Provenance(comment, "a1")
    assert parse_comment(comment).adopt("a1").release("a1").render() == comment


@given(_comments, st.none() | _revisions, st.lists(_revisions, unique=True))
def test_what_is_rendered_is_read_back(
    comment: str | None, built_by: str | None, adopted_by: list[str]
) -> None:
    tags = Provenance(comment, built_by, tuple(adopted_by))

    assert parse_comment(tags.render()) == tags


@given(_comments, _revisions)
def test_adopting_and_releasing_leaves_what_was(comment: str | None, revision: str) -> None:
    tags = parse_comment(comment)

    assert parse_comment(tags.adopt(revision).render()).release(revision) == tags


def test_a_tag_is_found_where_somebody_wrote_below_it() -> None:
    found = parse_comment(f"above\n{ADOPTED}a1\nbelow")

    assert found == Provenance("above\nbelow", None, ("a1",))


def test_adopting_twice_is_adopting_once() -> None:
    assert Provenance().adopt("a1").adopt("a1") == Provenance(adopted_by=("a1",))


def test_what_was_built_passes_to_the_first_who_adopted_it() -> None:
    assert Provenance("c", "a1", ("b2", "c3")).release("a1") == Provenance("c", "b2", ("c3",))


def test_an_adoption_ends_and_the_builder_stays() -> None:
    assert Provenance("c", "a1", ("b2",)).release("b2") == Provenance("c", "a1")


def test_a_plain_index_passes_to_the_first_who_adopted_it() -> None:
    assert Provenance("mine", None, ("b", "c")).release("a") == Provenance("mine", "b", ("c",))


def test_an_adopter_that_goes_leaves_a_plain_index_to_nobody() -> None:
    assert Provenance("mine", None, ("b", "c")).release("b") == Provenance("mine", None, ("c",))


def test_what_another_revision_built_is_not_needed_on_behalf_of_this_one() -> None:
    assert not Provenance(None, "a", ("b",)).needed_by_others("c")
