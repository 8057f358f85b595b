"""What senders may call an audience."""

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.audience_rules import MAX_AUDIENCE_ID_LENGTH, naming_problems
from destination.domain.connection_rules import MAX_STRING_LENGTH


@pytest.mark.parametrize("name", ["Webinar", " Webinar ", "Ünïcode ✓", "x" * MAX_STRING_LENGTH])
@pytest.mark.parametrize("audience", [("", "a"), ("crm", "Ünï code"), ("a.b:c-d_e", "i" * MAX_AUDIENCE_ID_LENGTH)])
def test_what_can_be_seen_is_a_name_and_an_id(name: str, audience: tuple[str, str]) -> None:
    assert naming_problems(AudienceKey(*audience), name) == []


@pytest.mark.parametrize(
    ("audience", "name", "path"),
    [
        (("", "a"), "", "name"),
        (("", "a"), " ", "name"),
        (("", "a"), "x" * (MAX_STRING_LENGTH + 1), "name"),
        (("", "a"), "line\nbreak", "name"),
        (("", "a"), "turned \u202e text", "name"),
        (("", "a"), "half \ud800", "name"),
        (("", ""), "x", "id"),
        (("", " a"), "x", "id"),
        (("", "a\x00"), "x", "id"),
        (("", "i" * (MAX_AUDIENCE_ID_LENGTH + 1)), "x", "id"),
        (("a b", "a"), "x", "namespace"),
        (("crm\n", "a"), "x", "namespace"),
        (("n" * 65, "a"), "x", "namespace"),
    ],
)
def test_what_cannot_is_none(audience: tuple[str, str], name: str, path: str) -> None:
    assert [one.path for one in naming_problems(AudienceKey(*audience), name)] == [path]
