"""Laws of what is seen, for any events: it holds names alone, stays within its bounds, and is the same in any order."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from random import Random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from destination.api.seen import SeenOut
from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.path import Path
from destination.domain.seen import (
    MAX_ATTRIBUTE_BYTES,
    MAX_AUDIENCE_BYTES,
    MAX_IDENTITY_BYTES,
    Seen,
    first_day,
    gather,
    read_seen,
    write_seen,
)
from destination.domain.seen_of import SeenOf
from testing.persons import active

START: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)
MARK: Final = "Qz9"
"""In every value, and in every key that is one; no name has it."""

NAMES = st.sampled_from(["person", "name", "_tenant", "emails", "größe", "a", "x-ref", "utm_2024", "identityMap"])
TEXTS = st.sampled_from(
    [MARK, f"Ada {MARK}", f"{MARK}@example.org", f"2026-11-21T10:00:00Z {MARK}", f"{MARK}\U0001f600"]
)
SCALARS = st.one_of(TEXTS, st.sampled_from([None, True, 10**12, -(10**30), 0.5, float("nan"), float("inf")]))
VALUE_KEYS = st.sampled_from(
    [
        f"{MARK}@example.org",
        f"+49 {MARK}",
        f"{MARK}20261121",
        f"{MARK}-c0ffee15-6d5b-4a5e-9f57-0c8f3a1d2b4c",
        f"Ada {MARK}",
        f"{MARK}[0]",
        f"{MARK}.com",
        "",
    ]
)
IDENTITIES = st.dictionaries(st.one_of(NAMES, VALUE_KEYS), st.lists(TEXTS, max_size=3).map(tuple), max_size=3)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(NAMES, VALUE_KEYS), inner, max_size=5),
    )


VALUES = st.recursive(SCALARS, nested, max_leaves=12)


@st.composite
def events(draw: st.DrawFn) -> ProfileEvent:
    identities = draw(IDENTITIES)
    known = [one for ids in identities.values() for one in ids]
    keys = st.one_of(NAMES, VALUE_KEYS, st.sampled_from(known or [MARK + "@"]))
    at = START + timedelta(minutes=draw(st.integers(0, 9)))
    audiences = draw(st.lists(st.tuples(NAMES, st.sampled_from(MembershipStatus)), max_size=4))
    memberships = tuple(Membership(AudienceKey("ups", name), status, at) for name, status in audiences)
    return ProfileEvent(at, draw(st.dictionaries(keys, VALUES, max_size=6)), identities, memberships, at)


def told(seen: Seen) -> tuple[str, str]:
    """What is stored, and what is answered."""
    shown = SeenOut.of(SeenOf(active(), seen, first_day(START), START))
    return json.dumps(write_seen(seen)), shown.model_dump_json()


@given(st.lists(events(), max_size=3), st.randoms(use_true_random=False))
def test_names_are_seen_and_no_values(given_events: list[ProfileEvent], random: Random) -> None:
    seen = gather(given_events)

    for text in told(seen):
        assert MARK not in text
        assert str(10**12) not in text
    for path in seen.attributes:
        assert any(Path.of(path).values(one.profile) for one in given_events)
    shuffled = random.sample(given_events, len(given_events))
    assert reduce(Seen.plus, (gather([one]) for one in shuffled), Seen()) == seen
    assert read_seen(json.loads(json.dumps(write_seen(seen)))) == seen


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 255), st.sampled_from("aé😀")), min_size=1, max_size=3))
def test_nothing_grows_beyond_its_bound(floods: list[tuple[int, int, str]]) -> None:
    seen = Seen()
    for number, (count, length, letter) in enumerate(floods):
        names = [f"{letters(one * 10 + number)}_{'y' * (length % 50)}" for one in range(count)]
        memberships = [
            Membership(AudienceKey(name, letter * length), MembershipStatus.REALIZED, START, letter * length)
            for name in names
        ]
        profile, identities = dict.fromkeys(names, 1), dict.fromkeys(names, ("1",))
        seen = seen.plus(gather([ProfileEvent(START, profile, identities, tuple(memberships), START)]))

    assert size(seen.attributes) <= MAX_ATTRIBUTE_BYTES
    assert size(seen.identities) <= MAX_IDENTITY_BYTES
    assert size("".join([*one, seen.audiences[one].name or ""]) for one in seen.audiences) <= MAX_AUDIENCE_BYTES
    assert read_seen(write_seen(seen)) == seen


def size(names: Iterable[str]) -> int:
    return len("".join(names).encode())


def letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))
