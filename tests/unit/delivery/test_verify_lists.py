"""Verifications against the simulator: drift of every kind is found, and repaired where it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from destination.delivery.requeue import EAGER_RECEIVES
from destination.delivery.verify_lists import RESERVE_WAIT, SLICE
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Consent, Limits, PersonAction, Status
from destination.domain.event import MembershipStatus
from destination.domain.pace import DayCount, PaceState
from destination.domain.parking import RETRY_BLOCKED
from destination.domain.pause import MAX_PAUSE, MAX_SPREAD
from destination.domain.person import LedgerRow
from destination.domain.shard import name_of
from destination.domain.verification import (
    EXPIRED,
    LEAD_UNKNOWN,
    LIST_CHANGED,
    MAX_DURATION,
    NOT_FOUND,
    REPAIRED_BY_DEFAULT,
    SAMPLE,
    AudienceCheck,
    Differences,
    ListSize,
    Phase,
    Repair,
    Stand,
    Verification,
    VerificationStatus,
)
from destination.queue import verification_message
from destination.store.ledger import Page
from marketo_simulator import Fault
from testing.crashes import CrashError, mortal
from testing.meddler import meddle
from testing.memory import MemoryLedger, MemoryVerifications
from testing.persons import in_audience, on, out_of_audience, sent, word
from testing.world import START, World, audience, connection, event

ID = "20261121T100000000000Z-0a1b2c3d"
A, B = 1001, 1002
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
NOTHING: frozenset[Repair] = frozenset()
ALL = frozenset(Repair)
MISSING, LEAVERS, FOREIGN = (frozenset({one}) for one in Repair)


def address(number: int) -> str:
    return f"p{number}@example.com"


def delivered(people: int, **settings: object) -> World:
    """A world in which so many people were delivered to list a."""
    world = World(settings=settings)
    for start in range(0, people, 300):
        part = range(start, min(start + 300, people))
        world.deliver(*(event(address(number), ("a", REALIZED)) for number in part))
    assert len(world.members("a")) == people
    return world


def seeded(people: int, *, on_list: int | None = None, **settings: object) -> World:
    """The same without the deliveries: leads, their place on list a, and what the ledger says of them."""
    world = populated(people, **settings)
    for number in range(1, people + 1):
        know(world, number)
    put(world, A, *range(1, (people if on_list is None else on_list) + 1))
    return world


def populated(people: int, **settings: object) -> World:
    """A world with so many leads, of whom the ledger knows nothing."""
    return World(leads=[{"id": one, "email": address(one)} for one in range(1, people + 1)], settings=settings)


def know(world: World, number: int, **changes: Any) -> None:
    """Let the ledger know the lead with that number: it is in audience a and was put on its list, unless said so."""
    plain = LedgerRow({audience("a"): in_audience()}, on("a", number), None, None, number, START)
    world.ledger.people[world.connection.id, name_of(address(number))] = replace(plain, **changes)


def known(world: World, number: int) -> LedgerRow:
    found = world.ledger.row(world.connection.id, address(number))
    assert found is not None
    return found


def put(world: World, list_id: int, *lead_ids: int) -> None:
    """Put leads on a list behind our back."""
    world.simulator.state.lists[list_id].members.update(lead_ids)


def delete(world: World, lead_id: int) -> None:
    """Delete a lead behind our back."""
    world.simulator.state.delete_lead(world.simulator.state.leads[lead_id])


def merge(world: World, winner: int, loser: int, email: str) -> None:
    """Merge two leads behind our back: the winner is on the lists of both from then on, and has this address."""
    state = world.simulator.state
    lists = [one for one in state.lists.values() if loser in one.members]
    delete(world, loser)
    for one in lists:
        one.members.add(winner)
    delete(world, winner)
    world.simulator.seed({"leads": [{"id": winner, "email": email}]})
    for one in lists:
        one.members.add(winner)


def request(world: World, *names: str, repair: frozenset[Repair] = NOTHING) -> None:
    """Ask for a verification, as the control plane does."""
    activations = world.connections.stored[world.connection.id].activations
    checks = [AudienceCheck.of(activations[audience(name)], activations[audience(name)].list_id or 0) for name in names]
    made = Verification(ID, world.connection.id, repair, world.now, len(checks), is_whole=True)
    world.verifications.create(made, checks)
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])


def slices(world: World) -> Iterator[None]:
    """Deliver what waits until nothing does; once for every slice, when that is to be."""
    while world.queue.waiting:
        world.deliver()
        world.sleep(min((world.queue.invisible_for.get(one, 0) for one in world.queue.waiting), default=0))
        yield


def verified(world: World, *names: str, repair: frozenset[Repair] = NOTHING) -> AudienceCheck:
    """The check of the first audience, once the verification is finished."""
    request(world, *(names or ("a",)), repair=repair)
    for _ in slices(world):
        pass
    verification = world.verifications.stored[ID]
    assert verification.status is VerificationStatus.COMPLETED
    sizes = world.verifications.list_sizes(world.connection.id)
    for name in names or ("a",):
        kept = world.connections.stored[world.connection.id].activations.get(audience(name))
        if kept is not None and (size := sizes.get(kept.id)) is not None:
            assert size == ListSize(size.list_id, len(world.members(name)), verification.finished_at or START)
    return world.verifications.found[ID, 0]


def verified_again(world: World, **how: Any) -> AudienceCheck:
    for kept in (world.verifications.stored, world.verifications.leads, world.verifications.standings):
        kept.clear()
    return verified(world, **how)


def left(world: World) -> dict[AudienceKey, int]:
    """How many people the last verification left out of place."""
    return world.verifications.left[world.connection.id]


def differences(check: AudienceCheck) -> dict[str, tuple[int, int]]:
    """How many there are of each kind that anybody is of, and how many of them were repaired."""
    kinds = {name: getattr(check, name) for name in ("missing", "leavers", "waiting", "foreign")}
    return {name: (one.count, one.repaired) for name, one in kinds.items() if one.count}


@dataclass
class SlowLedger(MemoryLedger):
    """Takes its time for every page, and tells where those begin that were read."""

    take_time: Callable[[], None] = lambda: None
    read: list[str | None] = field(default_factory=list)

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None = None) -> Page:
        self.take_time()
        self.read.append(cursor)
        return super().pages(connection_id, audiences, cursor)


def slow_ledger(world: World, page_rows: int, seconds: float = 0) -> SlowLedger:
    """Give the world a ledger of many pages, each of which takes so long."""
    given = SlowLedger(world.leases, world.ledger.people, page_rows=page_rows, take_time=lambda: world.sleep(seconds))
    world.ledger = given
    world.sync = world.delivery()
    return given


def test_a_list_that_is_the_audience_is_in_sync() -> None:
    world = delivered(301)
    check = verified(world, repair=ALL)
    assert (check.expected, check.found, check.in_doubt, check.gone, check.unapplied) == (301, 301, 0, 0, {})
    assert (check.phase, check.out_of_sync, differences(check)) == (Phase.DONE, 0, {})
    assert len(world.members("a")) == 301
    assert left(world) == {}
    assert world.ledger.runs.stored.keys() == {(world.connection.id, "2026-11-21T10:00Z")}


@pytest.mark.parametrize(("repair", "repaired"), [(NOTHING, 0), (LEAVERS | FOREIGN, 0), (MISSING, 3)])
def test_who_was_taken_off_in_marketo_is_missing(repair: frozenset[Repair], repaired: int) -> None:
    world = delivered(20)
    taken = world.members("a")[3:6]
    world.marketo.lists.remove(A, taken)
    check = verified(world, repair=repair)
    assert (differences(check), check.missing.sample) == ({"missing": (3, repaired)}, tuple(taken))
    assert check.out_of_sync == 3 - repaired
    assert len(world.members("a")) == 17 + repaired
    assert left(world) == ({} if repaired else {audience("a"): 3})


LEFT: dict[str, dict[str, Any]] = {
    "who exited, and was taken off": {"desired": {audience("a"): out_of_audience()}, "applied": on("a")},
    "who exited, and is thought to be on it": {"desired": {audience("a"): out_of_audience()}},
    "who was there before the audience had this list": {
        "desired": {audience("a"): out_of_audience()},
        "applied": on("a", 1, list_id=7),
    },
    "who may not be exported": {"consent": word(given=False)},
}


@pytest.mark.parametrize(("repair", "repaired"), [(NOTHING, 0), (MISSING | FOREIGN, 0), (LEAVERS, 1)])
@pytest.mark.parametrize("why", LEFT)
def test_a_leaver_that_is_still_on_the_list(why: str, repair: frozenset[Repair], repaired: int) -> None:
    world = seeded(3)
    world.reconfigure(consent=Consent("consent", ("y",)))
    know(world, 1, **LEFT[why])
    check = verified(world, repair=repair)
    assert (differences(check), check.expected, check.out_of_sync) == ({"leavers": (1, repaired)}, 2, 1 - repaired)
    assert check.leavers.sample == (1,)
    assert world.members("a") == ([2, 3] if repaired else [1, 2, 3])
    assert left(world) == ({} if repaired else {audience("a"): 1})
    assert differences(verified_again(world, repair=NOTHING)) == ({} if repaired else {"leavers": (1, 0)})


def test_a_withdrawal_is_nothing_to_a_connection_that_asks_for_no_consent_any_more() -> None:
    """Else a verification would take off whom the next event puts on again, for ever."""
    world = seeded(2)
    know(world, 1, consent=word(given=False))
    world.deliver(event(address(1), ("a", REALIZED), at=world.now))
    assert differences(verified(world, repair=ALL)) == {}
    assert world.members("a") == [1, 2]


def test_a_leaver_who_was_taken_off_is_known_to_be_off() -> None:
    world = seeded(1)
    know(world, 1, desired={audience("a"): out_of_audience()})
    verified(world, repair=REPAIRED_BY_DEFAULT)
    assert known(world, 1).applied == on("a")
    assert verified_again(world).expected == 0


def test_a_second_lead_of_one_person_is_a_leaver() -> None:
    """One lead of a person is on the list: the one that was put there last."""
    world = populated(2)
    know(world, 1, applied=on("a", 1, 2))
    put(world, A, 1, 2)
    check = verified(world, repair=REPAIRED_BY_DEFAULT)
    assert (check.expected, differences(check)) == (1, {"leavers": (1, 1)})
    assert world.members("a") == [1]
    assert known(world, 1).applied == on("a", 1)


def test_of_two_persons_with_one_lead_the_one_who_is_in_the_audience_decides() -> None:
    world = populated(2)
    know(world, 1)
    know(world, 2, desired={audience("a"): out_of_audience()}, applied=on("a"), lead_id=1)
    put(world, A, 1)
    assert differences(verified(world, repair=ALL)) == {}
    assert world.members("a") == [1]


@pytest.mark.parametrize("repair", [NOTHING, MISSING])
@pytest.mark.parametrize("applied", [{}, on("a"), on("a", 1, list_id=7)], ids=["never", "taken-off", "on-another-list"])
def test_who_is_in_the_audience_and_was_never_put_on_the_list_waits(
    applied: dict[AudienceKey, Any], repair: frozenset[Repair]
) -> None:
    world = populated(2)
    for number in (1, 2):
        know(world, number, applied=applied if number == 1 else on("a", 2))
    put(world, A, 2)
    check = verified(world, repair=repair)
    assert (check.expected, check.out_of_sync, check.waiting.sample) == (1, 0, (1,))
    if repair == NOTHING:
        assert (differences(check), world.members("a")) == ({"waiting": (1, 0)}, [2])
        assert known(world, 1).applied == applied
    else:
        assert (differences(check), world.members("a")) == ({"waiting": (1, 1)}, [1, 2])
        assert known(world, 1).applied == on("a", 1)
        assert (verified_again(world).expected, left(world)) == (2, {})


@pytest.mark.parametrize("repair", [MISSING, REPAIRED_BY_DEFAULT], ids=["missing", "by-default"])
def test_who_is_another_lead_by_now_is_put_on_the_list_and_the_lead_of_before_is_not_forgotten(
    repair: frozenset[Repair],
) -> None:
    """The person was looked up while the audience was outside its schedule, and found to be another lead."""
    world = populated(2)
    know(world, 1, applied=on("a", 1), lead_id=2)
    put(world, A, 1)
    state = world.simulator.state
    state.update_lead(state.leads[1], {"email": "nobody@example.com"}, world.now)
    check = verified(world, repair=repair)
    takes_off = Repair.LEAVERS in repair
    assert differences(check) == {"waiting": (1, 1), "leavers": (1, int(takes_off))}
    assert world.members("a") == ([2] if takes_off else [1, 2])
    assert known(world, 1).applied == on("a", 2) if takes_off else on("a", 2, 1)


def test_who_waits_and_is_there_already_is_known_to_be_there_from_then_on() -> None:
    world = populated(1)
    know(world, 1, applied={})
    put(world, A, 1)
    assert differences(verified(world)) == {"waiting": (1, 1)}
    assert known(world, 1).applied == on("a", 1)
    assert "POST /rest/v1/lists/{id}/leads.json" not in world.calls()
    world.now += timedelta(minutes=1)
    world.deliver(event(address(1), ("a", EXITED), at=world.now))
    assert world.members("a") == []


@pytest.mark.parametrize("repair", [NOTHING, REPAIRED_BY_DEFAULT, FOREIGN, ALL])
def test_whom_others_put_there_is_foreign_and_touched_only_if_it_is_asked_for(repair: frozenset[Repair]) -> None:
    world = populated(9)
    know(world, 1)
    put(world, A, 1, 8, 9)
    check = verified(world, repair=repair)
    taken = 2 if Repair.FOREIGN in repair else 0
    assert (differences(check), check.foreign.sample) == ({"foreign": (2, taken)}, (8, 9))
    assert (check.expected, check.found, check.out_of_sync) == (1, 3, 0)
    assert world.members("a") == ([1] if taken else [1, 8, 9])
    assert left(world) == {}


def test_a_lead_that_is_somebody_s_who_is_in_the_audience_is_spared_whoever_put_it_there() -> None:
    """The ledger does not know the lead yet, but whose it is."""
    world = populated(3)
    for number in (1, 2):
        know(world, number, applied={}, lead_id=None, looked_up_at=None)
    know(world, 2, desired={audience("a"): out_of_audience()}, applied={}, lead_id=None)
    put(world, A, 1, 2, 3)
    check = verified(world, repair=FOREIGN)
    assert (differences(check), world.members("a")) == ({"foreign": (2, 2)}, [1])


@pytest.mark.parametrize("repair", [NOTHING, REPAIRED_BY_DEFAULT, ALL])
@pytest.mark.parametrize("is_leaver", [False, True])
def test_a_lead_that_another_was_merged_into_stays_as_it_is_the_person_s_now(
    repair: frozenset[Repair], *, is_leaver: bool
) -> None:
    """Be it that the ledger does not know it, or that it was somebody's who left."""
    world = seeded(1)
    world.simulator.seed({"leads": [{"id": 2, "email": address(2)}]})
    if is_leaver:
        know(world, 2, desired={audience("a"): out_of_audience()}, applied=on("a"))
    merge(world, winner=2, loser=1, email=address(1))
    assert (verified(world, repair=repair).gone, world.members("a")) == (1, [2])
    world.now += timedelta(minutes=1)
    world.deliver(event(address(1), ("a", REALIZED), at=world.now))
    assert (known(world, 1).applied, world.members("a")) == (on("a", 2), [2])
    assert differences(verified_again(world, repair=repair)) == {}


