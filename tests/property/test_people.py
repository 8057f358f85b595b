"""For random leads, connections and events: a look-up changes nothing, and foretells what the next event then does."""

from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from destination.domain.connection import Generation
from destination.domain.event import Membership, ProfileEvent
from destination.domain.person import LedgerRow
from destination.domain.person_lookup import Agreement, PersonLookup
from destination.domain.shard import name_of
from testing.people import look_up
from testing.world import START, World
from tests.property.test_preview import Observer
from tests.property.test_table_oracle import PEOPLE, Story, Telling, spelled, stories


def known(world: World, value: str) -> LedgerRow:
    row = world.ledger.people.get((world.connection.id, name_of(value)))
    return row or LedgerRow()


def again(world: World, value: str, row: LedgerRow, *, by_email: bool) -> ProfileEvent:
    """An event that says once more what is known of the person, and has no attributes."""
    profile: dict[str, object] = {"email" if by_email else "customer": value}
    if row.consent is None or row.consent.is_given:
        profile["consent"] = "y"
    said = tuple(Membership(audience, one.status, one.said.at) for audience, one in row.desired.items())
    return ProfileEvent(world.now, profile, {}, said, world.now)


def foretold(shown: PersonLookup, before: Observer) -> set[tuple[str, int]]:
    """Who is to be on which list after the next event, by the names of the lists."""
    members = set(before.members)
    plan = shown.next.plan if shown.next is not None else None
    if plan is not None:
        members -= {(audience.id, lead) for audience, lead in plan.leaving}
        members |= {(audience.id, lead) for audience, lead in plan.joining}
    return members


@settings(max_examples=100)
@given(story=stories(), person=st.sampled_from(PEOPLE))
def test_a_look_up_changes_nothing_and_foretells_what_the_next_event_then_does(story: Story, person: int) -> None:
    assume(not story.clears_company)  # Where what is missing is cleared, no event is without attributes.
    by_email = story.connection.dedupe_field == "email"
    value = spelled(person, by_email, 0)
    telling = Telling(story)
    world = telling.world
    world.now = START + timedelta(hours=1)
    for step in story.steps:
        world.deliver(*(event for message in step.messages for event in message))
        world.now += step.pause
        if step.edited is not None:  # A newer lead has come, which only whoever looks sees.
            world.simulator.seed({"leads": [{story.connection.dedupe_field: value}]})
        before = Observer(world)
        shown = look_up(world, value)
        assert Observer(world) == before
        assert shown.next is not None
        world.deliver(again(world, value, known(world, value), by_email=by_email))
        after = Observer(world)
        if story.connection.generation is Generation.CURRENT:
            assert after.members == foretold(shown, before)
            assert after.leads.keys() == before.leads.keys(), "it has no attributes, so nobody is created"
        else:  # Two people may be one lead, of which the other one's places are spared.
            assert after.members - before.members <= foretold(shown, before) - before.members
            assert before.members - after.members <= before.members - foretold(shown, before)


@settings(max_examples=100)
@given(story=stories(), person=st.sampled_from(PEOPLE))
def test_what_agrees_is_so_in_marketo(story: Story, person: int) -> None:
    value = spelled(person, story.connection.dedupe_field == "email", 0)
    telling = Telling(story)
    world = telling.world
    world.now = START + timedelta(hours=1)
    for step in story.steps:
        world.deliver(*(event for message in step.messages for event in message))
        world.now += step.pause
        shown = look_up(world, value)
        them = next((one.id for one in shown.leads or () if one.is_person), None)
        members = Observer(world).members
        for one in shown.audiences:
            on_list = them is not None and (one.activation.name, them) in members
            assert one.is_on_list == (None if them is None else on_list)
            if one.agreement is Agreement.AS_DESIRED and one.applied is not None and one.applied.leads:
                assert on_list
                assert one.desired is not None
                assert one.desired.is_realized
