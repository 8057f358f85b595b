"""Consent: who has none is told nothing of and is on no list; the newest statement wins, whatever arrives when."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from destination.domain.connection import Consent, MappingRow, PersonAction, Scope, SyncType
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.person import ConsentWord, LedgerRow, Said
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, outcomes_of, reasons, received
from testing.crashes import CrashError, mortal
from testing.events import having
from testing.world import START, World, audience, connection, event

ADA = "ada@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)
LEAD = {"id": 7, "email": ADA}
RULE = Consent("consents.marketing.val", ("y", "vi"))


def asking(*, may_hold_others: bool = False, **settings: object) -> World:
    """A world whose connection exports only who has consent, with one lead; its lists hold whom it puts there."""
    return World(connection(**{"consent": RULE, **settings}), leads=[LEAD], may_hold_others=may_hold_others)


def said(
    consent: object, *memberships: tuple[str, MembershipStatus], minute: int = 0, **profile: object
) -> ProfileEvent:
    return event(ADA, *memberships, at=START + minute * MINUTE, consents={"marketing": {"val": consent}}, **profile)


def yes(*memberships: tuple[str, MembershipStatus], minute: int = 0, **profile: object) -> ProfileEvent:
    return said("y", *memberships, minute=minute, **profile)


def no(*memberships: tuple[str, MembershipStatus], minute: int = 0, **profile: object) -> ProfileEvent:
    return said("n", *memberships, minute=minute, **profile)


def row(world: World) -> LedgerRow:
    kept = world.ledger.row(world.connection.id, ADA)
    assert kept is not None
    return kept


def lookups(world: World) -> int:
    return world.calls().count("GET /rest/v1/leads.json")


def lists(world: World) -> tuple[list[int], list[int]]:
    return world.members("a"), world.members("b")


# What counts as consent


@pytest.mark.parametrize(
    ("value", "allowed", "is_exported"),
    [
        ("y", ("y",), True),
        ("Y", ("y",), False),
        (" y", ("y",), True),
        ("", ("y",), False),
        (True, ("true",), True),
        (False, ("true",), False),
        (True, ("1",), True),
        (True, ("yes",), False),
        (1, ("1",), True),
        (1.0, ("1",), True),
        (1, ("true",), False),
        (1.5, ("1.5",), True),
        (["n", "y"], ("y",), True),
        (["n", 2], ("y",), False),
        ([], ("y",), False),
        ({"val": "y"}, ("y",), False),
        (None, ("None", "null", ""), False),
    ],
    ids=str,
)
def test_a_value_is_allowed_however_it_is_written(value: object, allowed: tuple[str, ...], is_exported: bool) -> None:
    world = asking(consent=Consent(RULE.source, allowed))
    world.deliver(said(value, ("a", REALIZED)))
    assert outcomes(world) == ({"activated": 1} if is_exported else {"excluded": 1})
    assert world.members("a") == ([7] if is_exported else [])


@pytest.mark.parametrize(
    "profile", [{}, {"consents": None}, {"consents": "y"}, {"consents": {"marketing": "y"}}], ids=str
)
def test_who_says_nothing_of_consent_has_none(profile: dict[str, object]) -> None:
    world = asking()
    world.deliver(having(event(ADA, ("a", REALIZED)), profile))
    assert reasons(world) == {"NO_CONSENT": 1}
    assert lists(world) == ([], [])


# Nothing is sent


@pytest.mark.parametrize("sync_type", list(SyncType))
def test_without_consent_nothing_is_sent_and_nobody_is_created(sync_type: SyncType) -> None:
    world = asking(sync_type=sync_type)
    before = world.simulator.dump()
    stranger = replace(no(("a", REALIZED)), profile={**no().profile, "email": "bob@example.org"})
    world.deliver(no(("a", REALIZED), ("b", EXITED), company="Engines"), stranger)
    assert world.simulator.dump() == before
    assert not any("leads.json" in one or "lists" in one for one in world.calls())
    assert reasons(world) == {"NO_CONSENT": 2}
    assert outcomes_of(world, "a") == {"excluded": 2}
    assert outcomes_of(world, "b") == {"excluded": 1}
    assert world.letters.bodies == []
    assert_balanced(world)


@pytest.mark.parametrize("email", [None, "nobody"])
def test_without_consent_it_does_not_matter_who_it_is(email: str | None) -> None:
    world = asking()
    world.deliver(event(email, ("a", REALIZED), consents={"marketing": {"val": "n"}}))
    assert reasons(world) == {"NO_CONSENT": 1}


def test_without_a_rule_nobody_is_asked_and_nothing_is_remembered() -> None:
    world = World(leads=[LEAD])
    world.deliver(no(("a", REALIZED)))
    assert outcomes(world) == {"activated": 1}
    assert row(world).consent is None


# A withdrawal


def test_a_withdrawal_takes_the_person_off_every_list_whichever_audience_it_names() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), ("b", REALIZED), company="Engines"))
    assert lists(world) == ([7], [7])
    world.deliver(no(("a", REALIZED), minute=1, company="Other"))
    assert lists(world) == ([], [])
    assert world.leads_now()[7]["company"] == "Engines"
    assert changes(world) == {"updated": 1, "added": 2, "removed": 2}
    assert outcomes(world) == {"activated": 1, "excluded": 1}
    assert reasons(world) == {"NO_CONSENT": 1}
    assert outcomes_of(world, "a") == {"activated": 1, "excluded": 1}
    assert outcomes_of(world, "b") == {"activated": 1}
    assert row(world).consent == ConsentWord(is_given=False, said=Said(START + MINUTE, START))
    assert {one.id: told.leads for one, told in row(world).applied.items()} == {"a": (), "b": ()}
    assert_balanced(world)


def test_a_withdrawal_is_told_once() -> None:
    """One call asks whose the lead is by now, one for each list takes it off."""
    world = asking(lead_cache=timedelta(0))
    world.deliver(yes(("a", REALIZED), ("b", REALIZED)))
    before = len(world.calls())
    world.deliver(no(("a", REALIZED), minute=1))
    assert len(world.calls()) == before + 3
    world.deliver(no(("a", REALIZED), minute=2))
    assert len(world.calls()) == before + 3
    assert changes(world)["removed"] == 2
    assert reasons(world) == {"NO_CONSENT": 2}


@pytest.mark.parametrize("named", [(), (("elsewhere", REALIZED),)], ids=["no audience", "another audience"])
def test_a_withdrawal_that_names_no_activated_audience_concerns_who_is_known(
    named: tuple[tuple[str, MembershipStatus], ...],
) -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED)))
    world.deliver(no(*named, minute=1))
    assert lists(world) == ([], [])
    assert outcomes(world) == {"activated": 1, "excluded": 1}
    assert changes(world)["removed"] == 1


def test_a_withdrawal_that_names_no_activated_audience_ignores_who_is_not_known() -> None:
    world = asking()
    world.post(no(), event(None, consents={"marketing": {"val": "n"}}), no(("elsewhere", REALIZED)))
    [message] = world.queue.waiting.values()
    for _ in range(2):
        assert world.sync([message], timedelta(minutes=5)).requeued == ()
    counts = world.ledger.total(world.connection.id).counts
    assert (counts["received"], counts["ignored"]) == (0, 3)
    assert (row(world).desired, row(world).applied) == ({}, {})
    assert len(world.ledger.people) == 1


def test_a_withdrawal_by_somebody_unknown_is_looked_up_once_where_others_may_have_put_them_on_a_list() -> None:
    world = asking(may_hold_others=True)
    world.simulator.state.lists[1001].members.add(7)
    world.deliver(no())
    assert lists(world) == ([], [])
    assert reasons(world) == {"NO_CONSENT": 1}
    assert changes(world) == {"removed": 1}
    calls = len(world.calls())
    world.deliver(no(minute=1))
    assert (len(world.calls()), lookups(world)) == (calls, 1)


def test_a_withdrawal_takes_whoever_is_known_off_a_list_where_others_put_them() -> None:
    world = asking(may_hold_others=True)
    world.deliver(yes(("a", REALIZED)))
    world.simulator.state.lists[1002].members.add(7)
    world.deliver(no(minute=1))
    assert lists(world) == ([], [])
    assert changes(world)["removed"] == 2
    calls = len(world.calls())
    world.deliver(no(minute=2))
    assert len(world.calls()) == calls


def test_who_is_nobody_is_looked_up_once_for_a_withdrawal() -> None:
    world = World(connection(consent=RULE))
    for minute in range(3):
        world.deliver(no(minute=minute))
    assert lookups(world) == 1
    assert reasons(world) == {"NO_CONSENT": 3}


def test_it_concerns_who_comes_with_it() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED)), no(minute=1))
    assert lists(world) == ([], [])
    assert reasons(world) == {"SUPERSEDED": 1, "NO_CONSENT": 1}


def test_with_every_profile_in_scope_every_withdrawal_is_excluded() -> None:
    world = asking(scope=Scope.ALL_PROFILES)
    world.deliver(no())
    assert reasons(world) == {"NO_CONSENT": 1}


def test_a_consent_that_names_no_activated_audience_is_ignored() -> None:
    world = asking()
    world.deliver(yes(minute=1))
    assert world.ledger.total(world.connection.id).counts["ignored"] == 1
    assert received(world) == 0


def test_no_schedule_stops_a_withdrawal() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED)))
    [target] = world.connections.stored.values()
    ended = replace(target.activations[audience("a")], end=START + MINUTE)
    bound = {**target.activations, audience("a"): ended}
    world.connections.stored[world.connection.id] = replace(target, activations=bound)
    world.deliver(no(("a", REALIZED), minute=2))
    assert lists(world) == ([], [])
    assert reasons(world) == {"NO_CONSENT": 1}
    assert_balanced(world)


def test_every_identity_of_the_profile_is_taken_off() -> None:
    rows = (MappingRow("identityMap.email", "DedupeField"),)
    world = World(
        connection(consent=RULE, mapping=rows, person_action=PersonAction.UPDATE_EXISTING_ONLY),
        leads=[LEAD, {"id": 8, "email": "bob@example.org"}],
        may_hold_others=False,
    )
    both = {"email": (ADA, "bob@example.org")}
    world.deliver(replace(yes(("a", REALIZED)), identities=both))
    assert world.members("a") == [7, 8]
    world.deliver(replace(no(minute=1), identities={"email": (*both["email"], "carl@example.org")}))
    assert world.members("a") == []
    counts = world.ledger.total(world.connection.id).counts
    assert (counts["excluded"], counts["ignored"], counts["removed"]) == (2, 1, 2)


def test_the_lead_that_was_put_on_the_list_is_taken_off_whoever_is_the_newest_match_now() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED)))
    state = world.simulator.state
    state.update_lead(state.leads[7], {"email": "renamed@example.org"}, world.now)
    world.deliver(no(minute=1))
    assert world.members("a") == []


def test_who_was_merged_since_is_looked_up() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED)))
    state = world.simulator.state
    state.delete_lead(state.leads[7])
    winner = state.create_lead({"email": ADA}, 1, world.now)
    state.lists[1001].members.add(winner.id)
    world.deliver(no(minute=1))
    assert world.members("a") == []
    assert changes(world)["removed"] == 1


# The newest statement wins


def test_an_older_consent_neither_brings_back_nor_sends() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), company="First"))
    world.deliver(no(("a", REALIZED), minute=5))
    before, calls = world.simulator.dump(), len(world.calls())
    world.deliver(yes(("a", REALIZED), ("b", REALIZED), minute=3, company="Second"))
    assert world.simulator.dump() == before
    assert len(world.calls()) == calls
    assert reasons(world) == {"NO_CONSENT": 1, "SUPERSEDED": 1}
    assert outcomes_of(world, "b") == {"unchanged": 1}


def test_an_older_consent_of_somebody_unknown_creates_nobody() -> None:
    world = World(connection(consent=RULE))
    world.deliver(no(("a", REALIZED), minute=5))
    world.deliver(yes(("a", REALIZED), minute=3))
    assert world.leads_now() == {}
    assert reasons(world) == {"NO_CONSENT": 1, "SUPERSEDED": 1}


def test_an_older_withdrawal_removes_nothing_and_is_excluded() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), minute=5))
    calls = len(world.calls())
    world.deliver(no(("a", EXITED), minute=3))
    assert (world.members("a"), len(world.calls())) == ([7], calls)
    assert reasons(world) == {"NO_CONSENT": 1}
    assert row(world).consent == ConsentWord(is_given=True, said=Said(START + 5 * MINUTE, START))


@pytest.mark.parametrize("named", [0, 1, 2])
def test_a_newer_consent_brings_back_what_is_desired_whichever_audience_it_names(named: int) -> None:
    world = asking()
    entered = yes(("a", REALIZED), ("b", REALIZED))
    world.deliver(entered)
    world.deliver(no(minute=1))
    world.deliver(replace(yes(minute=2), memberships=entered.memberships[:named]))
    assert lists(world) == ([7], [7])
    assert outcomes(world) == {"activated": 2, "excluded": 1}
    assert changes(world)["added"] == 4
    assert_balanced(world)


@pytest.mark.parametrize("sync_type", [SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE])
def test_a_newer_consent_brings_back_what_is_desired_although_all_else_of_its_event_is_old(sync_type: SyncType) -> None:
    world = asking(sync_type=sync_type)
    world.deliver(yes(("a", REALIZED), ("b", REALIZED), minute=2))
    world.deliver(no(minute=3))
    world.deliver(replace(yes(minute=4), memberships=yes(("a", EXITED), minute=1).memberships))
    assert lists(world) == ([7], [7])
    assert outcomes(world) == {"activated": 2, "excluded": 1}


def test_what_was_left_while_there_was_no_consent_is_not_brought_back() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), ("b", REALIZED)))
    world.deliver(no(minute=1))
    world.deliver(no(("b", EXITED), minute=2))
    world.deliver(yes(minute=3))
    assert lists(world) == ([7], [])


def test_who_consents_for_the_first_time_is_created() -> None:
    world = World(connection(consent=RULE))
    world.deliver(no(("a", REALIZED)))
    world.deliver(yes(("a", REALIZED), minute=1))
    [lead] = world.leads_by_email(ADA)
    assert world.members("a") == [lead["id"]]


def test_who_was_only_asked_before_counts_as_unknown() -> None:
    """The row that holds nothing but a statement does not stand for a delivery."""
    world = World(connection(consent=RULE, sync_type=SyncType.PROFILE_ONLY))
    nameless = {"firstName": None, "lastName": None}
    world.deliver(no(("a", REALIZED)))
    world.deliver(yes(("a", REALIZED), minute=1, **nameless))
    assert reasons(world) == {"NO_CONSENT": 1, "MISSING_REQUIRED_ATTRIBUTE": 1}


def test_what_was_said_before_a_withdrawal_is_void_even_when_it_comes_after_the_return() -> None:
    world = asking()
    left, withdrawn, returned = yes(("a", EXITED), minute=1), no(minute=2), yes(("b", REALIZED), minute=3)
    world.deliver(yes(("b", REALIZED)))
    for one in (withdrawn, left, returned, yes(("a", REALIZED))):
        world.deliver(one)
    assert lists(world) == ([], [7])
    assert reasons(world) == {"NO_CONSENT": 1, "SUPERSEDED": 2}


HISTORY = (
    yes(("a", REALIZED), minute=0, company="First"),
    no(("a", EXITED), minute=1, company="Secret"),
    yes(("b", REALIZED), minute=2, company="Last"),
)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_in_one_batch_only_what_was_said_after_the_withdrawal_counts(order: tuple[int, ...]) -> None:
    world = asking()
    world.deliver(*(HISTORY[number] for number in order))
    assert lists(world) == ([], [7])
    assert world.leads_now()[7]["company"] == "Last"
    assert reasons(world) == {"NO_CONSENT": 1, "SUPERSEDED": 1}
    assert received(world) == 3
    assert_balanced(world)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_over_several_batches_a_last_withdrawal_stands_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    world = asking()
    for number in order:
        world.deliver((*HISTORY, no(("a", EXITED), minute=3, company="Secret"))[number])
        world.now += MINUTE
    assert lists(world) == ([], [])
    assert world.leads_now()[7].get("company") != "Secret"
    assert_balanced(world)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_over_several_batches_a_last_consent_stands_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    world = asking()
    for number in order:
        world.deliver(HISTORY[number])
        world.now += MINUTE
    assert world.members("b") == [7]
    assert world.leads_now()[7]["company"] == "Last"
    assert received(world) == 3
    assert_balanced(world)


def test_the_next_event_decides_when_the_rule_was_changed() -> None:
    world = asking()
    world.deliver(said("vi", ("a", REALIZED)))
    changed = replace(world.connection, consent=Consent(RULE.source, ("y",)))
    [target] = world.connections.stored.values()
    world.connections.stored[world.connection.id] = replace(target, connection=changed)
    assert world.members("a") == [7]
    world.deliver(said("vi", ("a", REALIZED)))
    assert world.members("a") == []
    world.connections.stored[world.connection.id] = target
    world.deliver(said("vi", ("a", REALIZED)))
    assert world.members("a") == [7]
    world.connections.stored[world.connection.id] = replace(target, connection=replace(changed, consent=None))
    world.deliver(said("n", ("b", REALIZED), minute=1))
    assert lists(world) == ([7], [7])


# What goes wrong in between


@pytest.mark.parametrize("executes", [False, True])
def test_a_removal_that_is_held_up_stays_in_the_queue(*, executes: bool) -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), ("b", REALIZED)))
    world.simulator.script(Fault("http", status=502, executes=executes, method="DELETE", path="^/rest/v1/lists/1002"))
    assert len(world.deliver(no(minute=1)).requeued) == 1
    assert received(world) == 1
    world.now += timedelta(minutes=20)
    assert world.deliver().requeued == ()
    assert lists(world) == ([], [])
    assert outcomes(world) == {"activated": 1, "excluded": 1}
    assert_balanced(world)


def test_a_removal_that_marketo_refuses_is_failed_and_can_be_redriven() -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), ("b", REALIZED)))
    world.simulator.script(Fault("skip", "1003", records=(0,), method="DELETE", path="^/rest/v1/lists/1002"))
    world.deliver(no(("a", REALIZED), ("b", REALIZED), minute=1))
    assert lists(world) == ([], [7])
    assert reasons(world) == {"MARKETO_1003": 1}
    assert outcomes_of(world, "a") == {"activated": 1, "excluded": 1}
    assert outcomes_of(world, "b") == {"activated": 1, "failed": 1}
    [letter] = world.letters.bodies
    world.queue.send(world.connection.id, [letter])
    world.deliver()
    assert lists(world) == ([], [])
    assert changes(world)["removed"] == 2
    assert_balanced(world)


@pytest.mark.parametrize("moments", range(60))
def test_a_worker_may_die_at_any_moment_of_a_withdrawal(moments: int) -> None:
    world = asking()
    world.deliver(yes(("a", REALIZED), ("b", REALIZED)))
    life = mortal(world)
    world.post(no(minute=1))
    life.moments = moments
    try:
        world.sync(list(world.queue.waiting.values()), timedelta(minutes=5))
    except CrashError:
        world.now += timedelta(minutes=30)
    life.moments = None
    world.deliver()
    assert lists(world) == ([], [])
    assert outcomes(world) == {"activated": 1, "excluded": 1}
    assert_balanced(world)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("moments", range(60))
def test_a_withdrawal_undoes_what_a_worker_did_that_died(moments: int, *, known: bool) -> None:
    """Who may have been put on a list is taken off it, even if that was never recorded."""
    world = asking() if known else World(connection(consent=RULE))
    life = mortal(world)
    world.post(yes(("a", REALIZED)))
    [entry] = world.queue.waiting.values()
    life.moments = moments
    try:
        world.sync([entry], timedelta(minutes=5))
    except CrashError:
        world.now += timedelta(minutes=30)
    life.moments = None
    world.post(no(("b", REALIZED), minute=1))
    withdrawal = list(world.queue.waiting.values())[-1]
    world.sync([withdrawal], timedelta(minutes=5))
    assert lists(world) == ([], [])
    world.sync([entry, withdrawal], timedelta(minutes=5))
    assert lists(world) == ([], [])
    assert received(world) == 2
    assert_balanced(world)