@pytest.mark.parametrize(("repair", "members"), [(NOTHING, [2]), (REPAIRED_BY_DEFAULT, [2]), (ALL, [])])
def test_a_lead_that_another_was_merged_into_and_that_has_another_key_is_foreign(
    repair: frozenset[Repair], members: list[int]
) -> None:
    world = seeded(1)
    world.simulator.seed({"leads": [{"id": 2, "email": address(2)}]})
    merge(world, winner=2, loser=1, email=address(2))
    check = verified(world, repair=repair)
    assert (check.gone, check.foreign.count, world.members("a")) == (1, 1, members)


@pytest.mark.parametrize("repair", [NOTHING, REPAIRED_BY_DEFAULT, ALL])
def test_a_lead_that_is_gone_is_forgotten_so_that_the_next_event_puts_the_person_back(
    repair: frozenset[Repair],
) -> None:
    world = World(leads=[{"id": 7, "email": "ada@example.org"}])
    entry = event("ada@example.org", ("a", REALIZED))
    world.deliver(entry)
    delete(world, 7)
    world.simulator.seed({"leads": [{"id": 9, "email": "ada@example.org"}]})
    check = verified(world, repair=repair)
    assert (check.expected, check.found, check.gone, differences(check)) == (1, 0, 1, {})
    assert (check.out_of_sync, world.members("a")) == (0, [])
    world.now += timedelta(minutes=1)
    world.deliver(replace(entry, received_at=world.now))
    assert world.members("a") == [9]
    assert world.leads_now()[9]["firstName"] == "Ada"


