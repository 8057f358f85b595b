"""The events of the soak: of any time, by two connections, some of them twice."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from testing.world import START, audience

PERSONS_PER_EVENT: Final = 0.4
OLDEST: Final = timedelta(days=30)
ONE, OTHER = "connection-1", "connection-2"
AUDIENCES: Final = {ONE: "abc", OTHER: "xy"}
ALWAYS: Final = {ONE: "company", OTHER: "title"}
SOMETIMES: Final = {ONE: "department", OTHER: "city"}
"""Each connection has lead fields of its own: of one field that two write, the one that came last would stand."""

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED


@dataclass(frozen=True, slots=True)
class SoakEvent:
    """What an event said; without a person it has no e-mail address."""

    number: int
    connection: str
    person: int | None
    at: datetime
    memberships: tuple[tuple[str, MembershipStatus], ...]
    always: str
    sometimes: str | None

    @property
    def event(self) -> ProfileEvent:
        profile: dict[str, object] = {"firstName": "Ada", ALWAYS[self.connection]: self.always}
        if self.person is not None:
            profile["email"] = email(self.person)
        if self.person is None or not is_nameless(self.person):
            profile["lastName"] = "Lovelace"
        if self.sometimes is not None:
            profile[SOMETIMES[self.connection]] = self.sometimes
        memberships = tuple(Membership(audience(name), status, self.at) for name, status in self.memberships)
        return ProfileEvent(self.at, profile, {}, memberships, self.at)


def email(person: int) -> str:
    return f"person-{person}@example.org"


def is_nameless(person: int) -> bool:
    """Whether nobody can be created of it: it has no last name, and no lead."""
    return person % 100 == 1


def leads_before(person: int) -> int:
    """How many leads of the person Marketo had before."""
    return {0: 2, 2: 1, 3: 1}.get(person % 100, int(person % 10 == 4))


def story(chance: random.Random, events: int) -> Iterator[SoakEvent]:
    """Events of any time, some of them sent twice; a few name nobody, or no audience of ours."""
    known = persons(events)
    sent: list[SoakEvent] = []
    while len(sent) < events:
        number = len(sent)
        if sent and chance.random() < 0.03:
            sent.append(chance.choice(sent[-500:]))
        else:
            name = ONE if chance.random() < 0.65 else OTHER
            named = chance.sample(AUDIENCES[name], chance.choice([1, 1, 1, 2]))
            sent.append(
                SoakEvent(
                    number,
                    name,
                    None if chance.random() < 0.01 else any_person(chance, known),
                    # The microseconds are the number: no two events are of one time.
                    START
                    - OLDEST * chance.random() // timedelta(seconds=1) * timedelta(seconds=1)
                    + timedelta(microseconds=number % 1_000_000),
                    tuple((one, REALIZED if chance.random() < 0.75 else EXITED) for one in named)
                    if chance.random() < 0.98
                    else (("elsewhere", REALIZED),),
                    f"value {number}" if chance.random() < 0.8 else "the usual value",
                    f"value {number}" if chance.random() < 0.5 else None,
                )
            )
        yield sent[-1]


def persons(events: int) -> int:
    """How many there are."""
    return max(1, round(events * PERSONS_PER_EVENT))


def any_person(chance: random.Random, persons: int) -> int:
    """Often one of the few of whom very much is said."""
    return chance.randrange(persons if chance.random() < 0.75 else max(1, persons // 50))
