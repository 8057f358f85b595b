"""Whatever is said of whom and when, imports leave Marketo and the accounts as calls alone would."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.event import MembershipStatus
from testing.counts import assert_balanced
from testing.importing import ALL, CREATES, HOUR, PEOPLE, address, few_are_many, first_names, world_of
from testing.world import World, event


@pytest.fixture(autouse=True, scope="module")
def _few_are_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        few_are_many(patch)
        yield


class Word(NamedTuple):
    """What is said of the people from one number to another, so many minutes after the word before."""

    minutes: int
    first: int
    last: int
    audience: str
    status: MembershipStatus
    first_name: str


WORDS = st.lists(
    st.builds(
        Word,
        st.sampled_from([0, 1, 2, 4, 30]),
        st.integers(0, 3),
        st.integers(PEOPLE - 4, PEOPLE + 2),
        st.sampled_from("ab"),
        st.sampled_from(MembershipStatus),
        st.sampled_from(["Ada", "Bob", " Carl"]),
    ),
    min_size=1,
    max_size=5,
)


def told(words: Sequence[Word], known: Capabilities, people: int) -> World:
    world = world_of(people=people, known=known)
    for one in words:
        world.run(world.now + timedelta(minutes=one.minutes))
        world.now += timedelta(seconds=1)
        said = (one.audience, one.status)
        world.deliver_beside(
            *(
                event(address(number), said, at=world.now, firstName=one.first_name, lastName="L")
                for number in range(one.first, one.last)
            )
        )
    world.run(world.now + 6 * HOUR)
    world.deliver()
    return world


@settings(max_examples=25, deadline=None)
@given(words=WORDS, known=st.sampled_from([ALL, CREATES]), people=st.sampled_from([PEOPLE, PEOPLE // 2, 0]))
def test_imports_leave_what_calls_leave(words: Sequence[Word], known: Capabilities, people: int) -> None:
    by_imports, by_calls = told(words, known, people), told(words, NOTHING_KNOWN, people)
    assert not by_imports.parking.stored
    assert first_names(by_imports) == first_names(by_calls)
    emails = [
        {name: {world.leads_now()[one]["email"] for one in world.members(name)} for name in "ab"}
        for world in (by_imports, by_calls)
    ]
    assert emails[0] == emails[1]
    everybody = [Counter(lead["email"] for lead in world.leads_now().values()) for world in (by_imports, by_calls)]
    assert everybody[0] == everybody[1]
    counts = [world.ledger.total(world.connection.id).counts for world in (by_imports, by_calls)]
    assert counts[0]["received"] == counts[1]["received"]
    for world in (by_imports, by_calls):
        assert_balanced(world)
    assert all(row.importing is None for row in by_imports.ledger.people.values())