def test_of_a_lead_that_is_gone_nothing_is_waited_for() -> None:
    world = populated(3)
    know(world, 1, applied={}, attributes=sent())
    know(world, 2)
    know(world, 3, desired={audience("a"): out_of_audience()})
    for number in (1, 2, 3):
        delete(world, number)
    check = verified(world, repair=ALL)
    assert (check.gone, differences(check), check.out_of_sync) == (2, {}, 0)
    assert [known(world, number).lead_id for number in (1, 2)] == [None, None]
    assert [known(world, number).applied for number in (1, 2)] == [{}, {}]
    again = verified_again(world, repair=ALL)
    assert (again.expected, again.gone, again.unapplied) == (0, 0, {LEAD_UNKNOWN: 2})


def test_whoever_was_never_found_is_counted_with_the_reason() -> None:
    world = World(connection(person_action=PersonAction.UPDATE_EXISTING_ONLY), leads=[{"id": 1, "email": address(1)}])
    world.deliver(*(event(address(number), ("a", REALIZED)) for number in range(1, 4)))
    world.reconfigure(consent=Consent("consent", ("y",)))
    know(world, 4, applied={}, lead_id=None, looked_up_at=None)
    know(world, 5, desired={audience("a"): out_of_audience()}, applied={}, lead_id=None, looked_up_at=None)
    know(world, 6, applied={}, lead_id=None, looked_up_at=None, consent=word(given=False))
    check = verified(world, repair=ALL)
    assert (check.expected, check.unapplied) == (1, {NOT_FOUND: 2, LEAD_UNKNOWN: 1})
    assert (differences(check), left(world)) == ({}, {})


