"""Who is on the list after a resync: whoever was named in it, or later, and has not left since, whatever the times say.

The oracle keeps all that was said of each person, and reads the rules of docs/resyncs.md off it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.connection import Resyncing
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.person import Said
from destination.domain.verification import AudienceCheck, Repair, Verification
from destination.queue import verification_message
from testing.world import START, World, audience, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PEOPLE = ("ada", "ben", "cam")
BEFORE, DURING, AFTER = range(3)
OPENED_AT = START + timedelta(hours=1)
CLOSED_AT = START + timedelta(hours=2)
PHASES = (START + timedelta(minutes=10), OPENED_AT + timedelta(minutes=1), CLOSED_AT + timedelta(minutes=1))
ID = "20261121T100000000000Z-0a1b2c3d"


@dataclass(frozen=True)
class Word:
    """What was said of a person: in which phase it was received, how old it is by its own time, in minutes from the
    start (None: as its receipt), and whether it is delivered behind others: of those before the opening behind what was
    received after it. `repeats`: it was sent before the opening, too, with the same id.
    """

    who: str
    status: MembershipStatus
    phase: int
    minute: int | None
    is_late: bool
    repeats: bool


WORDS = st.builds(
    Word,
    who=st.sampled_from(PEOPLE),
    status=st.sampled_from((REALIZED, REALIZED, EXITED)),
    phase=st.sampled_from((BEFORE, BEFORE, DURING, DURING, AFTER)),
    minute=st.one_of(st.none(), st.integers(0, 4)),
    is_late=st.booleans(),
    repeats=st.booleans(),
)


@dataclass(frozen=True)
class Heard:
    """A word with its times, as order has them, and when it was received in truth."""

    who: str
    status: MembershipStatus
    said: Said
    received_at: datetime


def is_on_list(heard: list[Heard], who: str) -> bool:
    """By the rules: the newest word counts; who was not named since the opening left with the time of the entry."""
    own = [one for one in heard if one.who == who]
    before = [one for one in own if one.received_at < CLOSED_AT]
    newest = max(before, key=lambda one: one.said, default=None)
    named = any(one.status is REALIZED and one.received_at >= OPENED_AT for one in before)
    if newest is not None and newest.status is REALIZED and not named:
        exit_said = Said(newest.said.at, OPENED_AT)
        newest = Heard(who, EXITED, exit_said, OPENED_AT)
    later = [one for one in own if one.received_at >= CLOSED_AT]
    last = max([*([newest] if newest else []), *later], key=lambda one: one.said, default=None)
    return last is not None and last.status is REALIZED


@given(st.lists(WORDS, max_size=12))
def test_exactly_those_are_on_the_list_who_were_named_and_have_not_left_since(words: list[Word]) -> None:
    world = World()
    heard: list[Heard] = []
    for phase in (BEFORE, DURING, AFTER):
        if phase == DURING:
            world.reconfigure(resyncing=Resyncing("r", OPENED_AT))
        if phase == AFTER:
            take_off(world)
        world.now = PHASES[phase]
        for number, word in enumerate(words):
            if word.phase != phase:
                continue
            world.now += timedelta(seconds=1)
            told, known = spoken(word, world.now, number)
            if word.repeats and phase == DURING:
                known = sent_before(world, word, number)
                heard.append(known)
                known = replace(known, received_at=world.now)
            heard.append(known)
            if word.is_late:
                world.post(told)
            else:
                world.deliver_beside(told)
        if phase != BEFORE:
            world.deliver()
    members = {world.leads_now()[one]["email"].partition("@")[0] for one in world.members("a")}
    assert members == {who for who in PEOPLE if is_on_list(heard, who)}


def sent_before(world: World, word: Word, number: int) -> Heard:
    """The same event, sent and delivered before the opening: what comes again is as old as that."""
    now = world.now
    world.now = PHASES[BEFORE] + timedelta(minutes=1, seconds=number)
    told, known = spoken(word, world.now, number)
    world.deliver_beside(told)
    world.now = now
    return known


def spoken(word: Word, now: datetime, number: int) -> tuple[ProfileEvent, Heard]:
    at = now if word.minute is None else START + timedelta(minutes=word.minute)
    told = event(f"{word.who}@example.com", ("a", word.status), at=at)
    return replace(told, id=f"event-{number}"), Heard(word.who, word.status, Said(at, now), now)


def take_off(world: World) -> None:
    """As a resync does once nothing waits that was received in it."""
    world.now = CLOSED_AT
    world.deliver()
    activation = world.target.activations[audience("a")]
    check = replace(AudienceCheck.of(activation, activation.list_id or 0), named_since=OPENED_AT, keeps_times=True)
    made = Verification(ID, world.connection.id, frozenset({Repair.LEAVERS}), world.now, 1, is_whole=False)
    world.verifications.create(made, [check])
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])
    for _ in range(3):
        world.deliver()
    assert world.verifications.stored[ID].is_finished
    world.reconfigure(resyncing=None)
