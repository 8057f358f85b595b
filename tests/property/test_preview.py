"""For random leads, connections and events: a preview changes nothing, and says what the delivery then does."""

from collections import Counter, defaultdict
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from destination.domain.outcome import Class
from destination.domain.preview import CallKind, MembershipChange, Preview
from destination.domain.run import Tally
from marketo_simulator.calls import Call as Logged
from testing.counts import CLASSES
from testing.previewing import preview
from testing.world import START, World
from tests.property.test_table_oracle import Story, Telling, stories


def kind(call: Logged) -> str:
    """Creations and updates go to one address, and the log does not keep what they say."""
    if call.endpoint.endswith("/lists/{id}/leads.json"):
        return CallKind.ADD if call.method == "POST" else CallKind.REMOVE
    return CallKind.LOOK_UP if "_method" in call.params else "write"


def calls_of(shown: Preview) -> Counter[str]:
    written = shown.calls[CallKind.CREATE] + shown.calls[CallKind.UPDATE]
    return Counter(
        {kind: shown.calls[kind] for kind in (CallKind.LOOK_UP, CallKind.ADD, CallKind.REMOVE)} | {"write": written}
    )


def comparable(tally: Tally) -> tuple[object, ...]:
    """Without what counts persons, and not their events."""
    counts = Counter({name: tally.counts[name] for name in ("received", "ignored", "warnings", *CLASSES)})
    audiences = {name: +counted.counts for name, counted in tally.audiences.items()}
    return +counts, tally.reasons, audiences, Counter(tally.warned), Counter(tally.dropped)


def promised(shown: Preview) -> tuple[object, ...]:
    """What the preview says of each event's person, as a run counts it."""
    tally = Tally()
    tally.counts["ignored"] = len(shown.ignored)
    for person in shown.persons:
        tells = person.dropped or person.warned
        tally.counts.update(["received", person.outcome, *(["warnings"] if tells else [])])
        tally.dropped.update(person.dropped.keys())
        for one_warned in person.warned:
            tally.warned[one_warned] = tally.warned.get(one_warned, 0) + 1
        if person.reason is not None:
            tally.reasons[person.reason] += 1
        for one in (audience for audience in person.audiences if audience.is_named):
            outcome = one.reason.outcome if one.reason else Class.ACTIVATED
            tally.audiences[one.activation.audience].counts.update(["received", outcome.value])
    return comparable(tally)


def gained(before: Tally, after: Tally) -> tuple[object, ...]:
    """What a tally has more than another; the number of calls is compared by their kinds."""
    counts = after.counts - before.counts
    del counts["marketo_calls"]
    audiences = {name: counted.counts - before.audiences[name].counts for name, counted in after.audiences.items()}
    told = Counter(after.warned) - Counter(before.warned), after.dropped - before.dropped
    return counts, after.reasons - before.reasons, {name: one for name, one in audiences.items() if one}, told


class Observer:
    """What there is in a world at a time."""

    def __init__(self, world: World) -> None:
        self.marketo = world.simulator.dump()
        self.leads = world.leads_now()
        self.members = {(name, lead_id) for name in "ab" for lead_id in world.members(name)}
        self.rows, self.runs = dict(world.ledger.people), dict(world.ledger.runs.stored)
        self.letters = len(world.letters.bodies)
        self.tally = world.ledger.total(world.connection.id)
        self.calls = len(world.simulator.log())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observer) and self._kept() == other._kept()

    def __hash__(self) -> int:
        raise TypeError

    def _kept(self) -> tuple[object, ...]:
        return self.marketo, self.rows, self.runs, self.letters


def assert_kept(shown: Preview, before: Observer, after: Observer) -> None:
    """Marketo changed as the preview said."""
    told: defaultdict[int | None, set[str]] = defaultdict(set)  # Two persons may be one lead.
    for person in shown.persons:
        if person.updated:
            told[person.lead_id].update(person.fields)
    for lead_id, lead in before.leads.items():
        now = after.leads[lead_id]
        differs = {name for name in lead.keys() | now.keys() if lead.get(name) != now.get(name)} - {"updatedAt"}
        assert differs <= told[lead_id]
    created = {person.person: person for person in shown.persons if person.created}
    new = [lead for lead_id, lead in after.leads.items() if lead_id not in before.leads]
    assert sorted(lead["partition"] for lead in new) == sorted(str(one.partition) for one in created.values())
    on_lists = {
        (one.activation.name, person.lead_id, one.change)
        for person in shown.persons
        for one in person.audiences
        if person.lead_id is not None and one.change is not None
    }
    joined, left = after.members - before.members, before.members - after.members
    assert {(name, lead_id, MembershipChange.ADDED) for name, lead_id in joined if lead_id in before.leads} <= on_lists
    removed_of_several = {
        one.activation.name
        for person in shown.persons
        for one in person.audiences
        if person.lead_id is None and one.change is MembershipChange.REMOVED
    }
    assert {
        (name, lead_id, MembershipChange.REMOVED) for name, lead_id in left if name not in removed_of_several
    } <= on_lists
    changes = Counter((name, lead_id) for name, lead_id, _ in on_lists)  # Two persons of one lead may want both.
    assert all(
        ((name, lead_id) in after.members) == (change is MembershipChange.ADDED)
        for name, lead_id, change in on_lists
        if changes[name, lead_id] == 1
    )


@settings(max_examples=100)
@given(story=stories(), gone=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 5)))
def test_a_preview_changes_nothing_and_says_what_the_delivery_then_does(
    story: Story, gone: tuple[int, int] | None
) -> None:
    telling = Telling(story)
    world, state = telling.world, telling.world.simulator.state
    world.now = START + timedelta(hours=1)  # Nothing that a source says lies in the future, where times are cut.
    for number, step in enumerate(story.steps):
        if gone is not None and gone[0] == number and state.leads:
            state.delete_lead(list(state.leads.values())[gone[1] % len(state.leads)])
        events = [event for message in step.messages for event in message]
        before = Observer(world)
        shown = preview(world, *events)
        assert Observer(world) == before
        previewed = len(world.simulator.log())
        assert world.deliver(*events).requeued == ()
        after = Observer(world)
        assert gained(Tally(), shown.tally) == gained(before.tally, after.tally)
        assert promised(shown) == comparable(shown.tally)
        calls = [call for call in world.simulator.log()[previewed:] if call.endpoint.endswith("/leads.json")]
        assert Counter(map(kind, calls)) == +calls_of(shown)
        assert_kept(shown, before, after)
        world.now += step.pause