@pytest.mark.parametrize(
    ("status", "repair", "members", "found"),
    [
        (REALIZED, NOTHING, [2, 3], {"waiting": (1, 0)}),
        (REALIZED, MISSING, [1, 2, 3], {"waiting": (1, 1)}),
        (EXITED, NOTHING, [2, 3], {"leavers": (1, 0)}),
        (EXITED, LEAVERS, [3], {"leavers": (1, 1)}),
    ],
)
def test_of_whom_a_delivery_left_in_doubt_it_is_found_out_where_they_are(
    status: MembershipStatus, repair: frozenset[Repair], members: list[int], found: dict[str, tuple[int, int]]
) -> None:
    """Marketo was being told of 1 and 2 when a worker died; 2 is on the list, and 1 is not."""
    world = seeded(3)
    is_in = in_audience() if status is REALIZED else out_of_audience()
    for number in (1, 2):
        know(world, number, desired={audience("a"): is_in}, applied=on("a", number, is_sure=False))
    world.simulator.state.lists[A].members.discard(1)
    check = verified(world, repair=repair)
    assert (check.expected, check.in_doubt, differences(check)) == (1, 0, found)
    assert world.members("a") == members
    for number in (1, 2):
        assert known(world, number).applied == (on("a", number) if number in members else on("a"))


def test_of_somebody_in_doubt_by_several_leads_those_that_are_on_the_list_are_known() -> None:
    world = seeded(3)
    know(world, 1, applied=on("a", 1, 2, is_sure=False))
    know(world, 2, desired={}, applied={}, lead_id=None)
    world.simulator.state.lists[A].members.discard(2)
    assert differences(verified(world)) == {}
    assert known(world, 1).applied == on("a", 1)


def test_a_lead_in_doubt_that_is_gone_is_forgotten() -> None:
    world = seeded(2)
    know(world, 1, applied=on("a", 1, is_sure=False))
    delete(world, 1)
    check = verified(world, repair=REPAIRED_BY_DEFAULT)
    assert (check.gone, check.in_doubt, known(world, 1).lead_id) == (1, 0, None)


def test_outside_its_schedule_nothing_is_expected_of_an_audience() -> None:
    world = seeded(3, on_list=2)
    target = world.connections.stored[world.connection.id]
    later = replace(target.activations[audience("a")], start=START + timedelta(days=1))
    world.connections.stored[world.connection.id] = replace(
        target, activations={**target.activations, audience("a"): later}
    )
    check = verified(world, repair=ALL)
    assert (check.expected, check.in_doubt, differences(check)) == (0, 3, {})
    assert world.members("a") == [1, 2]


