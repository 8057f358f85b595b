"""What is seen of events: which paths, of which types, and which keys are no names."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import SourceType
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.path import Path
from destination.domain.seen import (
    MAX_ATTRIBUTE_BYTES,
    MAX_ENTRIES,
    MAX_LEVELS,
    MAX_SAMPLE,
    MAX_VALUES,
    MAX_WORKING,
    WRITE_EVERY,
    Seen,
    SeenAttribute,
    SeenAudience,
    SeenIdentity,
    Unwritten,
    first_day,
    gather,
    read_seen,
    write_seen,
)
from testing.persons import START, audience, event, minute

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED


def of(profile: Mapping[str, Any], identities: Mapping[str, tuple[str, ...]] | None = None) -> ProfileEvent:
    return ProfileEvent(START, profile, identities or {}, (), START)


def types(profile: Mapping[str, Any]) -> dict[str, set[str]]:
    return {path: set(one.types) for path, one in gather([of(profile)]).attributes.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ada", "string"),
        ("", "string"),
        (7, "integer"),
        (417.0, "integer"),
        (-(2**31), "long"),
        (1.5, "double"),
        (float("nan"), "double"),
        (float("inf"), "double"),
        (False, "boolean"),
        ("1815-12-10", "date"),
        ("2026-11-21T10:00:00Z", "date-time"),
        ("2026-11-21 10:00+0000", "date-time"),
        ("2026-11-21T10:00:00.123456789-05:30", "date-time"),
        ("on 2026-11-21", "string"),
    ],
)
def test_a_value_is_of_an_xdm_type(value: object, expected: str) -> None:
    assert types({"it": value}) == {"it": {expected}}


def test_a_path_is_what_a_mapping_row_writes() -> None:
    profile = {
        "person": {"name": {"firstName": "Ada"}},
        "emails": [{"address": "ada@example.org", "primary": True}, {"address": "a@example.org"}],
        "interests": ["a", 7],
        "grid": [[1.5]],
        "größe": 7,
    }

    found = types(profile)

    assert found == {
        "person.name.firstName": {"string"},
        "emails[*].address": {"string"},
        "emails[*].primary": {"boolean"},
        "interests[*]": {"string", "integer"},
        "grid[*][*]": {"double"},
        "größe": {"integer"},
    }
    assert [Path.of(path).values(profile) for path in found] == [
        ["Ada"],
        ["ada@example.org", "a@example.org"],
        [True],
        ["a", 7],
        [1.5],
        [7],
    ]


@pytest.mark.parametrize("value", [None, {}, [], [None], {"inner": None}, [{}]])
def test_what_is_not_on_the_profile_is_not_seen(value: object) -> None:
    assert types({"it": value}) == {}


@pytest.mark.parametrize(
    "key",
    [
        "ada@example.org",
        "Ada Lovelace",
        "+44 20 7946 0000",
        "2026-11-21",
        "order-20261121",
        "c0ffee15-6d5b-4a5e-9f57-0c8f3a1d2b4c",
        "12",
        "a.b",
        "a[0]",
        "",
        "x" * 65,
        "half \ud83d",
    ],
)
def test_a_key_that_may_be_a_value_is_left_out_with_all_below_it(key: str) -> None:
    seen = gather([of({"orders": {key: {"total": 7}, "last": 8}})])

    assert (set(seen.attributes), seen.unnamed) == ({"orders.last"}, 1)


def test_a_key_that_is_an_identity_of_the_profile_is_left_out() -> None:
    seen = gather([of({"friends": {"Ada": True}, "ada": 7, "name": "Ada"}, {"nick": ("ada",), "a@b.c": ("x",)})])

    assert (set(seen.attributes), set(seen.identities), seen.unnamed) == ({"name"}, {"nick"}, 1)


def test_an_attribute_that_no_path_leads_to_is_not_seen() -> None:
    assert types({"identityMap": {"email": "x"}, "IDENTITYMAP": 7}) == {}


def test_what_was_seen_has_how_often_and_when() -> None:
    events = [
        event(None, ("a", REALIZED), at=minute(1), score=7),
        event(None, ("a", EXITED), ("b", REALIZED), at=minute(0), score=1.5),
        replace(event(None, at=minute(2)), identities={"email": ("ada@example.org", "a@example.org")}),
    ]

    seen = gather(events)

    assert seen.attributes["score"] == SeenAttribute(2, minute(1), {SourceType.INTEGER: 1, SourceType.DOUBLE: 1})
    assert seen.identities == {"email": SeenIdentity(1, minute(2))}
    assert seen.audiences == {
        audience("a"): SeenAudience(1, 1, minute(1)),
        audience("b"): SeenAudience(1, 0, minute(0)),
    }
    assert (seen.events, seen.sampled, seen.audiences[audience("a")].events) == (3, 3, 2)


def test_an_audience_has_the_name_that_it_was_called_last() -> None:
    def named(at: float, name: str | None) -> Seen:
        membership = Membership(audience("a"), REALIZED, START, name)
        return gather([replace(event(None, at=minute(at)), memberships=(membership,))])

    both = gather([])
    for one in (named(1, "Webinar"), named(2, None), named(0, "Old")):
        both = both.plus(one)

    assert both.audiences[audience("a")] == SeenAudience(3, 0, minute(2), "Webinar")


def test_of_many_events_a_sample_is_looked_at_and_every_audience_is_counted() -> None:
    events = [event(None, ("a", REALIZED), number=number) for number in range(1_000)]

    seen = gather(events)

    assert (seen.events, seen.sampled) == (1_000, MAX_SAMPLE)
    assert (seen.attributes["number"].events, seen.audiences[audience("a")].realized) == (MAX_SAMPLE, 1_000)


def test_few_events_are_all_looked_at() -> None:
    assert gather([event(None)] * MAX_SAMPLE).sampled == MAX_SAMPLE
    assert gather([]) == Seen()


def test_of_an_array_the_first_entries_are_looked_at() -> None:
    seen = gather([of({"tags": [*([7] * MAX_ENTRIES), "late"]})])

    assert (seen.attributes["tags[*]"].types, seen.is_cut) == ({SourceType.INTEGER: 1}, False)


def test_a_profile_of_very_many_values_is_cut() -> None:
    profile = {"".join(chr(97 + int(digit)) for digit in f"{one:04}"): one for one in range(MAX_VALUES + 1)}

    seen = gather([of(profile)])

    assert (len(seen.attributes), seen.is_cut) == (MAX_VALUES, True)


def test_a_profile_is_looked_into_down_to_a_level() -> None:
    deep: Any = 7
    for _ in range(MAX_LEVELS):
        deep = {"x": deep}

    assert set(gather([of(deep)]).attributes) == {".".join("x" * MAX_LEVELS)}
    assert (len(gather([of({"x": deep})])), gather([of({"x": deep})]).is_cut) == (0, True)


def flood(first: int, count: int) -> Seen:
    """So many names that were seen once each."""
    names = (f"random_{'abcdefghij'[one % 10]}{one}" for one in range(first, first + count))
    return Seen({name: SeenAttribute(1, minute(5), {}) for name in names}, events=1)


def test_a_flood_of_names_takes_the_place_of_none_that_is_seen_more_often() -> None:
    honest = gather([event("ada@example.org", at=minute(number)) for number in range(2)])

    both = honest.plus(flood(0, 5_000))

    assert both.is_cut
    assert honest.attributes.keys() <= both.attributes.keys()
    assert len(both.attributes) < MAX_ATTRIBUTE_BYTES / 40


def test_what_is_seen_again_comes_back_after_a_flood() -> None:
    full = Seen()
    for number in range(20):
        full = full.plus(flood(number * 500, 500))
    honest = gather([event("ada@example.org", at=minute(9))] * 2)

    assert honest.attributes.keys() <= full.plus(honest).attributes.keys()


def test_it_is_read_as_it_was_written() -> None:
    events = [
        replace(
            event("ada@example.org", ("a", REALIZED), ("b", EXITED), score=1.5, born="1815-12-10"),
            identities={"email": ("ada@example.org",), "a b": ("x",)},
        )
    ]
    seen = gather(events).plus(replace(Seen(), is_cut=True))

    assert read_seen(write_seen(seen)) == seen


def test_what_a_later_release_has_written_besides_is_left_out() -> None:
    stored = write_seen(Seen({"a": SeenAttribute(1, START, {})}, events=1))
    stored["attributes"][0][3] = {"string": 1, "duration": 2}

    later = {**stored, "attributes": [[*stored["attributes"][0], "more"]], "more": 1}

    assert read_seen(later).attributes == {"a": SeenAttribute(1, START, {SourceType.STRING: 1})}


@pytest.mark.parametrize(
    "damage",
    [
        {"events": -1},
        {"events": True},
        {"attributes": [["a", 1]]},
        {"attributes": [[1, 1, "2026-11-21T10:00:00Z", {}]]},
        {"identities": 7},
        {"audiences": [["ups", None, 1, 1, "2026-11-21T10:00:00Z", None]]},
    ],
)
def test_what_is_none_is_refused(damage: Mapping[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_seen({**write_seen(Seen()), **damage})


def test_seven_days_are_shown() -> None:
    assert first_day(START) == date(2026, 11, 15)


def test_what_is_new_is_due_at_once_and_counts_after_a_while() -> None:
    unwritten, one = Unwritten(), gather([event("ada@example.org", ("a", REALIZED))])

    assert unwritten.due("c", one, START) == one
    unwritten.wrote("c", START)
    assert unwritten.due("c", one, START + WRITE_EVERY / 2) is None
    assert unwritten.due("c", one, START + WRITE_EVERY) == one.plus(one)
    new = gather([event("ada@example.org", ("b", REALIZED))])
    assert unwritten.due("c", new, START) == one.plus(one).plus(new)


def test_what_others_have_written_is_not_new() -> None:
    unwritten, ours = Unwritten(), gather([event("ada@example.org")])
    theirs = gather([event("ada@example.org", ("a", REALIZED))])

    unwritten.due("c", ours, START)
    unwritten.wrote("c", START, theirs.plus(ours))

    assert unwritten.due("c", theirs, START + timedelta(seconds=1)) is None


def test_a_flood_of_names_is_written_as_seldom_as_counts() -> None:
    unwritten = Unwritten()
    unwritten.due("c", flood(0, 5_000), START)
    unwritten.wrote("c", START)

    assert unwritten.due("c", flood(9_000, 5_000), START + timedelta(seconds=1)) is None
    assert unwritten.due("c", flood(9_000, 5_000), START + WRITE_EVERY) is not None


def test_a_worker_remembers_so_many_connections() -> None:
    unwritten, one = Unwritten(), gather([event("ada@example.org")])
    for number in range(MAX_WORKING + 1):
        unwritten.due(number, one, START)
        unwritten.wrote(number, START)

    assert unwritten.due(1, one, START) is None
    assert unwritten.due(0, one, START) == one


def test_one_name_in_two_kinds_is_two_names() -> None:
    seen = Seen(
        {"email": SeenAttribute(1, START, {})},
        {"email": SeenIdentity(1, START)},
        {AudienceKey("email", "email"): SeenAudience(1, 0, START)},
        1,
    )

    assert (len(seen.names), len(seen)) == (3, 3)
