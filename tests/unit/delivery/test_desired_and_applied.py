"""Lists equal audiences: what the source wants, what Marketo was told, and how each next event makes them equal."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from destination.domain.connection import (
    Connection,
    Consent,
    Generation,
    MappingRow,
    PersonAction,
    SyncType,
)
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.queue import Message
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, outcomes_of, reasons, received
from testing.crashes import CrashError, mortal
from testing.meddler import meddle
from testing.stages import joins
from testing.world import START, World, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ADA, BOB, CARL = (f"{name}@example.org" for name in ("ada", "bob", "carl"))
CACHES = [timedelta(0), DAY]
every_cache = pytest.mark.parametrize("lead_cache", CACHES, ids=["no cache", "cache"])


def trusting(lead_cache: timedelta, **settings: Any) -> Connection:
    return connection(lead_cache=lead_cache, **settings)


def with_lists(*names: str, **settings: Any) -> World:
    """A world with further lists, which are numbered on from those of the audiences."""
    world = World(**settings)
    lists = [{"name": name, "id": 1003 + number, "workspace": "Default"} for number, name in enumerate(names)]
    world.simulator.seed({"lists": lists})
    return world


def delete(world: World, lead_id: int) -> None:
    world.simulator.state.delete_lead(world.simulator.state.leads[lead_id])


def edit(world: World, lead_id: int, **fields: str) -> None:
    """Somebody edits the lead by hand, which makes it the most recently updated one."""
    world.simulator.state.update_lead(world.simulator.state.leads[lead_id], fields, world.now)


def later(world: World, email: str, *memberships: tuple[str, MembershipStatus], **profile: object) -> None:
    """A minute later the next event of a person comes."""
    world.now += MINUTE
    world.deliver(event(email, *memberships, at=world.now, **profile))


# Order: what was said counts, whatever became of it


@pytest.mark.parametrize("action", list(PersonAction))
def test_an_older_entry_does_not_overtake_a_newer_exit_that_reached_nobody(action: PersonAction) -> None:
    """The newer event was excluded: nameless, or nobody was there yet."""
    world = World(connection(person_action=action))
    at = START + timedelta(seconds=100)
    world.deliver(event(ADA, ("a", EXITED), ("b", REALIZED), at=at, lastName=None))
    assert outcomes(world) == {"excluded": 1}
    if action is PersonAction.UPDATE_EXISTING_ONLY:
        world.simulator.seed({"leads": [{"id": 7, "email": ADA}]})
    world.deliver(event(ADA, ("a", REALIZED)))
    [lead] = world.leads_by_email(ADA)
    assert world.members("a") == []
    assert world.members("b") == [lead["id"]]
    assert_balanced(world)


@pytest.mark.parametrize("refusal", ["1003", "1018"])
def test_an_older_entry_does_not_overtake_a_newer_exit_that_failed(refusal: str) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    world.simulator.script(Fault("skip", refusal, method="DELETE"))
    later(world, ADA, ("a", EXITED))
    assert outcomes(world) == {"activated": 1, "failed": 1}
    world.deliver(event(ADA, ("a", REALIZED), at=START + timedelta(seconds=30), score=5))
    redrive(world)
    world.deliver()
    assert world.members("a") == []
    assert outcomes(world) == {"activated": 2, "unchanged": 1}


def sent_again(world: World, *events: ProfileEvent) -> None:
    """Events of a source without times come, each a minute after the one before."""
    for one in events:
        world.now += MINUTE
        memberships = tuple(each._replace(at=world.now) for each in one.memberships)
        world.deliver(replace(one, at=world.now, memberships=memberships))


@pytest.mark.parametrize("status", [REALIZED, EXITED])
def test_a_retry_of_an_event_with_an_id_says_nothing_newer(status: MembershipStatus) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    other = EXITED if status is REALIZED else REALIZED
    first, second = (replace(event(ADA, ("a", one)), id=f"evt-{one}") for one in (status, other))
    sent_again(world, first, second, first)
    assert world.members("a") == ([7] if other is REALIZED else [])
    assert received(world) == 3
    sent_again(world, replace(first, id="evt-3"))
    assert world.members("a") == ([7] if status is REALIZED else [])


@pytest.mark.parametrize("status", [REALIZED, EXITED])
def test_a_retry_of_an_event_that_was_ignored_says_nothing_newer(status: MembershipStatus) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    other = EXITED if status is REALIZED else REALIZED
    first, second = (replace(event(ADA, ("a", one)), id=f"evt-{one}") for one in (status, other))
    world.deactivate("a")
    sent_again(world, first, second, first)
    assert world.ledger.total(world.connection.id).counts["ignored"] == 3
    world.activate("a")
    later(world, ADA, ("b", REALIZED))
    assert world.members("a") == ([7] if other is REALIZED else [])


@pytest.mark.parametrize("word", ["y", "n"])
def test_a_retry_of_a_word_on_consent_that_was_ignored_says_nothing_newer(word: str) -> None:
    world = World(
        connection(consent=Consent("consent", ("y",))), leads=[{"id": 7, "email": ADA}], may_hold_others=False
    )
    other = "n" if word == "y" else "y"
    first, second = (replace(event(ADA, consent=one), id=f"evt-{one}") for one in (word, other))
    sent_again(world, first, second, first)
    assert world.ledger.total(world.connection.id).counts["ignored"] == 2, "a withdrawal concerns whoever is known"
    row = world.ledger.row(world.connection.id, ADA)
    assert row is not None
    assert row.consent is not None
    assert row.consent.is_given == (other == "y")


def test_of_an_event_of_which_nothing_is_remembered_no_receipt_is() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    sent_again(world, replace(event(ADA, ("unknown", REALIZED)), id="evt-1"))
    assert world.ledger.received == {}


@pytest.mark.parametrize("together", [False, True], ids=["two bodies", "one body"])
@pytest.mark.parametrize("last", [REALIZED, EXITED])
def test_of_equal_times_the_one_received_later_wins(last: MembershipStatus, *, together: bool) -> None:
    """An exit may carry the time of the entry."""
    world = World(leads=[{"id": 7, "email": ADA}])
    first = event(ADA, ("a", EXITED if last is REALIZED else REALIZED), at=START - HOUR)
    second = event(ADA, ("a", last), at=START - HOUR)
    if together:
        world.deliver(first, second)
    else:
        world.deliver(first)
        world.now += MINUTE
        world.deliver(second)
    assert world.members("a") == ([7] if last is REALIZED else [])
    assert_balanced(world)


def test_an_exit_with_the_time_of_the_entry_is_counted_as_a_removal() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), at=START - HOUR))
    world.now += MINUTE
    world.deliver(event(ADA, ("a", EXITED), at=START - HOUR))
    assert changes(world) == {"created": 1, "added": 1, "removed": 1}
    assert reasons(world) == {}


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_of_equal_times_the_order_of_receipt_decides_whatever_the_queue_makes_of_it(order: tuple[int, ...]) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    for status in (REALIZED, EXITED, REALIZED):
        world.now += MINUTE
        world.post(event(ADA, ("a", status), at=START - HOUR))
    posted = list(world.queue.waiting.values())
    for number in order:
        world.sync([posted[number]], timedelta(minutes=5))
    assert world.members("a") == [7]


# The lead is another one by now


@every_cache
@pytest.mark.parametrize("sync_type", [SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE])
def test_a_lead_that_was_deleted_and_made_anew_is_on_the_list(sync_type: SyncType, lead_cache: timedelta) -> None:
    world = World(trusting(lead_cache, sync_type=sync_type), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    delete(world, 7)
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    later(world, ADA, ("a", REALIZED), ("b", REALIZED), company="New")
    assert (world.members("a"), world.members("b")) == ([9], [9])
    assert outcomes(world) == {"activated": 2}
    assert world.leads_now()[9].get("company") == ("New" if sync_type is SyncType.AUDIENCE_AND_PROFILE else None)


@pytest.mark.parametrize("sync_type", [SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE])
def test_whoever_says_the_same_again_is_looked_up_once_a_day(sync_type: SyncType) -> None:
    world = World(trusting(timedelta(0), sync_type=sync_type), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    delete(world, 7)
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    later(world, ADA, ("a", REALIZED))
    assert world.members("a") == []
    world.now += DAY
    later(world, ADA, ("a", REALIZED))
    assert world.members("a") == [9]
    calls = len(world.calls())
    later(world, ADA, ("a", REALIZED))
    assert (world.members("a"), len(world.calls())) == ([9], calls)
    assert outcomes(world) == {"activated": 2, "unchanged": 2}


def test_whoever_left_is_not_looked_up_for_saying_so_again() -> None:
    world = World(trusting(timedelta(0), sync_type=SyncType.AUDIENCE_ONLY), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", EXITED)))
    world.now += 2 * DAY
    later(world, BOB, ("a", EXITED))
    calls = world.calls().count("GET /rest/v1/leads.json")
    later(world, ADA, ("a", EXITED))
    assert world.calls().count("GET /rest/v1/leads.json") == calls


def test_a_newer_duplicate_takes_over_fields_and_lists() -> None:
    world = World(trusting(timedelta(0)), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED), ("b", REALIZED)))
    world.now += MINUTE
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    later(world, ADA, ("b", EXITED), company="New")
    assert (world.members("a"), world.members("b")) == ([9], [])
    assert (world.leads_now()[7].get("company"), world.leads_now()[9]["company"]) == (None, "New")
    assert changes(world) == {"updated": 2, "added": 3, "removed": 1}


BOB_IS = {"in": REALIZED, "out": EXITED, "unknown": None}


@pytest.mark.parametrize("way", ["Ada first", "Bob first", "together", "Ada alone"])
@pytest.mark.parametrize("bob", list(BOB_IS))
def test_where_a_key_moved_to_another_lead_nobody_is_taken_off_who_should_be_on(way: str, bob: str) -> None:
    world = World(trusting(timedelta(0)), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    world.now += MINUTE
    edit(world, 7, email=BOB)
    world.simulator.seed({"leads": [{"id": 8, "email": ADA}]})
    world.now += MINUTE
    status = BOB_IS[bob]
    of_ada = event(ADA, at=world.now, company="Engines")
    of_bob = event(BOB, *((("a", status),) if status else (("elsewhere", REALIZED),)), at=world.now)
    batches: dict[str, list[list[ProfileEvent]]] = {
        "Ada first": [[of_ada], [of_bob]],
        "Bob first": [[of_bob], [of_ada]],
        "together": [[of_ada, of_bob]],
        "Ada alone": [[of_ada]],
    }
    for batch in batches[way]:
        world.deliver(*batch)
    assert world.members("a") == ([7, 8] if status is REALIZED and way != "Ada alone" else [8])
    assert world.leads_now()[7].get("company") is None, "nobody's values are written to a lead without the key"
    assert_balanced(world)


@pytest.mark.parametrize("way", ["Ada first", "Bob first", "together"])
def test_where_two_persons_changed_leads_both_stay_on_the_list(way: str) -> None:
    world = World(trusting(timedelta(0)), leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    world.now += MINUTE
    edit(world, 7, email=BOB)
    edit(world, 8, email=ADA)
    world.now += MINUTE
    of_ada, of_bob = (event(one, ("a", REALIZED), at=world.now, company=f"of {one}") for one in (ADA, BOB))
    for batch in {"Ada first": [[of_ada], [of_bob]], "Bob first": [[of_bob], [of_ada]]}.get(way, [[of_ada, of_bob]]):
        world.deliver(*batch)
        assert world.members("a") == [7, 8]
    assert [world.leads_now()[one]["company"] for one in (7, 8)] == [f"of {BOB}", f"of {ADA}"]
    world.now += MINUTE
    world.deliver(event(ADA, ("a", EXITED), at=world.now))
    assert world.members("a") == [7]
    assert_balanced(world)


@pytest.mark.parametrize("together", [False, True])
def test_who_is_another_lead_by_now_takes_it_over_on_the_list_without_having_news(*, together: bool) -> None:
    """Bob's own event changes nothing that was said of him; of what happened to Ada's lead he is looked up."""
    world = World(trusting(timedelta(0)), leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    world.now += MINUTE
    edit(world, 7, email=BOB)
    edit(world, 8, email="former@example.org")
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    world.now += MINUTE
    of_ada, of_bob = event(ADA, ("a", REALIZED), at=world.now, company="New"), event(BOB, ("a", REALIZED), at=world.now)
    for batch in [[of_ada, of_bob]] if together else [[of_ada], [of_bob]]:
        world.deliver(*batch)
    assert set(world.members("a")) >= {7, 9}
    later(world, BOB, ("a", REALIZED))
    assert world.members("a") == [7, 9]
    assert_balanced(world)


def test_an_older_duplicate_that_was_taken_over_leaves_by_the_next_event() -> None:
    world = World(trusting(timedelta(0)), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    world.now += MINUTE
    edit(world, 7, email=BOB)
    world.now += MINUTE
    world.simulator.seed({"leads": [{"id": 8, "email": BOB}, {"id": 9, "email": ADA}]})
    later(world, BOB, ("a", REALIZED))
    assert world.members("a") == [7, 8]
    later(world, ADA, company="New")
    assert world.members("a") == [7, 8, 9]
    later(world, BOB, ("a", REALIZED))
    assert world.members("a") == [8, 9]


# The audience is on another list, or was not activated for a while


@every_cache
def test_an_audience_that_was_activated_anew_on_another_list_gets_each_member_by_the_next_event(
    lead_cache: timedelta,
) -> None:
    world = with_lists("new", connection=trusting(lead_cache))
    people = [f"person-{number}@example.org" for number in range(21)]
    world.deliver(*(event(one, ("a", REALIZED)) for one in people))
    world.simulator.state.lists.pop(1001)
    world.deactivate("a")
    world.activate("a", list_id=1003, list_name="new")
    later(world, ADA, ("a", REALIZED))
    assert len(world.members("new")) == 1
    world.now += MINUTE
    world.deliver(*(event(one, ("a", REALIZED)) for one in people[:20]))  # The same again.
    world.deliver(event(people[20], at=world.now, company="New"))  # Naming no audience.
    assert len(world.members("new")) == 22
    assert changes(world) == {"created": 22, "updated": 1, "added": 43}
    assert_balanced(world)


@every_cache
def test_what_happened_while_an_audience_was_not_activated_counts(lead_cache: timedelta) -> None:
    world = World(trusting(lead_cache), leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    world.deactivate("a")
    left, entered = event(ADA, ("a", EXITED), at=START + MINUTE), event(CARL, ("a", REALIZED), at=START + MINUTE)
    world.now += MINUTE
    world.deliver(left, entered, event(BOB, ("a", REALIZED), at=START + MINUTE))
    assert world.ledger.total(world.connection.id).counts["ignored"] == 3
    assert world.members("a") == [7, 8]
    world.activate("a")
    later(world, CARL, company="New")
    later(world, BOB, company="New")
    world.deliver(left)  # Sent once more.
    [carl] = world.leads_by_email(CARL)
    assert world.members("a") == sorted([8, carl["id"]])
    assert_balanced(world)


def away(world: World, name: str, days: int = 91) -> None:
    """The audience is deactivated, for so long that it is forgotten."""
    world.deactivate(name)
    world.now += timedelta(days=days)
    world.forget(name)


def test_an_audience_that_was_deactivated_for_long_begins_anew() -> None:
    """Who left meanwhile is not put on another list of it, whatever their row says, and who says so again is."""
    world = with_lists("new", leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED), ("b", REALIZED)))
    away(world, "a")
    later(world, ADA, ("a", EXITED))
    world.activate("a", list_id=1003, list_name="new")
    later(world, ADA, company="New")
    later(world, BOB, company="New")  # It is written anew, with what it said before.
    later(world, BOB, company="Newer")
    assert world.members("new") == []
    later(world, BOB, ("a", REALIZED))
    assert (world.members("new"), world.members("b")) == ([8], [8])
    assert_balanced(world)


def test_an_audience_that_begins_anew_on_its_list_takes_nobody_off_it_by_guess() -> None:
    world = World(leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}, {"id": 9, "email": CARL}])
    world.deliver(*(event(one, ("a", REALIZED), ("b", REALIZED)) for one in (ADA, BOB, CARL)))
    away(world, "a")
    world.simulator.state.lists[1001].members.discard(7)  # Another audience had the list.
    world.activate("a")
    for one in (ADA, BOB, CARL):
        later(world, one, company="New")
    assert world.members("a") == [8, 9]
    later(world, ADA, ("a", REALIZED))
    later(world, BOB, ("a", EXITED))
    assert world.members("a") == [7, 9]
    assert_balanced(world)


def test_who_is_another_lead_when_the_audience_begins_anew_leaves_by_the_lead_of_before() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    away(world, "a")
    world.activate("a")
    world.simulator.seed({"leads": [{"id": 8, "email": ADA}]})
    edit(world, 8, company="New")
    later(world, ADA, ("a", REALIZED))
    assert world.members("a") == [8]


@pytest.mark.parametrize("last", [REALIZED, EXITED])
def test_what_waited_while_its_audience_was_activated_counts_from_then_on(last: MembershipStatus) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deactivate("a")
    world.forget("a")
    world.post(event(ADA, ("a", REALIZED)), event(ADA, ("a", last)))
    world.now += MINUTE
    world.activate("a")
    world.deliver()
    for _ in range(2):
        assert world.members("a") == ([7] if last is REALIZED else [])
        later(world, ADA, company="New")


def test_an_older_entry_does_not_overtake_an_exit_that_came_while_the_audience_was_not_activated() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deactivate("a")
    later(world, ADA, ("a", EXITED))
    world.activate("a")
    world.deliver(event(ADA, ("a", REALIZED)))
    assert world.members("a") == []


def test_who_is_in_two_audiences_of_which_one_was_deactivated_is_a_member_of_the_other() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED), ("b", REALIZED)))
    world.deactivate("a")
    later(world, ADA, ("a", EXITED), company="New")
    assert (world.members("a"), world.members("b")) == ([7], [7])  # Nobody keeps list a any more.
    assert world.leads_now()[7]["company"] == "New"
    assert outcomes(world) == {"activated": 2}
    assert outcomes_of(world, "b") == {"activated": 1}
    later(world, ADA, ("b", EXITED))
    assert (world.members("a"), world.members("b")) == ([7], [])
    later(world, ADA, ("a", EXITED), company="Newer")
    assert world.leads_now()[7]["company"] == "New"
    assert world.ledger.total(world.connection.id).counts["ignored"] == 1
    world.activate("a")
    later(world, ADA, ("a", EXITED))
    assert world.members("a") == []
    assert_balanced(world)


# The sync type, and the schedule


@pytest.mark.parametrize("withdraws", [False, True], ids=["exit", "withdrawal"])
@every_cache
def test_what_happened_while_a_connection_kept_no_lists_counts(lead_cache: timedelta, *, withdraws: bool) -> None:
    consent = Consent("consent", ("y",)) if withdraws else None
    leads = [{"id": 7, "email": ADA}, {"id": 8, "email": BOB}]
    world = World(trusting(lead_cache, consent=consent), leads=leads, may_hold_others=False)
    world.deliver(event(ADA, ("a", REALIZED), consent="y"))
    world.reconfigure(sync_type=SyncType.PROFILE_ONLY)
    world.now += MINUTE
    last = (
        event(ADA, ("a", REALIZED), at=world.now, consent="n")
        if withdraws
        else event(ADA, ("a", EXITED), at=world.now, consent="y")
    )
    world.deliver(last, event(BOB, ("a", REALIZED), at=world.now, consent="y"))
    assert world.members("a") == [7]
    world.reconfigure(sync_type=SyncType.AUDIENCE_AND_PROFILE)
    world.deliver(last)
    world.deliver(event(BOB, at=world.now + MINUTE, consent="y", company="New"))
    assert world.members("a") == [8]
    assert changes(world)["removed"] == 1
    assert_balanced(world)


@every_cache
def test_who_came_before_the_start_joins_by_the_next_event_after_it(lead_cache: timedelta) -> None:
    world = World(trusting(lead_cache), leads=[{"id": 7, "email": ADA}])
    world.activate("a", start=START + DAY)
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    assert (world.members("a"), len(world.leads_now())) == ([], 1)
    assert reasons(world) == {"OUTSIDE_SCHEDULE": 2}
    world.now += DAY
    later(world, ADA, company="New")
    later(world, BOB, ("a", REALIZED))
    [bob] = world.leads_by_email(BOB)
    assert world.members("a") == sorted([7, bob["id"]])
    assert_balanced(world)


@every_cache
def test_who_left_after_the_end_leaves_by_the_next_event_after_the_end_was_taken_away(lead_cache: timedelta) -> None:
    world = World(trusting(lead_cache), leads=[{"id": 7, "email": ADA}])
    world.activate("a", end=START + HOUR)
    world.deliver(event(ADA, ("a", REALIZED)))
    world.now += DAY
    left = event(ADA, ("a", EXITED), at=world.now)
    world.deliver(left)
    assert world.members("a") == [7]
    assert reasons(world) == {"OUTSIDE_SCHEDULE": 1}
    world.activate("a", end=None)
    world.now += MINUTE
    world.deliver(left)
    assert world.members("a") == []
    assert_balanced(world)


# Whom an event concerns


def test_an_event_without_audiences_concerns_who_is_in_an_activated_one() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), company="Old"))
    later(world, ADA, company="New")
    [lead] = world.leads_by_email(ADA)
    assert lead["company"] == "New"
    assert outcomes(world) == {"activated": 2}
    assert outcomes_of(world, "a") == {"activated": 1}
    later(world, ADA, ("a", EXITED), company="New")
    later(world, ADA, company="Newest")
    later(world, BOB, company="Newest")
    assert world.leads_by_email(ADA)[0]["company"] == "New"
    assert world.ledger.total(world.connection.id).counts["ignored"] == 2
    assert_balanced(world)


def test_an_event_without_audiences_of_who_was_excluded_creates_them_once_they_can_be() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), lastName=None))
    later(world, ADA)
    [lead] = world.leads_by_email(ADA)
    assert world.members("a") == [lead["id"]]
    assert outcomes(world) == {"excluded": 1, "activated": 1}


def test_an_unchanged_event_of_a_member_that_names_no_audience_costs_no_call() -> None:
    world = World(trusting(timedelta(0)))
    world.deliver(event(ADA, ("a", REALIZED)))
    calls = len(world.calls())
    later(world, ADA)
    later(world, ADA, ("elsewhere", REALIZED))
    assert len(world.calls()) == calls
    assert outcomes(world) == {"activated": 1, "unchanged": 2}


@every_cache
def test_who_withdraws_consent_and_is_forgotten_is_looked_up_and_taken_off(lead_cache: timedelta) -> None:
    rule = Consent("consent", ("y",))
    world = World(trusting(lead_cache, consent=rule), leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED), ("b", REALIZED), consent="y"))
    row = world.ledger.row(world.connection.id, ADA)
    assert row is not None
    assert row.is_lasting, "who is on a list is not forgotten by itself"
    world.ledger.people.clear()
    later(world, ADA, consent="n")
    assert (world.members("a"), world.members("b")) == ([], [])
    assert reasons(world) == {"NO_CONSENT": 1}
    assert changes(world)["removed"] == 2
    row = world.ledger.row(world.connection.id, ADA)
    assert row is not None
    assert row.is_lasting


def legacy(number: int, ecid: str) -> ProfileEvent:
    identities = {"email": (f"{number}@example.org",), "ecid": (ecid,)}
    entered = event(None, ("a", REALIZED), at=START + number * MINUTE)
    return replace(entered, identities=identities)


@pytest.mark.parametrize("together", [False, True], ids=["two bodies", "one body"])
def test_one_lead_by_two_addresses_is_put_on_a_list_once(*, together: bool) -> None:
    mapping = (
        MappingRow("identityMap.Email", "Email"),
        MappingRow("identityMap.ECID", "ECID"),
        MappingRow("firstName", "firstName"),
        MappingRow("lastName", "lastName"),
    )
    of = connection(mapping=mapping, generation=Generation.LEGACY_V2, ecid_field="ecidText", lead_cache=timedelta(0))
    world = World(of)
    world.simulator.seed({"fields": [{"name": "ecidText", "searchable": True}]})
    world.simulator.seed({"leads": [{"id": 7, "email": "0@example.org", "ecidText": "111"}]} if together else {})
    first, second = legacy(0, "111"), legacy(1, "111")
    for batch in [[first, second]] if together else [[first], [second]]:
        world.deliver(*batch)
    [lead_id] = world.leads_now()
    assert world.members("a") == [lead_id]
    assert changes(world)["added"] == 1
    assert_balanced(world)


# What is counted


def people() -> list[ProfileEvent]:
    return [event(f"person-{number}@example.org", ("a", REALIZED)) for number in range(5)]


@pytest.mark.parametrize("status", ["halted", "blocked", "no time"])
def test_creations_are_counted_as_such_although_the_turn_halts_after_them(status: str) -> None:
    world = World()
    fault = {
        "halted": Fault(code="611", path="^/rest/v1/lists/"),
        "blocked": Fault(code="1011", path="^/rest/v1/lists/", every=1, times=3),  # No half of them fares better.
    }
    if status in fault:
        world.simulator.script(fault[status])
    else:
        meddle(world, joins, lambda: world.sleep(250))
        world.simulator.script(Fault(code="606", path="^/rest/v1/lists/"))
    world.deliver(*people())
    assert len(world.waiting) == 1
    assert changes(world) == {"created": 5}
    assert received(world) == 0
    world.now += HOUR
    assert world.deliver().requeued == ()
    assert changes(world) == {"created": 5, "added": 5}
    assert outcomes(world) == outcomes_of(world, "a") == {"activated": 5}
    assert world.ledger.total(world.connection.id).counts["new"] == 5
    assert_balanced(world)


def test_creations_are_counted_as_such_although_the_worker_dies_after_them() -> None:
    world = World()
    life = mortal(world)

    def die() -> None:
        raise CrashError("before the list was changed")

    meddle(world, joins, die)
    with pytest.raises(CrashError):
        world.deliver(*people())
    assert len(world.leads_now()) == 5
    del life
    world.now += HOUR
    assert world.deliver().requeued == ()
    counted = changes(world)
    assert (counted["created"], counted["added"]) == (5, 5)
    assert outcomes(world) == {"activated": 5}
    assert_balanced(world)


def redrive(world: World) -> list[Message]:
    """Redrive the letters; what waits in the queue then."""
    world.redrive()
    return list(world.queue.waiting.values())


def failing(times: int = 1) -> World:
    """A world in which Ada and Bob came, and Ada was refused by list a."""
    world = World(leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    for _ in range(times):
        world.simulator.script(Fault("skip", "1003", path="^/rest/v1/lists/1001/", records=(0,)))
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("b", REALIZED)))
    assert outcomes(world) == {"activated": 1, "failed": 1}
    return world


def test_a_letter_that_is_redriven_with_success_leaves_failed() -> None:
    world = failing()
    redrive(world)
    world.deliver()
    assert outcomes(world) == {"activated": 2}
    assert outcomes_of(world, "a") == {"activated": 1}
    assert (reasons(world), received(world)) == ({}, 2)
    assert changes(world) == {"updated": 2, "added": 2}
    assert_balanced(world)


def test_a_letter_that_fails_again_is_counted_once_and_can_be_redriven_again() -> None:
    world = failing(times=2)
    redrive(world)
    world.deliver()
    assert (outcomes(world), reasons(world)) == ({"activated": 1, "failed": 1}, {"MARKETO_1003": 1})
    assert len(world.letters.bodies) == 1
    redrive(world)
    world.deliver()
    assert outcomes(world) == {"activated": 2}
    assert (reasons(world), received(world)) == ({}, 2)
    assert_balanced(world)


@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "together"])
def test_a_letter_that_is_redriven_twice_is_counted_once(*, together: bool) -> None:
    world = failing()
    letters = world.letters.bodies
    redrive(world)
    world.queue.send(world.connection.id, letters)
    waiting = list(world.queue.waiting.values())
    for batch in [waiting] if together else [[one] for one in waiting]:
        assert world.sync(batch, timedelta(minutes=5)).requeued == ()
    assert (outcomes(world), received(world)) == ({"activated": 2}, 2)
    assert_balanced(world)


@pytest.mark.parametrize("fails_again", [False, True])
@pytest.mark.parametrize("letter_first", [False, True])
def test_a_letter_that_comes_with_the_message_that_failed_is_counted_once(
    *, letter_first: bool, fails_again: bool
) -> None:
    """SQS delivers at least once: the message that failed may come once more."""
    world = World(leads=[{"id": 7, "email": ADA}, {"id": 8, "email": BOB}])
    world.simulator.script(Fault("skip", "1003", path="^/rest/v1/lists/1001/", records=(0,)))
    world.post(event(ADA, ("a", REALIZED)), event(BOB, ("b", REALIZED)))
    [original] = world.queue.waiting.values()
    world.deliver()
    if fails_again:
        world.simulator.script(Fault("skip", "1003", path="^/rest/v1/lists/1001/", records=(0,)))
    [letter] = redrive(world)
    both = [letter, original] if letter_first else [original, letter]
    assert world.sync(both, timedelta(minutes=5)).requeued == ()
    world.queue.delete([letter.id])
    assert (outcomes(world), received(world)) == (
        {"activated": 1, "failed": 1} if fails_again else {"activated": 2},
        2,
    )
    assert_balanced(world)
    redrive(world)
    world.deliver()
    assert (outcomes(world), received(world), world.members("a")) == ({"activated": 2}, 2, [7])
    assert_balanced(world)