@pytest.mark.parametrize("repair", [NOTHING, ALL])
def test_of_whom_nothing_is_known_since_the_audience_began_anew_it_is_in_doubt_whether_they_are_members(
    repair: frozenset[Repair],
) -> None:
    world = delivered(3)
    world.deactivate("a")
    world.now += timedelta(days=91)
    world.forget("a")
    world.simulator.state.lists[A].members.discard(1)
    world.activate("a")
    world.deliver(event(address(2), ("a", REALIZED), at=world.now))
    members = world.members("a")
    for check in (verified(world, repair=repair), verified_again(world, repair=repair)):
        assert (differences(check), check.in_doubt, check.expected) == ({}, 2, 1)
        assert world.members("a") == members


def test_nobody_genuine_is_foreign_however_long_ago_the_last_event_was() -> None:
    """Rows of members do not expire, so that they are known whenever a verification comes."""
    world = delivered(10)
    world.now += timedelta(hours=1)
    world.deliver(*(event(address(number), ("a", EXITED), at=world.now) for number in range(3)))
    stranger = max(world.leads_now()) + 1
    world.simulator.seed({"leads": [{"id": stranger, "email": "stranger@example.com"}]})
    put(world, A, stranger)
    world.now += timedelta(days=200)
    world.ledger.people = {name: one for name, one in world.ledger.people.items() if one.is_lasting}
    assert len(world.ledger.people) == 7
    slow_ledger(world, 3)
    check = verified(world, repair=ALL)
    assert (check.expected, differences(check)) == (7, {"foreign": (1, 1)})
    assert {world.leads_now()[one]["email"] for one in world.members("a")} == {address(one) for one in range(3, 10)}


def drifted(latency: float, seconds: float) -> tuple[World, SlowLedger]:
    """3,000 leads: 700 are missing, 700 left, 700 wait, and 700 are foreign; 200 are on the list as they should."""
    world = populated(3_000, latency=latency)
    for number in range(1, 701):
        know(world, number)
        know(world, 700 + number, desired={audience("a"): out_of_audience()})
        know(world, 1_400 + number, applied={})
    for number in range(2_801, 3_001):
        know(world, number)
    put(world, A, *range(701, 1_401), *range(2_101, 3_001))
    return world, slow_ledger(world, 97, seconds)


