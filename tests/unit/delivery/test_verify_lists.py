"""Verifications against the simulator: drift of every kind is found, and repaired where it is asked for."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from botocore.exceptions import ClientError

from destination.delivery.connection import RETRY_BLOCKED
from destination.delivery.requeue import EAGER_RECEIVES
from destination.delivery.verify_lists import RESERVE_WAIT, SLICE
from destination.domain.audience import AudienceKey
from destination.domain.connection import Limits, Status
from destination.domain.event import MembershipStatus
from destination.domain.pace import DayCount, PaceState
from destination.domain.pause import MAX_PAUSE, MAX_SPREAD
from destination.domain.person import Delivered, LedgerRow
from destination.domain.verification import (
    EXPIRED,
    LIST_CHANGED,
    MAX_DURATION,
    SAMPLE,
    AudienceCheck,
    Differences,
    Phase,
    Repair,
    Verification,
    VerificationStatus,
)
from destination.queue import verification_message
from marketo_simulator import Fault
from testing.crashes import CrashError, mortal
from testing.meddler import meddle
from testing.world import START, World, audience, connection, event

ID = "20261121T100000000000Z-0a1b2c3d"
A, B = 1001, 1002
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED


def delivered(people: int, **settings: object) -> World:
    """A world in which so many people were delivered to list a."""
    world = World(settings=settings)
    for start in range(0, people, 300):
        part = range(start, min(start + 300, people))
        world.deliver(*(event(f"p{number}@example.com", ("a", REALIZED)) for number in part))
    assert len(world.members("a")) == people
    return world


def seeded(people: int, *, on_list: int | None = None, **settings: object) -> World:
    """The same without the deliveries: leads, their place on list a, and what the ledger says of them."""
    leads = [{"id": number, "email": f"p{number}@example.com"} for number in range(1, people + 1)]
    world = World(leads=leads, settings=settings)
    for number in range(1, people + 1):
        told = {audience("a"): Delivered(REALIZED, START, number, A)}
        world.ledger.people[world.connection.id, f"p{number}@example.com"] = LedgerRow(number, START, memberships=told)
    put(world, A, *range(1, (people if on_list is None else on_list) + 1))
    return world


def put(world: World, list_id: int, *lead_ids: int) -> None:
    """Put leads on a list behind our back."""
    world.simulator.state.lists[list_id].members.update(lead_ids)


def request(world: World, *names: str, repair: Repair = Repair.NONE) -> None:
    """Ask for a verification, as the control plane does."""
    checks = [AudienceCheck(audience(name), name, {"a": A, "b": B}[name], name) for name in names]
    made = Verification(ID, world.connection.id, repair, world.now, len(checks), is_whole=True)
    world.verifications.create(made, checks)
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])


def slices(world: World) -> Iterator[None]:
    """Deliver what waits until nothing does; once for every slice."""
    while world.queue.waiting:
        world.deliver()
        yield


def verified(world: World, *names: str, repair: Repair = Repair.NONE) -> AudienceCheck:
    """The check of the first audience, once the verification is finished."""
    request(world, *(names or ("a",)), repair=repair)
    for _ in slices(world):
        pass
    assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED
    return world.verifications.found[ID, 0]


def left(world: World) -> dict[AudienceKey, int]:
    """How many people the last verification left out of place."""
    return world.verifications.left[world.connection.id]


def test_a_list_that_is_the_audience_is_in_sync() -> None:
    world = delivered(301)
    check = verified(world)
    assert (check.expected, check.found, check.missing, check.unexpected) == (301, 301, Differences(), Differences())
    assert (check.phase, check.out_of_sync) == (Phase.DONE, 0)
    assert left(world) == {}
    assert world.ledger.runs.stored.keys() == {(world.connection.id, "2026-11-21T10:00Z")}


def test_who_was_taken_off_in_marketo_is_missing() -> None:
    world = delivered(20)
    gone = world.members("a")[3:6]
    world.marketo.lists.remove(A, gone)
    check = verified(world)
    assert (check.missing.count, check.missing.repaired, check.missing.sample) == (3, 0, tuple(gone))
    assert (check.unexpected.count, check.out_of_sync) == (0, 3)
    assert len(world.members("a")) == 17
    assert left(world) == {audience("a"): 3}


def test_who_was_put_on_in_marketo_is_unexpected() -> None:
    world = delivered(20)
    world.deliver(event("b@example.com", ("b", REALIZED)))
    [stranger] = world.members("b")
    world.marketo.lists.add(A, [stranger])
    check = verified(world)
    assert (check.unexpected.count, check.unexpected.sample, check.missing.count) == (1, (stranger,), 0)
    assert stranger in world.members("a")


@pytest.mark.parametrize(
    ("repair", "members", "left"),
    [
        (Repair.NONE, {3, 4, 9}, 3),
        (Repair.MISSING, {1, 2, 3, 4, 9}, 1),
        (Repair.UNEXPECTED, {3, 4}, 2),
        (Repair.BOTH, {1, 2, 3, 4}, 0),
    ],
)
def test_what_is_repaired_is_what_was_asked_for(repair: Repair, members: set[int], left: int) -> None:
    world = World(leads=[{"id": number, "email": f"p{number}@example.com"} for number in range(1, 10)])
    for number in range(1, 5):
        told = {audience("a"): Delivered(REALIZED, START, number, A)}
        world.ledger.people[world.connection.id, f"p{number}@example.com"] = LedgerRow(number, START, memberships=told)
    put(world, A, 3, 4, 9)
    check = verified(world, repair=repair)
    assert (check.missing.count, check.unexpected.count) == (2, 1)
    assert set(world.members("a")) == members
    assert check.out_of_sync == left
    assert verified_again(world).out_of_sync == left


def verified_again(world: World) -> AudienceCheck:
    world.verifications.stored.clear()
    return verified(world)


def test_a_lead_that_is_gone_cannot_be_missing() -> None:
    world = delivered(3)
    world.marketo.lists.remove(A, world.members("a")[:1])
    lead_id = min(world.leads_now())
    del world.simulator.state.leads[lead_id]
    check = verified(world, repair=Repair.BOTH)
    assert (check.expected, check.missing.count, check.out_of_sync) == (3, 0, 0)


def test_who_left_and_who_is_in_doubt_is_neither_missing_nor_unexpected() -> None:
    world = delivered(4)
    key = "p0@example.com"
    row = world.ledger.people[world.connection.id, key]
    told = {audience("a"): replace(row.memberships[audience("a")], list_id=None)}
    world.ledger.people[world.connection.id, key] = replace(row, memberships=told)
    world.now += timedelta(seconds=1)
    world.deliver(event("p1@example.com", ("a", EXITED), at=world.now))
    check = verified(world, repair=Repair.BOTH)
    assert (check.expected, check.in_doubt, check.found) == (2, 1, 3)
    assert (check.missing.count, check.unexpected.count) == (0, 0)
    assert len(world.members("a")) == 3


def test_what_is_delivered_between_two_slices_is_no_difference() -> None:
    world = seeded(900, latency=SLICE.total_seconds() / 2)
    request(world, "a", repair=Repair.BOTH)
    steps = slices(world)
    next(steps)
    world.now += timedelta(seconds=1)
    world.post(event("new@example.com", ("a", REALIZED)), event("p1@example.com", ("a", EXITED), at=world.now))
    for _ in steps:
        pass
    check = world.verifications.found[ID, 0]
    assert (check.missing.count, check.unexpected.count) == (0, 0)
    assert 1 not in world.members("a")
    assert len(world.members("a")) == 900


def test_the_lists_of_several_audiences_are_verified_one_after_the_other() -> None:
    world = delivered(5)
    world.deliver(event("b@example.com", ("b", REALIZED)))
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


def test_100_000_members_are_verified_within_their_calls_and_in_slices() -> None:
    world = seeded(100_000, on_list=99_400, latency=0.5)
    put(world, A)
    before = len(world.calls())
    request(world, "a", repair=Repair.MISSING)
    number = sum(1 for _ in slices(world))
    check = world.verifications.found[ID, 0]
    assert (check.expected, check.found, check.missing.count, check.missing.repaired) == (100_000, 99_400, 600, 600)
    assert check.missing.sample == tuple(range(99_401, 99_401 + SAMPLE))
    assert len(world.members("a")) == 100_000
    pages, confirmed, repaired, usage = 332, 2, 2, 3
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
    assert (check.found, check.unexpected.count, check.phase) == (900, 0, Phase.DONE)


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
    assert world.dead_letters.letters == []


def cancel(world: World) -> None:
    """As the control plane does, at whatever version it is."""
    found = world.verifications.stored[ID]
    world.verifications.put(replace(found, status=VerificationStatus.CANCELLED, finished_at=world.now))


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_cancelled_goes_on_no_longer(*, begun: bool) -> None:
    world = seeded(3_000, on_list=2_900, latency=25.0)
    request(world, "a", repair=Repair.MISSING)
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
    request(world, "a", repair=Repair.MISSING)
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
    request(world, "a", repair=Repair.MISSING)
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
        request(world, "a", "b", repair=Repair.BOTH)
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
    request(world, "a", repair=Repair.MISSING)

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
    world.connections.block(world.connection.id, "603: access denied")
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
@pytest.mark.parametrize("repair", Repair)
def test_a_list_that_is_no_longer_the_audience_s_is_left_alone(repair: Repair, list_id: int | None) -> None:
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
    assert (world.dead_letters.letters, world.calls()) == ([], [])


def test_one_that_goes_on_does_not_grow_tired() -> None:
    world = seeded(900, latency=25.0)
    request(world, "a")
    [message] = world.queue.waiting.values()
    world.sync([replace(message, receives=EAGER_RECEIVES + 1)], timedelta(minutes=5))
    assert world.queue.invisible_for == {message.id: 0}
