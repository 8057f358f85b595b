"""Order, repetition and what they cost: the newest wins whatever arrives when, and nothing is told to Marketo twice."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from destination.domain.connection import SyncType
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, reasons, received
from testing.world import START, World, audience, connection, event

ADA = "ada@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)
LEAD = {"id": 7, "email": ADA}


def company(world: World) -> object:
    [lead] = world.leads_by_email(ADA)
    return lead.get("company")


# The newest wins


HISTORY = (
    event(ADA, ("a", REALIZED), at=START, company="First", score=1),
    event(ADA, ("a", EXITED), ("b", REALIZED), at=START + MINUTE, company="Second"),
    event(ADA, ("a", REALIZED), at=START + 2 * MINUTE, score=3),
    event(ADA, ("b", EXITED), at=START + 3 * MINUTE, company="Last"),
)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_in_one_batch_the_newest_wins_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    world = World(leads=[LEAD])
    world.deliver(*(HISTORY[number] for number in order))
    assert (company(world), world.leads_now()[7]["leadScore"]) == ("Last", 3)
    assert (world.members("a"), world.members("b")) == ([7], [])
    assert received(world) == 4
    assert_balanced(world)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_over_several_batches_the_newest_membership_wins_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    world = World(leads=[LEAD])
    for number in order:
        world.deliver(HISTORY[number])
        world.now += MINUTE
    assert company(world) == "Last"
    assert (world.members("a"), world.members("b")) == ([7], [])
    assert received(world) == 4
    assert_balanced(world)


def test_an_old_exit_after_a_newer_entry_changes_nothing() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), at=START))
    before, calls = world.simulator.dump(), len(world.calls())
    world.deliver(event(ADA, ("a", EXITED), at=START - MINUTE, company="Older"))
    assert world.simulator.dump() == before
    assert len(world.calls()) == calls
    assert outcomes(world) == {"activated": 1, "unchanged": 1}
    assert reasons(world) == {"SUPERSEDED": 1}


def test_an_old_entry_after_an_exit_that_found_nobody_creates_nobody() -> None:
    world = World()
    world.deliver(event(ADA, ("a", EXITED), at=START))
    world.deliver(event(ADA, ("a", REALIZED), at=START - MINUTE))
    assert world.leads_now() == {}
    assert outcomes(world) == {"unchanged": 2}


def test_an_audience_has_its_own_time_beside_that_of_the_attributes() -> None:
    """An old profile may carry the news of an audience, and a new profile old memberships."""
    world = World(leads=[LEAD])
    world.deliver(event(ADA, ("a", REALIZED), at=START, company="Now"))
    late = event(ADA, at=START - MINUTE, company="Older")
    world.deliver(replace(late, memberships=(Membership(audience("a"), EXITED, START + MINUTE),)))
    assert company(world) == "Now"
    assert world.members("a") == []


def test_a_newer_event_with_few_attributes_lies_over_an_older_one_with_more() -> None:
    world = World(leads=[LEAD])
    full = event(ADA, ("a", REALIZED), at=START, company="Engines", score=1)
    part = ProfileEvent(START + MINUTE, {"email": ADA, "score": 2}, {}, full.memberships, START)
    world.deliver(part, full)
    lead = world.leads_now()[7]
    assert (lead["firstName"], lead["company"], lead["leadScore"]) == ("Ada", "Engines", 2)
    assert changes(world) == {"updated": 1, "added": 1}


def test_a_creation_takes_its_attributes_from_all_events_of_the_batch() -> None:
    world = World()
    entered = event(ADA, ("a", REALIZED)).memberships
    named = ProfileEvent(START, {"email": ADA, "firstName": "Ada"}, {}, entered, START)
    surname = ProfileEvent(START + MINUTE, {"email": ADA, "lastName": "Lovelace"}, {}, entered, START)
    world.deliver(surname, named)
    [lead] = world.leads_now().values()
    assert (lead["firstName"], lead["lastName"]) == ("Ada", "Lovelace")
    assert outcomes(world) == {"activated": 2}


def test_an_event_that_a_newer_one_overtook_in_its_batch_is_unchanged() -> None:
    world = World(leads=[LEAD])
    world.deliver(
        event(ADA, ("a", REALIZED), company="Old"), event(ADA, ("a", REALIZED), at=START + MINUTE, company="New")
    )
    assert outcomes(world) == {"activated": 1, "unchanged": 1}
    assert reasons(world) == {"SUPERSEDED": 1}


# Delivered again, and sent again


def test_a_message_that_the_queue_delivers_again_is_not_counted_again() -> None:
    world = World()
    world.post(
        event(ADA, ("a", REALIZED)), event(None, ("a", REALIZED)), event("grace@example.org", ("elsewhere", REALIZED))
    )
    [message] = world.queue.waiting.values()
    for _ in range(3):
        report = world.sync([message], timedelta(minutes=5))
        assert report.requeued == ()
    total = world.ledger.total(world.connection.id).counts
    assert (total["received"], total["activated"], total["excluded"], total["ignored"]) == (2, 1, 1, 1)
    assert len(world.leads_now()) == 1


def test_the_same_event_sent_twice_is_counted_twice_and_told_once() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED)))
    calls = len(world.calls())
    world.deliver(event(ADA, ("a", REALIZED)))
    assert len(world.calls()) == calls
    assert outcomes(world) == {"activated": 1, "unchanged": 1}


@pytest.mark.parametrize("later", [timedelta(0), MINUTE], ids=["own time", "time of receipt"])
@pytest.mark.parametrize("sync_type", list(SyncType))
def test_reposting_a_body_costs_no_marketo_call(sync_type: SyncType, later: timedelta) -> None:
    leads = [{"email": f"known-{number}@example.org"} for number in range(20)]
    world = World(connection(sync_type=sync_type, lead_cache=timedelta(hours=24)), leads)
    body = [
        event(f"{kind}-{number}@example.org", ("a", status), score=number)
        for kind in ("known", "new")
        for number, status in enumerate([REALIZED, EXITED] * 10)
    ]
    world.deliver(*body)
    state, calls = world.simulator.dump(), len(world.calls())
    again = [
        replace(
            one, at=one.at + later, memberships=tuple(each._replace(at=each.at + later) for each in one.memberships)
        )
        for one in body
    ]
    world.deliver(*again)
    assert len(world.calls()) == calls
    assert world.simulator.dump() == state
    assert received(world) == 80
    assert_balanced(world)


def test_equal_attributes_are_sent_again_after_their_time_and_not_before() -> None:
    world = World(connection(resend_unchanged_after=timedelta(hours=2)), leads=[LEAD])
    world.deliver(event(ADA, ("a", REALIZED), company="Ours"))
    state = world.simulator.state
    state.update_lead(state.leads[7], {"company": "Edited in Marketo"}, world.now)
    world.now += timedelta(hours=2) - MINUTE
    world.deliver(event(ADA, ("a", REALIZED), at=world.now, company="Ours"))
    assert company(world) == "Edited in Marketo"
    world.now += MINUTE
    world.deliver(event(ADA, ("a", REALIZED), at=world.now, company="Ours"))
    assert company(world) == "Ours"


def test_a_second_export_overwrites_what_marketo_has_where_that_is_wanted() -> None:
    """As docs/operations.md says of sending again: equal attributes go out, whoever was sent them a moment ago."""
    world = World(leads=[LEAD])

    def export() -> None:
        world.now += MINUTE
        world.deliver(event(ADA, ("a", REALIZED), at=world.now, company="Ours"))

    export()
    state = world.simulator.state
    state.update_lead(state.leads[7], {"company": "Edited in Marketo"}, world.now)
    export()
    assert company(world) == "Edited in Marketo"
    world.reconfigure(resend_unchanged_after=timedelta(0))
    export()
    assert company(world) == "Ours"


def test_somebody_whose_exclusion_was_mended_is_sent_at_once() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), firstName="", lastName="Lovelace"))
    assert world.members("a") == []
    world.now += MINUTE
    world.deliver(event(ADA, ("a", REALIZED), at=world.now, firstName="Ada", lastName="Lovelace"))
    assert len(world.members("a")) == 1


# The lead-id cache


def lookups(world: World) -> int:
    return world.calls().count("GET /rest/v1/leads.json")


def test_a_lead_is_looked_up_again_once_its_id_is_too_old_and_trusted_anew_then() -> None:
    world = World(connection(lead_cache=timedelta(hours=1)), leads=[LEAD])
    seen = []
    for score in range(5):
        world.deliver(event(ADA, ("a", REALIZED), at=world.now, score=score))
        seen.append(lookups(world))
        world.now += timedelta(minutes=40)
    assert seen == [1, 1, 2, 2, 3]


def test_without_a_cache_every_change_is_looked_up() -> None:
    world = World(connection(lead_cache=timedelta(0)), leads=[LEAD])
    for score in range(3):
        world.deliver(event(ADA, ("a", REALIZED), at=world.now + score * MINUTE, score=score))
    assert lookups(world) == 3


def test_who_has_several_leads_is_always_looked_up() -> None:
    world = World(leads=[LEAD, {"id": 8, "email": ADA}])
    for score in range(3):
        world.deliver(event(ADA, ("a", REALIZED), at=world.now + score * MINUTE, score=score))
    assert lookups(world) == 3


# What it costs


def people(count: int, score: int = 0, at: timedelta = timedelta(0)) -> list[ProfileEvent]:
    return [
        event(f"person-{number}@example.org", ("a", REALIZED), at=START + at, score=score) for number in range(count)
    ]


def calls_for_people(world: World) -> int:
    """The calls so far, without those that are made once in a while: the description of the instance, the usage."""
    return sum("describe" not in endpoint and "stats" not in endpoint for endpoint in world.calls())


def test_a_thousand_new_profiles_cost_twelve_calls() -> None:
    world = World()
    world.deliver(*people(1_000))
    assert len(world.leads_now()) == len(world.members("a")) == 1_000
    assert calls_for_people(world) <= 12
    assert len(world.calls()) <= 12 + 2


def test_a_thousand_changed_profiles_cost_eight_calls_and_unchanged_ones_none() -> None:
    leads = [{"email": f"person-{number}@example.org"} for number in range(1_000)]
    world = World(connection(lead_cache=timedelta(hours=24)), leads)
    costs = []
    for score, pause in enumerate([MINUTE, timedelta(hours=25), MINUTE, MINUTE]):
        before = calls_for_people(world)
        world.deliver(*people(1_000, score=min(score, 2), at=score * MINUTE))
        costs.append(calls_for_people(world) - before)
        world.now += pause
    joining, cached, looked_up, unchanged = costs
    assert joining <= 12
    assert cached <= 4
    assert looked_up <= 8
    assert unchanged == 0
    assert outcomes(world) == {"activated": 3_000, "unchanged": 1_000}


def test_a_run_knows_how_many_calls_it_took() -> None:
    world = World()
    world.deliver(*people(301))
    assert world.ledger.total(world.connection.id).counts["marketo_calls"] == len(world.calls())


# What Marketo was told and could not be recorded


def told_but_not_recorded(world: World, said: ProfileEvent, method: str) -> None:
    """Marketo does as it is told, and its answer is lost."""
    lost = Fault("http", status=502, executes=True, method=method, path="^/rest/v1/l(eads.json|ists)")
    world.simulator.script(lost)
    assert len(world.deliver(said).requeued) == 1
    world.now += timedelta(minutes=20)


@pytest.mark.parametrize("entry_first", [False, True])
def test_an_entry_undoes_an_exit_whose_answer_was_lost(*, entry_first: bool) -> None:
    world = World(leads=[LEAD])
    world.deliver(event(ADA, ("a", REALIZED)))
    told_but_not_recorded(world, event(ADA, ("a", EXITED), at=START + MINUTE), "DELETE")
    assert world.members("a") == []
    world.post(event(ADA, ("a", REALIZED), at=START + 2 * MINUTE))
    if entry_first:
        entry = list(world.queue.waiting.values())[-1]
        assert world.sync([entry], timedelta(minutes=5)).requeued == ()
        world.queue.delete([entry.id])
    world.deliver()
    assert world.members("a") == [7]
    assert received(world) == 3
    assert_balanced(world)


def test_attributes_undo_an_update_whose_answer_was_lost() -> None:
    world = World(connection(lead_cache=timedelta(hours=24)), leads=[LEAD])
    world.deliver(event(ADA, ("a", REALIZED), company="First"))
    told_but_not_recorded(world, event(ADA, ("a", REALIZED), at=START + MINUTE, company="Second"), "POST")
    assert company(world) == "Second"
    world.deliver(event(ADA, ("a", REALIZED), at=START + 2 * MINUTE, company="First"))
    assert company(world) == "First"


def test_a_message_that_is_in_a_batch_twice_is_counted_once() -> None:
    world = World()
    world.post(event("ada@example.org", ("a", MembershipStatus.REALIZED)))
    [message] = world.queue.waiting.values()
    world.sync([message, message], timedelta(minutes=5))
    assert world.ledger.total(world.connection.id).counts["received"] == 1