@pytest.mark.parametrize("latency", [0, 10, 25, 35])
@pytest.mark.parametrize("seconds", [0, 25, 61])
def test_it_goes_on_where_it_was_whatever_border_a_slice_ends_at(latency: float, seconds: float) -> None:
    world, ledger = drifted(latency, seconds)
    request(world, "a", repair=ALL)
    number = sum(1 for _ in slices(world))
    check = world.verifications.found[ID, 0]
    assert differences(check) == {
        "missing": (700, 700),
        "leavers": (700, 700),
        "waiting": (700, 700),
        "foreign": (700, 700),
    }
    assert (check.expected, check.found, check.out_of_sync) == (900, 1_600, 0)
    assert world.members("a") == [*range(1, 701), *range(1_401, 2_101), *range(2_801, 3_001)]
    assert len(ledger.read) == len(set(ledger.read)) == -(-2_300 // 97)
    pages = [call for call in world.calls() if call == "GET /rest/v1/lists/{id}/leads.json"]
    assert len(pages) == -(-1_600 // 300)
    assert number > max(seconds * len(ledger.read), latency * len(pages)) / (2 * SLICE.total_seconds())
    assert differences(verified_again(world, repair=ALL)) == {}


@dataclass
class CountedVerifications(MemoryVerifications):
    """Counts how often what was kept of the ledger is gone through."""

    readings: int = 0

    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]:
        self.readings += 1
        return super().stands(verification, number, parts)


def test_what_was_kept_of_the_ledger_is_gone_through_twice_however_many_are_out_of_place() -> None:
    world = populated(3_000)
    for number in range(1, 3_001):
        know(world, number, applied={})
    world.verifications = counted = CountedVerifications()
    world.sync = world.delivery()
    request(world, "a", repair=MISSING)
    assert sum(1 for _ in slices(world)) == 1
    assert (len(world.members("a")), counted.readings) == (3_000, 2)


def test_what_is_delivered_between_two_slices_counts_whatever_was_read_before() -> None:
    """Whoever changes is, one after the other at every border, of each kind of those who are out of place."""
    world, _ = drifted(25, 25)
    request(world, "a", repair=ALL)
    moved: dict[int, MembershipStatus] = {}
    for number, _ in enumerate(slices(world)):
        if not world.queue.waiting:
            break
        world.now += timedelta(seconds=1)
        first = 1 + 7 * number
        changes = {
            first: EXITED,
            first + 1: REALIZED,
            700 + first: REALIZED,
            701 + first: EXITED,
            1_400 + first: EXITED,
            1_401 + first: REALIZED,
            2_100 + first: REALIZED,
            2_801 + number: EXITED,
        }
        moved |= changes
        world.post(*(event(address(one), ("a", status), at=world.now) for one, status in changes.items()))
    assert len(moved) > 8 * 15
    wanted = {*range(1, 701), *range(1_401, 2_101), *range(2_801, 3_001)}
    wanted |= {one for one, status in moved.items() if status is REALIZED}
    wanted -= {one for one, status in moved.items() if status is EXITED}
    assert set(world.members("a")) == wanted
    assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED


def test_a_foreign_member_who_came_to_be_known_meanwhile_is_spared() -> None:
    world = populated(9)
    know(world, 1)
    put(world, A, 1, 8, 9)
    ledger = slow_ledger(world, 10, SLICE.total_seconds())
    request(world, "a", repair=ALL)
    steps = slices(world)
    next(steps)
    assert (len(ledger.read), world.verifications.found[ID, 0].found) == (1, 3)
    world.now += timedelta(seconds=1)
    world.post(event(address(9), ("a", REALIZED), at=world.now))
    for _ in steps:
        pass
    assert differences(world.verifications.found[ID, 0]) == {"foreign": (1, 1)}
    assert world.members("a") == [1, 9]
    assert known(world, 9).applied == on("a", 9)


def test_a_leaver_who_came_back_meanwhile_is_spared() -> None:
    world = seeded(3)
    know(world, 1, desired={audience("a"): out_of_audience()})
    slow_ledger(world, 10, SLICE.total_seconds())
    request(world, "a", repair=ALL)
    steps = slices(world)
    next(steps)
    world.now += timedelta(seconds=1)
    world.post(event(address(1), ("a", REALIZED), at=world.now))
    for _ in steps:
        pass
    assert (differences(world.verifications.found[ID, 0]), world.members("a")) == ({}, [1, 2, 3])


def test_whoever_is_put_right_by_hand_before_it_is_looked_at_is_no_difference() -> None:
    world = seeded(3, on_list=2)
    know(world, 1, desired={audience("a"): out_of_audience()})
    slow_ledger(world, 10, SLICE.total_seconds())
    request(world, "a", repair=ALL)
    steps = slices(world)
    next(steps)
    world.simulator.state.lists[A].members = {2, 3}
    for _ in steps:
        pass
    assert (differences(world.verifications.found[ID, 0]), world.members("a")) == ({}, [2, 3])


def fifty(world: World) -> list[str]:
    """Fifty audiences, each with a list of its own."""
    target = world.connections.stored[world.connection.id]
    names = [f"x{number}" for number in range(50)]
    lists = {name: world.marketo.lists.ensure(name, "Default").id for name in names}
    activations = {audience(name): Activation(audience(name), name, list_id=lists[name]) for name in names}
    world.connections.stored[world.connection.id] = replace(target, activations=activations)
    return names


def test_of_fifty_audiences_the_ledger_is_read_once() -> None:
    world = populated(300)
    names = fifty(world)
    lists = {
        one.audience.id: one.list_id or 0 for one in world.connections.active(world.connection.id).activations.values()
    }
    for number in range(1, 301):
        own = [name for place, name in enumerate(names) if (number + place) % 3]
        applied = {key: one for name in own for key, one in on(name, number, list_id=lists[name]).items()}
        know(world, number, desired={audience(name): in_audience() for name in own}, applied=applied)
    ledger = slow_ledger(world, 20, 11)
    verified(world, *names, repair=ALL)
    assert len(ledger.read) == len(set(ledger.read)) == 300 / 20
    for place, name in enumerate(names):
        assert world.verifications.found[ID, place].missing.repaired == 200
        assert world.members(name) == [number for number in range(1, 301) if (number + place) % 3]
    assert left(world) == {}


def test_the_lists_of_several_audiences_are_verified_one_after_the_other() -> None:
    world = delivered(5)
    world.deliver(event("b@example.org", ("b", REALIZED)))
    world.marketo.lists.remove(B, world.members("b"))
    verified(world, "a", "b")
    assert [world.verifications.found[ID, number].missing.count for number in (0, 1)] == [0, 1]
    assert left(world) == {audience("b"): 1}


def test_a_list_that_is_gone_is_said_to_be_so_and_the_others_are_verified() -> None:
    world = delivered(5)
    del world.simulator.state.lists[B]
    verified(world, "b", "a")
    gone, there = (world.verifications.found[ID, number] for number in (0, 1))
    assert (gone.code, gone.phase, there.code, there.expected) == ("1013", Phase.DONE, None, 5)


def test_40_000_members_are_verified_within_their_calls_and_in_slices() -> None:
    world = seeded(40_000, on_list=39_400, latency=1.0)
    world.extract_from = 50_000
    world.sync = world.delivery()
    world.ledger.page_rows = 10_000
    before = len(world.calls())
    request(world, "a", repair=MISSING)
    number = sum(1 for _ in slices(world))
    check = world.verifications.found[ID, 0]
    assert (check.expected, check.found, check.missing.count, check.missing.repaired) == (40_000, 39_400, 600, 600)
    assert check.missing.sample == tuple(range(39_401, 39_401 + SAMPLE))
    assert len(world.members("a")) == 40_000
    pages, confirmed, repaired, usage = 132, 2, 2, 3
    assert len(world.calls()) - before <= pages + confirmed + repaired + usage
    assert number >= 3
    assert world.verifications.leads == {}
    assert {code for code in world.simulator.stats()["codes"] if code in {"606", "607", "615"}} == set()


def test_what_was_read_outlives_trouble() -> None:
    world = seeded(900)
    world.simulator.script(Fault(code="608", path=f"/lists/{A}/leads", nth=2))
    request(world, "a")
    world.deliver()
    check = world.verifications.found[ID, 0]
    assert (check.phase, check.found) == (Phase.READING, 300)
    world.now += timedelta(minutes=20)
    for _ in slices(world):
        pass
    assert world.verifications.found[ID, 0].found == 900
    assert world.verifications.found[ID, 0].out_of_sync == 0


def test_a_cursor_that_marketo_forgot_starts_the_reading_anew() -> None:
    world = seeded(900)
    request(world, "a")
    stale = replace(world.verifications.found[ID, 0], phase=Phase.READING, cursor="forgotten", parts=1, found=300)
    begun = world.verifications.put_check(world.verifications.stored[ID], 0, stale)
    world.verifications.put_read(begun, 0, 0, [999_999])
    for _ in slices(world):
        pass
    check = world.verifications.found[ID, 0]
    assert (check.found, check.foreign.count, check.phase) == (900, 0, Phase.DONE)


def test_the_reserve_of_the_day_is_for_deliveries() -> None:
    world = World(connection=connection(limits=Limits(daily_calls=1000)))
    today = DayCount("2026-11-21", 800, 0, START.timestamp())
    world.leases.paces["123-ABC-456"] = PaceState(today=today)
    request(world, "a")
    world.deliver(event("ada@example.com", ("a", REALIZED)))
    assert len(world.members("a")) == 1
    assert list(world.queue.invisible_for.values()) == [RESERVE_WAIT.total_seconds()]
    assert world.verifications.found[ID, 0].phase is Phase.PENDING
    world.now += timedelta(days=1)
    for _ in slices(world):
        pass
    assert world.verifications.found[ID, 0].phase is Phase.DONE


def test_nothing_that_was_read_of_people_outlives_a_verification() -> None:
    made, _ = drifted(0, 25)
    request(made, "a", "b")
    kept = 0
    for _ in slices(made):
        kept = max(kept, sum(map(len, made.verifications.standings.values())))
    assert kept > 0
    assert not any(made.verifications.standings.values())
    assert made.verifications.leads == {}


def test_a_verification_holds_up_no_event_and_is_none_itself() -> None:
    world = seeded(900, latency=25.0)
    request(world, "a")
    world.deliver(event("ada@example.com", ("a", REALIZED)))
    assert len(world.members("a")) == 901
    assert world.connections.stored[world.connection.id].connection.waiting is None
    assert world.ledger.total(world.connection.id).counts["received"] == 1


def test_a_verification_that_nobody_knows_is_let_go() -> None:
    world = World()
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, START)])
    world.deliver()
    assert world.queue.waiting == {}
    assert world.letters.bodies == []


