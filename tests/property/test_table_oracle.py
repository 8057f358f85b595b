"""For random leads, connections and events Marketo holds what the table says, and every event is accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.connection import (
    Connection,
    Consent,
    Generation,
    Limits,
    MappingRow,
    OnInvalid,
    PersonAction,
    Scope,
    SyncType,
    WhenMissing,
)
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.queue import Message, decode
from testing.counts import CLASSES, assert_balanced
from testing.world import START, World, audience, connection
from tests.property.oracle import Oracle, OracleLead
from tests.property.oracle_events import ECID_FIELD, LISTS

PEOPLE = range(4)
PARTITIONS = ("Default", "EMEA")


@dataclass(frozen=True)
class SeededLead:
    person: int
    partition: str
    touched: int
    """Minutes before the start at which it was changed last."""
    lists: frozenset[str]
    spelling: int
    has_ecid: bool


@dataclass(frozen=True)
class Step:
    """What is posted, which earlier messages come again, which lead is edited before, how long it is until the next."""

    messages: tuple[tuple[ProfileEvent, ...], ...]
    again: frozenset[int]
    edited: int | None
    pause: timedelta


@dataclass(frozen=True)
class Story:
    connection: Connection
    clears_company: bool
    leads: tuple[SeededLead, ...]
    steps: tuple[Step, ...]
    shuffled: int


def spelled(person: int, by_email: bool, spelling: int) -> str:
    if not by_email:
        return f"C-{person}"
    return (f"p{person}@example.org", f"P{person}@Example.org", f" p{person}@example.ORG")[spelling]


def identities(*, by_email: bool, is_legacy: bool) -> list[MappingRow]:
    if is_legacy:
        return [MappingRow("email", "Email"), MappingRow("customer", "ECID")]
    return [MappingRow("email" if by_email else "customer", "DedupeField")]


@st.composite
def connections(draw: st.DrawFn) -> tuple[Connection, bool]:
    sync_type = draw(st.sampled_from(SyncType))
    by_email = draw(st.booleans())
    is_legacy = by_email and draw(st.booleans())
    clears_company = draw(st.booleans())
    when_missing = WhenMissing.CLEAR if clears_company else WhenMissing.IGNORE
    mapping = [
        *identities(by_email=by_email, is_legacy=is_legacy),
        MappingRow("firstName", "firstName"),
        MappingRow("lastName", "lastName"),
        MappingRow("company", "company", when_missing=when_missing),
        MappingRow("score", "leadScore"),
    ]
    if not by_email:
        mapping.append(MappingRow("email", "email"))
    takes_profiles = sync_type is not SyncType.AUDIENCE_ONLY
    made = connection(
        sync_type=sync_type,
        person_action=draw(st.sampled_from(PersonAction)),
        dedupe_field="email" if by_email else "customerNumber",
        mapping=tuple(mapping),
        partition=draw(st.sampled_from([None, *PARTITIONS])) if takes_profiles else None,
        scope=draw(st.sampled_from(Scope)) if takes_profiles else Scope.ACTIVATED_AUDIENCES,
        on_invalid=draw(st.sampled_from(OnInvalid)),
        # Under two identities a lead may be made, or leave a list, without the ledger's row of the other one knowing.
        lead_cache=timedelta(0) if is_legacy else draw(st.sampled_from([timedelta(0), timedelta(hours=24)])),
        limits=Limits(concurrency=1) if is_legacy else Limits(),
        generation=Generation.LEGACY_V2 if is_legacy else Generation.CURRENT,
        ecid_field=ECID_FIELD if is_legacy else None,
        consent=draw(st.none() | st.just(Consent("consent", ("y", "true")))),
    )
    return made, clears_company


@st.composite
def stories(draw: st.DrawFn) -> Story:
    made, clears_company = draw(connections())
    by_email = made.dedupe_field == "email"
    is_legacy = made.generation is Generation.LEGACY_V2
    with_ecid = draw(st.frozensets(st.sampled_from(PEOPLE))) if is_legacy else frozenset()
    told: list[ProfileEvent] = []

    def new_event() -> ProfileEvent:
        number = len(told)
        at = START + timedelta(minutes=draw(st.integers(0, 9)), microseconds=number)
        person = draw(st.sampled_from([*PEOPLE, None]))
        profile: dict[str, object] = {
            "firstName": draw(st.sampled_from(["Ada", "Bob", "", None])),
            "lastName": draw(st.sampled_from(["Lovelace", "Babbage", None])),
            "company": draw(st.sampled_from(["X", "Y", "", None, "z" * 256])),
            "score": draw(st.sampled_from([0, 5, "7", "many", None])),
        }
        if made.consent is not None:
            profile["consent"] = draw(st.sampled_from(["y", "y", True, ["n", "y"], "n", None]))
        if by_email:
            spelling = draw(st.integers(0, 2))
            profile["email"] = None if person is None else spelled(person, by_email, spelling)
            if person in with_ecid:
                profile["customer"] = f"C-{person}"
                profile["email"] = draw(st.sampled_from([profile["email"], profile["email"], "nobody", "", None]))
        else:
            profile["customer"] = None if person is None else spelled(person, by_email, 0)
            profile["email"] = draw(st.sampled_from(["one@example.org", "two@example.org", "nobody", None]))
        memberships = [
            Membership(audience(name), draw(st.sampled_from(MembershipStatus)), at + timedelta(minutes=shift))
            for name, shift in draw(st.dictionaries(st.sampled_from(["a", "b", "other"]), st.integers(-9, 9))).items()
        ]
        event = ProfileEvent(
            at, {name: one for name, one in profile.items() if one is not None}, {}, tuple(memberships), at
        )
        told.append(event)
        return event

    def next_event() -> ProfileEvent:
        if told and draw(st.integers(0, 5)) == 0:
            return draw(st.sampled_from(told))
        return new_event()

    steps = []
    posted = 0
    for _ in range(draw(st.integers(1, 4))):
        messages = [tuple(next_event() for _ in range(draw(st.integers(1, 4)))) for _ in range(draw(st.integers(1, 3)))]
        again = draw(st.frozensets(st.integers(0, posted - 1))) if posted else frozenset()
        posted += len(messages)
        edited = draw(st.none() | st.integers(0, 5))
        pause = draw(st.sampled_from([timedelta(minutes=1), timedelta(hours=25)]))
        steps.append(Step(tuple(messages), again, edited, pause))
    lead = st.builds(
        SeededLead,
        person=st.sampled_from(PEOPLE),
        partition=st.sampled_from(PARTITIONS),
        touched=st.integers(1, 3),
        lists=st.frozensets(st.sampled_from(LISTS)),
        spelling=st.integers(0, 1),
        has_ecid=st.booleans(),
    )
    leads = draw(st.lists(lead, max_size=6))
    return Story(made, clears_company, tuple(leads), tuple(steps), draw(st.integers(0, 99)))


# The same story in the world and in the oracle


class Telling:
    """A story, told to the system and to the oracle at once."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.by_email = story.connection.dedupe_field == "email"
        self.world = World(story.connection)
        self.oracle = Oracle(story.connection, story.clears_company)
        self.sent: list[tuple[Message, tuple[ProfileEvent, ...]]] = []
        self.delivered: set[str] = set()
        self.world.simulator.seed({"fields": [{"name": "customerNumber"}]})
        for number, seeded in enumerate(story.leads):
            self._seed(number + 1, seeded)
        self.world.now = START

    def _seed(self, lead_id: int, seeded: SeededLead) -> None:
        values: dict[str, object] = {"email": f"lead-{lead_id}@example.org", "company": "Old"}
        values[self.story.connection.dedupe_field] = spelled(seeded.person, self.by_email, seeded.spelling)
        if seeded.has_ecid and self.story.connection.generation is Generation.LEGACY_V2:
            # It may be somebody else's lead by its e-mail address, or nobody's.
            values[ECID_FIELD] = f"C-{(seeded.person + seeded.spelling) % len(PEOPLE)}"
        self.world.now = updated = START - timedelta(minutes=seeded.touched)
        self.world.simulator.seed({"leads": [{"id": lead_id, "partition": seeded.partition, **values}]})
        for number, name in enumerate(LISTS):
            if name in seeded.lists:
                self.world.simulator.state.lists[1001 + number].members.add(lead_id)
        self.oracle.leads.append(OracleLead(values, seeded.partition, updated, lead_id, set(seeded.lists)))

    def tell(self, step: Step) -> None:
        """Let one step happen, in both."""
        batch = [self.sent[number] for number in step.again]
        for events in step.messages:
            self.world.post(*events)
            message = list(self.world.queue.waiting.values())[-1]
            self.sent.append((message, events))
            batch.append(self.sent[-1])
        Random(self.story.shuffled).shuffle(batch)  # noqa: S311 - no secret, and it must be the same every time
        if step.edited is not None:
            self._edit(step.edited)
        new = [
            event for message, _ in batch if message.id not in self.delivered for event in decode(message.body).events
        ]
        report = self.world.sync([message for message, _ in batch], timedelta(minutes=5))
        assert report.requeued == ()
        self.oracle.deliver(new, self.world.now)
        self.delivered |= {message.id for message, _ in batch}
        self.world.now += step.pause

    def _edit(self, number: int) -> None:
        """Somebody edits a seeded lead by hand, which makes it the most recently updated one."""
        seeded = [lead for lead in self.oracle.leads if lead.id]
        if not seeded:
            return
        lead = seeded[number % len(seeded)]
        values = {"city": f"Turin {self.world.now:%d %H:%M}"}
        state = self.world.simulator.state
        state.update_lead(state.leads[lead.id], values, self.world.now)
        lead.write(values, self.world.now)

    def in_marketo(self) -> list[tuple[object, ...]]:
        names = self._names()
        lists = {name: set(self.world.members(name)) for name in LISTS}
        return sorted(
            (
                lead_id if lead_id <= len(self.story.leads) else 0,
                lead["partition"],
                lead["updatedAt"],
                *(str(lead.get(name)) for name in names),
                *(lead_id in members for members in lists.values()),
            )
            for lead_id, lead in self.world.leads_now().items()
        )

    def as_the_table_says(self) -> list[tuple[object, ...]]:
        names = self._names()
        return sorted(
            (
                lead.id,
                lead.partition,
                f"{lead.updated:%Y-%m-%dT%H:%M:%SZ}",
                *(str(self._stored(lead.fields.get(name))) for name in names),
                *(name in lead.lists for name in LISTS),
            )
            for lead in self.oracle.leads
        )

    def _stored(self, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    def _names(self) -> Sequence[str]:
        return ("email", "customerNumber", "firstName", "lastName", "company", "leadScore", "city")


def told(story: Story) -> Telling:
    telling = Telling(story)
    for step in story.steps:
        telling.tell(step)
        assert telling.in_marketo() == telling.as_the_table_says()
    return telling


@pytest.mark.timeout(900)
@given(story=stories())
def test_marketo_holds_what_the_table_says_and_every_event_is_accounted_for(story: Story) -> None:
    telling = told(story)
    world, oracle = telling.world, telling.oracle
    counts = world.ledger.total(world.connection.id).counts
    assert {name: counts[name] for name in CLASSES} == {name: oracle.counts[name] for name in CLASSES}
    assert counts["ignored"] == oracle.counts["ignored"]
    assert counts["received"] + counts["ignored"] == sum(len(events) for _, events in telling.sent)
    assert len(world.letters.bodies) == oracle.counts["failed"]
    assert_balanced(world)