def cancel(world: World) -> None:
    """As the control plane does, at whatever version it is."""
    found = world.verifications.stored[ID]
    world.verifications.put(replace(found, status=VerificationStatus.CANCELLED, finished_at=world.now))


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_cancelled_goes_on_no_longer(*, begun: bool) -> None:
    world = seeded(3_000, on_list=2_900, latency=25.0)
    request(world, "a", repair=MISSING)
    if begun:
        world.deliver()
        assert world.queue.waiting
    cancel(world)
    before = len(world.calls())
    for _ in slices(world):
        pass
    assert len(world.calls()) == before
    assert (world.verifications.stored[ID].status, len(world.members("a"))) == ("cancelled", 2_900)
    assert world.verifications.left == {}


@pytest.mark.parametrize("code", [None, "603", "604"])
def test_what_is_cancelled_while_it_goes_on_stops_at_its_next_step(code: str | None) -> None:
    world = seeded(900, on_list=100)
    request(world, "a", repair=MISSING)
    if code is not None:
        world.simulator.script(Fault(code=code, path=f"/lists/{A}/leads", method="GET"))
    meddle(world, lambda request: f"/lists/{A}/leads" in str(request.url), lambda: cancel(world))
    world.deliver()
    world.now += timedelta(hours=13)
    world.deliver()
    assert (world.verifications.stored[ID].status, len(world.members("a"))) == ("cancelled", 100)
    assert world.queue.waiting == {}


def test_of_its_messages_only_the_one_that_was_queued_last_carries_it_on() -> None:
    world = seeded(300)
    request(world, "a")
    world.now += timedelta(minutes=15)
    found = world.verifications.stored[ID]
    world.verifications.put(replace(found, requeued_at=world.now))
    world.deliver()
    assert (world.queue.waiting, world.verifications.stored[ID].status) == ({}, "queued")
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])
    for _ in slices(world):
        pass
    assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED


def test_a_message_that_is_delivered_twice_does_no_harm() -> None:
    world = seeded(900, on_list=600, latency=25.0)
    request(world, "a", repair=MISSING)
    world.queue.send(world.connection.id, list({one.body: None for one in world.queue.waiting.values()}))
    for _ in slices(world):
        pass
    check = world.verifications.found[ID, 0]
    assert (check.expected, check.found, check.missing.count, check.missing.repaired) == (900, 600, 300, 300)
    assert len(world.members("a")) == 900


def test_after_a_crash_at_any_moment_it_comes_to_its_end() -> None:
    for moments in count():
        world = seeded(5, on_list=3)
        put(world, B, 1)
        request(world, "a", "b", repair=ALL)
        life = mortal(world)
        life.moments = moments
        try:
            world.deliver()
        except CrashError:
            died = True
        else:
            died = False
        life.moments = None
        world.now += timedelta(minutes=30)
        for _ in slices(world):
            pass
        assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED
        assert (world.members("a"), world.members("b"), left(world)) == ([1, 2, 3, 4, 5], [], {})
        if not died:
            break
    assert moments > 40


def test_one_that_goes_on_elsewhere_is_looked_at_anew() -> None:
    """Of two who carry it on at once one stops, and its message stays until it sees the end."""
    world = seeded(900, on_list=600)
    request(world, "a", repair=MISSING)

    def somebody_else() -> None:
        world.verifications.put(world.verifications.stored[ID])

    meddle(world, lambda request: f"/lists/{A}/leads" in str(request.url), somebody_else)
    assert len(world.deliver().requeued) == 1
    for _ in slices(world):
        pass
    assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED
    assert len(world.members("a")) == 900


def test_each_step_shows_that_it_goes_on() -> None:
    world = seeded(3_000, latency=25.0)
    request(world, "a")
    for _ in slices(world):
        found = world.verifications.stored[ID]
        assert found.is_finished or not found.is_silent(world.now + timedelta(minutes=14))


def status(world: World) -> Status:
    return world.connections.stored[world.connection.id].connection.status


@pytest.mark.parametrize("code", ["603", "1003"])
def test_what_marketo_refuses_fails_the_verification_and_not_the_connection(code: str) -> None:
    world = delivered(3)
    world.simulator.script(Fault(code=code, path=f"/lists/{A}/leads", every=1))
    request(world, "a")
    world.deliver()
    failed = world.verifications.stored[ID]
    assert (failed.status, failed.code, failed.finished_at) == (VerificationStatus.FAILED, code, world.now)
    assert (status(world), world.queue.waiting, world.verifications.left) == (Status.ENABLED, {}, {})


def test_a_refused_verification_does_not_unblock_the_connection() -> None:
    world = delivered(3)
    world.connections.block(world.connection.id, "603: access denied", world.now)
    world.simulator.script(Fault(code="603", path=f"/lists/{A}/leads", every=1))
    request(world, "a")
    world.deliver()
    assert status(world) is Status.BLOCKED


def test_a_list_that_cannot_be_read_does_not_hold_up_deliveries_for_ever() -> None:
    world = delivered(3)
    world.simulator.script(Fault(code="604", path=f"/lists/{A}/leads", method="GET", every=1))
    request(world, "a")
    for _ in slices(world):
        world.now += MAX_PAUSE + MAX_SPREAD
    assert (world.verifications.stored[ID].status, world.verifications.stored[ID].code) == ("failed", "604")
    world.deliver(event("new@example.com", ("a", REALIZED)))
    assert len(world.members("a")) == 4


def test_trouble_of_aws_with_a_verification_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = delivered(1)

    def full(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationException"}}, "PutItem")

    monkeypatch.setattr(world.verifications, "put_read", full)
    request(world, "a")
    report = world.deliver(event("ada@example.com", ("a", REALIZED)))
    assert (len(report.requeued), len(world.members("a"))) == (1, 2)
    assert list(world.queue.invisible_for.values()) == [RETRY_BLOCKED.total_seconds()]


@pytest.mark.parametrize("list_id", [B, None])
@pytest.mark.parametrize("repair", [NOTHING, ALL])
def test_a_list_that_is_no_longer_the_audience_s_is_left_alone(repair: frozenset[Repair], list_id: int | None) -> None:
    world = seeded(5, on_list=4)
    world.simulator.state.lists[A].members.add(99)
    request(world, "a", repair=repair)
    target = world.connections.stored[world.connection.id]
    activations = {audience("b"): target.activations[audience("b")]}
    if list_id is not None:
        activations[audience("a")] = replace(target.activations[audience("a")], list_id=list_id)
    world.connections.stored[world.connection.id] = replace(target, activations=activations)
    world.deliver()
    check = world.verifications.found[ID, 0]
    assert (check.phase, check.code, world.verifications.stored[ID].status) == (Phase.DONE, LIST_CHANGED, "completed")
    assert world.members("a") == [1, 2, 3, 4, 99]


def test_an_audience_that_was_done_before_a_crash_is_not_compared_again() -> None:
    world = seeded(5, on_list=3)
    request(world, "a", "b")
    done = replace(world.verifications.found[ID, 0], phase=Phase.DONE, expected=5, found=3, missing=Differences(2))
    world.verifications.put_check(world.verifications.stored[ID], 0, done)
    before = len(world.calls())
    for _ in slices(world):
        pass
    assert world.verifications.found[ID, 0] == done
    assert len(world.calls()) - before == 2  # the other list, and the usage of the day


@pytest.mark.parametrize("now", list(Status))
def test_what_takes_too_long_has_failed_and_its_message_goes(now: Status) -> None:
    world = seeded(3)
    request(world, "a")
    target = world.connections.stored[world.connection.id]
    world.connections.stored[world.connection.id] = replace(target, connection=replace(world.connection, status=now))
    requested = world.now
    world.now += MAX_DURATION
    assert world.deliver().requeued == ()
    expired = world.verifications.stored[ID].at(world.now)
    assert (expired.status, expired.code, expired.finished_at) == ("failed", EXPIRED, requested + MAX_DURATION)
    assert (world.letters.bodies, world.calls()) == ([], [])


def test_one_that_goes_on_does_not_grow_tired() -> None:
    world = seeded(900, latency=25.0)
    request(world, "a")
    [message] = world.queue.waiting.values()
    world.sync([replace(message, receives=EAGER_RECEIVES + 1)], timedelta(minutes=5))
    assert world.queue.invisible_for == {message.id: 0}
