"""What has to wait for long leaves the queue, is counted meanwhile, and comes back once, at once or by itself.

In every test: what was received and is not settled is what waits in the queue and the bucket, no more and no less.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from destination.delivery.batch import MIN_TIME
from destination.delivery.carrier import MAX_WAVE_BYTES
from destination.domain.audience import WhenListMissing
from destination.domain.connection import ActiveConnection, Limits, Status, Waiting
from destination.domain.event import ProfileEvent
from destination.domain.parking import MAX_WAIT, RETRY_BLOCKED, Bundle, WaitsFor
from destination.queue import MAX_EVENT_BYTES, bundle_message, decode, encode_event, pack, verification_message
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, reasons, received
from testing.event_source import MAX_PAYLOAD_BYTES, record_bytes
from testing.meddler import calm, creates, disturb, poison
from testing.memory import MemoryParking
from testing.stages import REALIZED, describes, looks_up
from testing.world import MONITORED, MUNCHKIN, START, World, connection, event

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUOTA = Fault(code="607")
VERIFICATION = "20261121T120000000000Z-00000000"
FULL = "x" * (MAX_EVENT_BYTES - 300)
"""With which an event fills a message."""


def person(number: int) -> str:
    return f"p{number}@example.org"


def said(*numbers: int) -> list[ProfileEvent]:
    return [event(person(number), ("a", REALIZED)) for number in numbers]


def disabled() -> World:
    return World(connection(status=Status.DISABLED, held_since=START))


def parked(world: World) -> int:
    """How many events are parked, as the listing says."""
    return sum(one.events for one in world.parking.all())


def by_cause(world: World) -> dict[WaitsFor, int]:
    counted: Counter[WaitsFor] = Counter()
    for one in world.parking.all():
        counted[one.waits_for] += one.events
    return dict(counted)


def settled(world: World) -> int:
    return sum(outcomes(world).values())


def on_list(world: World) -> set[str]:
    leads = world.leads_now()
    return {leads[one]["email"] for one in world.members("a")}


def enable(world: World) -> None:
    """What an operator's enabling does (control/connections.py): the status, then the return of what is parked."""
    world.reconfigure(status=Status.ENABLED, held_since=None, blocked_cause=None, retry_at=None)
    world.manage_parking(world.connection.id)


def resumed_at(world: World) -> datetime | None:
    return world.target.connection.resumed_at


def take(world: World, time_left: timedelta = timedelta(minutes=5)) -> Any:
    """Deliver what is in the queue, whatever is parked."""
    batch = list(world.queue.waiting.values())
    report = world.sync(batch, time_left)
    world.queue.delete([one.id for one in batch if one.id not in report.requeued])
    return report


def assert_delivered(world: World, count: int) -> None:
    """Everybody is on the list, once, and nothing waits anywhere."""
    assert on_list(world) == {person(number) for number in range(count)}
    assert len(world.leads_now()) == count
    assert outcomes(world) == {"activated": count}
    assert received(world) == count
    assert list(world.parking.all()) == []
    assert world.queue.waiting == {}
    assert world.letters.bodies == []
    assert_balanced(world)


# Disabled for a moment


def test_what_comes_while_a_connection_is_disabled_is_shown_and_all_delivered_once_it_is_enabled() -> None:
    world = disabled()
    for first in range(0, 1500, 300):
        world.post(*said(*range(first, first + 300)))
        take(world)
        world.now += MINUTE
        assert parked(world) == first + 300
        assert world.queue.waiting == {}, "the queue is free for others"
    backlog = world.manage_parking.backlog(world.connection.id)
    assert backlog.hold is not None
    assert (backlog.hold.waits_for, backlog.hold.since, backlog.hold.until) == (WaitsFor.DISABLED, START, None)
    [(cause, waiting)] = backlog.parked.items()
    assert (cause, waiting.events, waiting.oldest_at) == (WaitsFor.DISABLED, 1500, START)
    assert world.calls() == []
    before = world.now
    enable(world)
    take(world)
    assert_delivered(world, 1500)
    assert world.now - before < timedelta(minutes=5)
    after = world.manage_parking.backlog(world.connection.id)
    assert (after.hold, after.parked, after.queued_since) == (None, {}, None)


def test_what_was_on_its_way_when_it_was_enabled_is_delivered_at_the_next_tick() -> None:
    """A worker has read the connection as disabled, and parks after everything was sent back."""
    world = disabled()
    world.post(*said(0))
    before = world.target
    enable(world)
    stale = world.connections.stored
    world.connections.stored = {world.connection.id: before}
    marks = stale[world.connection.id].connection
    take(world)
    world.connections.stored = stale
    world.reconfigure(resumed_at=marks.resumed_at, resumed_up_to=marks.resumed_up_to)
    assert parked(world) == 1
    world.run(world.now + 2 * MONITORED)
    assert_delivered(world, 1)


def test_a_connection_that_is_disabled_again_keeps_what_came_back_and_its_times() -> None:
    world = disabled()
    world.post(*said(0, 1, 2))
    take(world)
    [before] = world.parking.all()
    enable(world)
    world.reconfigure(status=Status.DISABLED, held_since=world.now)
    world.now += 3 * MINUTE
    take(world)
    assert list(world.parking.all()) == [before], "as it was: nothing of it was touched"
    assert world.queue.waiting == {}
    world.reconfigure(status=Status.ENABLED, held_since=None)
    world.run(world.now + 2 * MONITORED)
    assert_delivered(world, 3)


def test_a_bundle_that_is_left_as_it_is_is_sent_back_though_all_were_a_moment_ago() -> None:
    """Its message is gone, so that the mark of the last return is void."""
    world = disabled()
    world.post(*said(0))
    take(world)
    enable(world)
    assert resumed_at(world) == START
    world.reconfigure(status=Status.DISABLED)
    take(world)
    assert resumed_at(world) is None
    world.now += 2 * MINUTE
    world.reconfigure(status=Status.ENABLED)
    world.monitor()
    take(world)
    assert_delivered(world, 1)


# The quota


def test_what_the_quota_leaves_is_parked_until_its_reset_and_delivered_then() -> None:
    world = World()
    disturb(world, creates, QUOTA)
    world.post(*said(*range(10)))
    take(world)
    assert parked(world) + settled(world) == 10
    assert world.queue.waiting == {}
    backlog = world.manage_parking.backlog(world.connection.id)
    assert backlog.hold is not None
    assert backlog.hold.waits_for is WaitsFor.PAUSED
    assert backlog.hold.until is not None
    reset = backlog.hold.until
    assert reset - world.now > HOUR
    calls = len(world.calls())
    world.run(reset - MINUTE)
    assert len(world.calls()) == calls, "nobody calls before"
    assert parked(world) + settled(world) == 10
    calm(world)
    world.run(reset + timedelta(minutes=10))
    assert_delivered(world, 10)


def test_a_limit_that_was_raised_lets_all_come_at_once() -> None:
    world = World(connection(limits=Limits(daily_calls=1)))
    world.post(*said(*range(10)))
    take(world)
    assert parked(world) + settled(world) == 10
    assert parked(world) > 0
    world.now += HOUR
    world.reconfigure(limits=Limits(daily_calls=1000))
    world.manage_parking(world.connection.id, ends_pause=True)
    take(world)
    assert_delivered(world, 10)


def test_a_quota_that_is_still_used_up_parks_what_was_sent_back_and_loses_nothing() -> None:
    world = World()
    disturb(world, creates, QUOTA)
    world.post(*said(*range(10)))
    take(world)
    for _ in range(3):
        world.now += HOUR
        world.manage_parking(world.connection.id, ends_pause=True)
        take(world)
        assert parked(world) + settled(world) == 10
        assert world.queue.waiting == {}
    calm(world)
    world.run(world.now + 2 * DAY)
    assert_delivered(world, 10)


# Blocked


def blocked(count: int = 10, bundles: int = 1) -> World:
    """Marketo refuses the connection; what came then is parked."""
    world = World()
    disturb(world, describes, Fault(code="603"))
    for number in range(bundles):
        first = number * count
        world.post(*said(*range(first, first + count)))
        take(world)
        world.now += MINUTE
    assert by_cause(world) == {WaitsFor.BLOCKED: count * bundles}
    assert world.target.connection.status is Status.BLOCKED
    return world


def test_a_connection_that_marketo_refuses_is_tried_once_a_quarter_of_an_hour() -> None:
    world = blocked(bundles=3)
    calls = len(world.simulator.log())
    world.run(world.now + 4 * HOUR)
    assert 4 * 3 <= len(world.simulator.log()) - calls <= 4 * 4 * 2, "a call and a token each"
    assert parked(world) == 30
    assert world.queue.waiting == {}


def test_a_connection_that_was_mended_in_marketo_is_delivered_by_itself() -> None:
    world = blocked(bundles=3)
    calm(world)
    world.run(world.now + RETRY_BLOCKED + 3 * MONITORED)
    assert_delivered(world, 30)
    assert world.target.connection.status is Status.ENABLED


def test_who_mended_it_need_not_wait() -> None:
    world = blocked(bundles=3)
    calm(world)
    world.manage_parking(world.connection.id)
    take(world)
    assert_delivered(world, 30)


def test_one_that_was_not_mended_after_all_waits_again_and_nothing_is_forgotten() -> None:
    world = blocked(bundles=3)
    world.manage_parking(world.connection.id)
    take(world)
    assert (parked(world), world.queue.waiting) == (30, {})
    calm(world)
    world.run(world.now + RETRY_BLOCKED + 3 * MONITORED)
    assert_delivered(world, 30)


def test_in_one_batch_a_refused_connection_is_tried_once_however_much_comes_back() -> None:
    """More than a wave: what the first attempt told holds for the rest."""
    world = blocked(bundles=4)
    inflate(world)
    world.manage_parking(world.connection.id)
    tried = sum(describes_in(world))
    take(world)
    assert sum(describes_in(world)) - tried == 1
    assert parked(world) == 40


def describes_in(world: World) -> Sequence[bool]:
    return ["describe" in call.endpoint for call in world.simulator.log()]


def inflate(world: World) -> None:
    """Let bundles be so large that a wave takes one."""
    sizes = {replace(one, size=MAX_WAVE_BYTES * 2 // 3): bodies for one, bodies in world.parking.stored.items()}
    world.parking.stored = sizes


def test_a_deleted_list_holds_up_with_its_name_until_it_is_there_again() -> None:
    world = World()
    world.activate("a", when_list_missing=WhenListMissing.BLOCK)
    world.deliver(*said(0))
    [gone] = [world.simulator.state.lists.pop(1001)]
    world.post(*said(1, 2))
    take(world)
    backlog = world.manage_parking.backlog(world.connection.id)
    assert backlog.hold is not None
    assert backlog.hold.waits_for is WaitsFor.BLOCKED
    assert "1001" in backlog.hold.cause or "'a'" in backlog.hold.cause
    assert {cause: one.events for cause, one in backlog.parked.items()} == {WaitsFor.BLOCKED: 2}
    world.simulator.state.lists[1001] = gone
    world.run(world.now + RETRY_BLOCKED + 3 * MONITORED)
    assert_delivered(world, 3)


# Nobody else


def beside(world: World) -> str:
    """A second connection of the same instance."""
    other = replace(world.connection, id="connection-10", status=Status.ENABLED)
    world.connections.stored[other.id] = ActiveConnection(other, world.target.activations)
    return other.id


@pytest.mark.parametrize("held", ["disabled", "blocked"])
def test_the_backlog_of_one_connection_holds_up_no_other_of_its_instance(held: str) -> None:
    world = disabled() if held == "disabled" else World()
    if held == "blocked":
        world.connections.block(world.connection.id, "603: no access", world.now)
    other = beside(world)
    for number in range(20):
        world.post(*said(number))
    bodies = [body for _, body in pack(other, world.now, map(encode_event, said(100)), envelope_id="other")]
    world.queue.send(other, bodies)
    take(world)
    assert world.queue.waiting == {}
    assert parked(world) == 20
    assert {one.connection_id for one in world.parking.all()} == {world.connection.id}
    assert [lead["email"] for lead in world.leads_now().values()] == [person(100)]
    assert world.ledger.total(other).counts["activated"] == 1


def test_what_is_sent_back_is_that_of_the_connection_alone() -> None:
    world = disabled()
    other = beside(world)
    world.parking.put(bundle_of(world, other, 50), bodies_of(world, other, said(50)))
    world.post(*said(0))
    take(world)
    enable(world)
    assert {decode(one.body).connection_id for one in world.queue.waiting.values()} == {world.connection.id}


def bodies_of(world: World, connection_id: str, events: Sequence[Any], envelope_id: str = "e") -> list[str]:
    return [body for _, body in pack(connection_id, world.now, map(encode_event, events), envelope_id=envelope_id)]


def bundle_of(world: World, connection_id: str, number: int, **changes: Any) -> Bundle:
    plain = Bundle(connection_id, WaitsFor.PAUSED, world.now, world.now, 1, 500, f"{number:032x}")
    return replace(plain, **changes)


# People whom Marketo refuses


def test_a_person_whom_marketo_refuses_is_parked_alone_while_the_others_of_its_message_are_settled() -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, person(3), Fault("http", status=503, body="{}"))
    world.post(*said(*range(10)))
    for _ in range(12):
        take(world)
        world.now += MINUTE * 2
        world.run(world.now + 10 * MINUTE)
        if by_cause(world):
            break
    assert by_cause(world) == {WaitsFor.REFUSED: 1}
    assert on_list(world) == {person(number) for number in range(10)} - {person(3)}
    assert (settled(world), world.queue.waiting) == (9, {})
    backlog = world.manage_parking.backlog(world.connection.id)
    assert backlog.hold is None, "the connection delivers"
    calm(world)
    world.run(world.now + DAY)
    assert_delivered(world, 10)


def test_a_message_of_which_some_was_settled_before_counts_no_fewer_than_are_left_until_it_is_read() -> None:
    """A person is refused for a moment, the others are settled; then the connection is disabled.

    Only the ledger knows what of a message was settled, and it is not read for a connection that waits.
    """
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, person(3), Fault("http", status=503, body="{}"))
    world.post(*said(*range(10)))
    for _ in range(5):
        world.run(world.now + 4 * MINUTE)
        if settled(world) == 9 and world.queue.waiting:
            break
    assert (settled(world), len(world.queue.waiting)) == (9, 1)
    world.reconfigure(status=Status.DISABLED, held_since=world.now)
    take(world)
    assert 1 <= parked(world) <= 10
    calm(world)
    enable(world)
    world.run(world.now + DAY)
    assert (parked(world), settled(world)) == (0, 10)


# Too old


def test_what_has_waited_for_29_days_fails_with_a_letter_and_a_redrive_takes_that_back() -> None:
    world = disabled()
    world.post(*said(0, 1))
    take(world)
    world.now = START + MAX_WAIT - HOUR
    world.monitor()
    assert (world.queue.waiting, parked(world), outcomes(world)) == ({}, 2, {})
    world.now = START + MAX_WAIT
    world.monitor()
    take(world)
    assert outcomes(world) == {"failed": 2}
    assert reasons(world) == {"WAITED_TOO_LONG": 2}
    assert (list(world.parking.all()), world.queue.waiting) == ([], {})
    assert world.letters.codes == ["WAITED_TOO_LONG"] * 2
    assert world.calls() == [], "without a call to Marketo"
    assert_balanced(world)
    bodies = world.letters.bodies
    world.letters.take()
    world.reconfigure(status=Status.ENABLED, held_since=None)
    world.queue.send(world.connection.id, bodies)
    take(world)
    assert world.target.connection.status is Status.ENABLED
    assert (outcomes(world), on_list(world)) == ({"activated": 2}, {person(0), person(1)})
    assert reasons(world) == {}
    assert world.letters.bodies == []
    assert_balanced(world)


def test_what_was_redriven_too_early_waits_once_more_and_fails_again_in_the_end() -> None:
    world = disabled()
    world.post(*said(0))
    world.now = START + MAX_WAIT
    take(world)
    [letter] = world.letters.bodies
    world.queue.send(world.connection.id, [letter])
    for days in (1, 28):
        world.now = START + MAX_WAIT + days * DAY
        take(world)
        world.monitor()
    assert (outcomes(world), parked(world)) == ({"failed": 1}, 1)
    world.now = START + 2 * MAX_WAIT
    world.monitor()
    take(world)
    assert (outcomes(world), received(world), parked(world), world.queue.waiting) == ({"failed": 1}, 1, 0, {})
    assert len(world.letters.bodies) == 2
    assert_balanced(world)


def test_what_fails_is_counted_once_though_its_bundle_comes_back_twice() -> None:
    world = disabled()
    world.post(*said(0, 1))
    take(world)
    [(bundle, bodies)] = world.parking.stored.items()
    world.now = START + MAX_WAIT
    for _ in range(2):
        world.parking.put(bundle, bodies)
        world.monitor()
        take(world)
    assert (outcomes(world), received(world)) == ({"failed": 2}, 2)
    assert list(world.parking.all()) == []


def test_what_is_younger_in_the_same_bundle_does_not_fail_with_it() -> None:
    world = disabled()
    world.post(*said(0))
    old = list(world.queue.waiting.values())
    world.now += 2 * HOUR
    world.post(*said(1))
    take(world)
    [bundle] = world.parking.all()
    assert (bundle.events, bundle.oldest_at, len(old)) == (2, START, 1)
    world.now = START + MAX_WAIT
    world.monitor()
    take(world)
    assert outcomes(world) == {"failed": 1}
    assert parked(world) == 1
    [left] = world.parking.all()
    assert left.oldest_at == START + 2 * HOUR
    enable(world)
    take(world)
    assert outcomes(world) == {"failed": 1, "activated": 1}
    assert on_list(world) == {person(1)}


def test_what_waits_too_long_while_another_worker_delivers_waits_for_it() -> None:
    world = disabled()
    world.post(*said(0))
    take(world)
    world.now = START + MAX_WAIT
    lease = world.leases.acquire(MUNCHKIN, world.now, world.now + 6 * MINUTE)
    assert lease is not None
    world.monitor()
    take(world)
    assert (outcomes(world), len(world.queue.waiting), parked(world)) == ({}, 1, 1)
    world.now += 7 * MINUTE
    take(world)
    assert (outcomes(world), world.queue.waiting, parked(world)) == ({"failed": 1}, {}, 0)


# Trouble of AWS


def test_a_message_that_was_received_often_leaves_the_queue_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def throttled(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchGetItem")

    monkeypatch.setattr(world.ledger, "rows", throttled)
    world.post(*said(0))
    [message] = world.queue.waiting.values()
    report = world.sync([replace(message, receives=50)], timedelta(minutes=5))
    assert (report.requeued, parked(world)) == ((message.id,), 0)
    report = world.sync([replace(message, receives=51)], timedelta(minutes=5))
    world.queue.delete([message.id])
    assert (report.requeued, by_cause(world)) == ((), {WaitsFor.RETRY: 1})
    monkeypatch.undo()
    before = world.now
    world.run(before + HOUR - MINUTE)
    assert parked(world) == 1
    world.run(before + HOUR + 3 * MONITORED)
    assert_delivered(world, 1)


def test_what_s3_does_not_take_stays_in_the_queue() -> None:
    world = disabled()
    world.parking.refuses = True
    world.post(*said(0, 1, 2))
    for _ in range(3):
        report = take(world)
        assert (len(world.queue.waiting), len(report.requeued), parked(world)) == (1, 1, 0)
    world.parking.refuses = False
    take(world)
    assert (world.queue.waiting, parked(world)) == ({}, 3)
    enable(world)
    take(world)
    assert_delivered(world, 3)


@pytest.mark.parametrize("kind", ["disabled", "blocked", "too old"])
def test_what_s3_does_not_take_is_not_received_over_and_over(kind: str) -> None:
    """It stays invisible for a while: whatever S3's trouble is, it is not over at once."""
    world = disabled() if kind != "blocked" else World(connection(status=Status.BLOCKED, blocked_cause="603: no"))
    if kind == "blocked":
        world.reconfigure(retry_at=START + DAY)
    world.parking.refuses = True
    world.post(*said(0))
    if kind == "too old":
        world.now += MAX_WAIT
        world.letters.refuses = lambda _: True
    [message] = take(world).requeued
    assert world.queue.invisible_for[message] >= 10


def test_what_s3_does_not_take_is_known_to_wait() -> None:
    """A deletion waits for it (monitoring/retirement.py)."""
    world = disabled()
    world.parking.refuses = True
    world.post(*said(0))
    [message] = take(world).requeued
    waiting = world.target.connection.waiting
    assert waiting is not None
    assert waiting.since == START
    assert waiting.until == world.now + timedelta(seconds=world.queue.invisible_for[message])


def test_what_is_parked_again_stays_where_it_was_as_long_as_s3_takes_nothing() -> None:
    world = disabled()
    world.post(*said(*range(4)))
    world.post(*said(*range(4, 8)))
    take(world)
    enable(world)
    world.reconfigure(limits=Limits(concurrency=1))
    world.parking.refuses = True
    poison(world, creates, person(3), Fault("http", status=503, body="{}"))
    for _ in range(30):
        take(world)
        world.now += 10 * MINUTE
    assert len(world.leads_now()) == 7
    assert sum(len(bodies) for bodies in world.parking.stored.values()) + len(world.queue.waiting) >= 1
    calm(world)
    world.parking.refuses = False
    world.resume()
    world.run(world.now + DAY)
    assert_delivered(world, 8)


def test_a_bundle_that_cannot_be_read_now_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = disabled()
    world.post(*said(0))
    take(world)
    enable(world)

    def refused(_: Bundle) -> list[str]:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    monkeypatch.setattr(world.parking, "get", refused)
    [message] = take(world).requeued
    assert world.queue.invisible_for[message] > 0
    monkeypatch.undo()
    take(world)
    assert_delivered(world, 1)


def test_a_bundle_that_cannot_be_removed_now_is_removed_when_it_is_sent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = disabled()
    world.post(*said(0))
    take(world)
    enable(world)

    def refused(_: Bundle) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "DeleteObject")

    monkeypatch.setattr(world.parking, "remove", refused)
    take(world)
    assert (outcomes(world), world.queue.waiting) == ({"activated": 1}, {})
    monkeypatch.undo()
    world.run(world.now + 2 * HOUR)
    assert_delivered(world, 1)


# The messages that stand for bundles


def test_the_message_of_a_bundle_that_is_gone_is_done() -> None:
    world = World()
    world.queue.send(world.connection.id, [bundle_message(bundle_of(world, world.connection.id, 1))])
    report = take(world)
    assert (report.requeued, world.queue.waiting, world.letters.bodies) == ((), {}, [])


def test_a_bundle_that_comes_twice_in_a_batch_is_delivered_once() -> None:
    world = disabled()
    world.post(*said(0, 1))
    take(world)
    for _ in range(3):
        enable(world)
    assert len(world.queue.waiting) == 3
    take(world)
    assert_delivered(world, 2)


def test_a_bundle_that_comes_again_after_it_was_delivered_changes_nothing() -> None:
    world = disabled()
    world.post(*said(0, 1))
    take(world)
    [(bundle, bodies)] = world.parking.stored.items()
    enable(world)
    take(world)
    world.parking.put(bundle, bodies)
    enable(world)
    take(world)
    assert_delivered(world, 2)


def test_a_message_whose_bundle_was_lost_on_its_way_comes_back_an_hour_later() -> None:
    world = disabled()
    world.post(*said(0))
    take(world)
    world.now += 2 * MINUTE
    enable(world)
    world.queue.waiting.clear()
    world.run(world.now + 50 * MINUTE)
    assert parked(world) == 1
    world.run(world.now + 25 * MINUTE)
    assert_delivered(world, 1)


@pytest.mark.parametrize("end", ["removed", "discarded"])
def test_the_message_of_a_bundle_whose_connection_is_gone_is_done_without_a_letter(end: str) -> None:
    world = disabled()
    world.post(*said(0))
    take(world)
    enable(world)
    if end == "removed":
        del world.connections.stored[world.connection.id]
    else:
        world.reconfigure(status=Status.DELETING, is_discarded=True)
    report = take(world)
    assert (report.requeued, world.queue.waiting, world.letters.bodies) == ((), {}, [])
    assert world.calls() == []


def test_verifications_are_never_parked() -> None:
    world = disabled()
    world.queue.send(world.connection.id, [verification_message(world.connection.id, VERIFICATION, world.now)])
    take(world)
    assert list(world.parking.all()) == []


@pytest.mark.parametrize("hold", ["disabled", "blocked"])
def test_a_verification_of_a_connection_that_is_held_up_is_not_received_over_and_over(hold: str) -> None:
    """A message is received three hundred times at most, and each time costs a batch."""
    world = disabled()
    if hold == "blocked":
        world.reconfigure(status=Status.BLOCKED, blocked_cause="603: no", retry_at=START + DAY)
    world.queue.send(world.connection.id, [verification_message(world.connection.id, VERIFICATION, world.now)])
    for message in take(world).requeued:
        assert world.queue.invisible_for[message] >= 10


# Waves


class MeasuredParking(MemoryParking):
    """Tells how many bytes of bundles were read that are not removed yet."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.most = 0

    def get(self, bundle: Bundle) -> list[str]:
        self.read += bundle.size
        self.most = max(self.most, self.read)
        return super().get(bundle)

    def remove(self, bundle: Bundle) -> None:
        super().remove(bundle)
        self.read -= bundle.size


def waves_world(count: int) -> World:
    """Bundles of one person each, of which a wave takes one."""
    world = World()
    for number in range(count):
        bundle = bundle_of(world, world.connection.id, number, size=MAX_WAVE_BYTES * 2 // 3)
        world.parking.put(bundle, bodies_of(world, world.connection.id, said(number), f"e-{number}"))
    return world


def test_bundles_are_read_as_there_is_memory_for_them() -> None:
    world = waves_world(5)
    measured = MeasuredParking()
    measured.stored = world.parking.stored
    world.parking = measured
    world.sync = world.delivery()
    world.manage_parking = replace(world.manage_parking, parking=measured)
    world.resume()
    take(world)
    assert_delivered(world, 5)
    assert measured.most <= MAX_WAVE_BYTES


def test_bundles_of_the_largest_batches_there_may_be_are_read_one_at_a_time() -> None:
    world = disabled()
    measured = MeasuredParking()
    world.parking = measured
    world.sync = world.delivery()
    world.manage_parking = replace(world.manage_parking, parking=measured)
    for first in (0, 6):
        world.post(*(event(person(number), ("a", REALIZED), notes=FULL) for number in range(first, first + 6)))
        assert sum(record_bytes(one.body) for one in world.queue.waiting.values()) <= MAX_PAYLOAD_BYTES
        take(world)
        world.now += 10 * MINUTE
    assert [one.events for one in world.parking.all()] == [6, 6]
    enable(world)
    take(world)
    assert_delivered(world, 12)
    assert 0.95 * MAX_WAVE_BYTES < measured.most <= MAX_WAVE_BYTES


def test_small_bundles_are_delivered_together_in_few_calls() -> None:
    world = World()
    for number in range(100):
        bundle = bundle_of(world, world.connection.id, number)
        world.parking.put(bundle, bodies_of(world, world.connection.id, said(number), f"e-{number}"))
    world.resume()
    take(world)
    assert_delivered(world, 100)
    assert len(world.calls()) <= 5


def test_waves_that_there_is_no_time_for_stay_in_the_queue_and_are_delivered_next() -> None:
    world = waves_world(3)
    disturb(world, looks_up, Fault("slow", seconds=20))
    world.resume()
    report = take(world, MIN_TIME + timedelta(seconds=30))
    assert 1 <= len(report.requeued) <= 2
    assert settled(world) == 3 - len(report.requeued)
    calm(world)
    take(world)
    assert_delivered(world, 3)


def test_a_paused_instance_is_not_asked_again_for_the_rest_of_what_came_back() -> None:
    world = waves_world(4)
    disturb(world, describes, QUOTA)
    world.resume()
    take(world)
    assert sum(describes_in(world)) == 1
    assert (parked(world), world.queue.waiting) == (4, {})
    calm(world)
    world.run(world.now + 2 * DAY)
    assert_delivered(world, 4)


def test_of_a_bundle_whose_dead_letters_cannot_be_stored_its_own_message_stays_in_the_queue() -> None:
    """Lambda takes a batch for failed as a whole where it is told of a message that is not in it."""
    world = disabled()
    world.post(*said(0))
    take(world)
    [bundle] = world.parking.stored
    world.parking.stored[bundle].append("not JSON")
    enable(world)
    [pointer] = world.queue.waiting.values()
    world.dead_letters.refuses = lambda _: True
    assert world.sync([pointer], timedelta(minutes=5)).requeued == (pointer.id,)
    assert list(world.parking.stored) == [bundle]
    world.dead_letters.refuses = lambda _: False
    assert world.sync([pointer], timedelta(minutes=5)).requeued == ()
    assert (world.parking.stored, settled(world), len(world.dead_letters.letters)) == ({}, 1, 1)


# The rate of the return


@pytest.mark.parametrize(("seconds", "events"), [(20, 1), (19, 19)], ids=["one in 20 s", "one a second"])
def test_a_day_of_a_trickle_comes_back_at_the_rate_of_delivery_and_not_bundle_by_bundle(
    seconds: int, events: int
) -> None:
    """A day's bundles, of what the batching window gathers: one event where one comes every 20 s, some 19 a second.

    Delivery takes 300 people a call, three calls for a new one and 80 calls in 20 s. The way back must not take longer,
    but that the monitor looks every five minutes.
    """
    world = disabled()
    count = DAY // timedelta(seconds=seconds)
    for number in range(count):
        due_at = START + number * timedelta(seconds=seconds)
        name = {"waits_for": WaitsFor.DISABLED, "due_at": due_at, "events": events}
        world.parking.put(bundle_of(world, world.connection.id, number, **name), [])
    world.now += DAY
    enable(world)
    taken_in_five_minutes = 15 * 80 * 300 // 3
    for _ in range(1 + count * events // taken_in_five_minutes):
        world.now += MONITORED
        world.monitor()
    assert len(world.queue.waiting) >= count


def test_what_is_due_is_sent_back_once_by_a_monitor_that_looks_at_full_five_minutes() -> None:
    world = World()
    disturb(world, describes, QUOTA)
    world.post(*said(0))
    take(world)
    world.leases.pauses.clear()
    for _ in range(300):
        world.now = world.now + MONITORED - (world.now - START) % MONITORED
        world.monitor()
        if world.queue.waiting:
            break
    for _ in range(3):
        world.now += MONITORED
        world.monitor()
    assert len(world.queue.waiting) == 1


def test_what_is_parked_again_while_it_is_being_sent_back_is_not_forgotten_for_an_hour() -> None:
    """Delivery is quick: it sees the first messages before the last one is sent, and finds the connection held up."""
    world = disabled()
    for number in range(3):
        world.post(*said(number))
        take(world)
        world.now += MINUTE
    world.reconfigure(status=Status.ENABLED, held_since=None)
    send = world.queue.send

    def sent(connection_id: str, bodies: Sequence[str]) -> list[int]:
        unsent = send(connection_id, bodies)
        world.reconfigure(status=Status.DISABLED)
        take(world)
        return unsent

    world.queue.send = sent  # type: ignore[method-assign]
    world.monitor()
    world.queue.send = send  # type: ignore[method-assign]
    assert (parked(world), world.queue.waiting) == (3, {})
    world.reconfigure(status=Status.ENABLED)
    world.run(world.now + 2 * MONITORED)
    assert_delivered(world, 3)


@pytest.mark.parametrize("at_once", [False, True])
def test_what_the_queue_did_not_take_is_sent_back_the_next_time(*, at_once: bool) -> None:
    world = disabled()
    for number in range(3):
        world.post(*said(number))
        take(world)
        world.now += 2 * MINUTE
    world.reconfigure(status=Status.ENABLED, held_since=None)
    send = world.queue.send

    def partly(connection_id: str, bodies: Sequence[str]) -> list[int]:
        send(connection_id, bodies[:1])
        return list(range(1, len(bodies)))

    world.queue.send = partly  # type: ignore[method-assign]
    if at_once:
        world.manage_parking(world.connection.id)
    else:
        world.monitor()
    world.queue.send = send  # type: ignore[method-assign]
    take(world)
    assert settled(world) == 1
    world.run(world.now + 2 * MONITORED)
    assert_delivered(world, 3)


# All of it


def test_what_waits_for_several_causes_is_told_by_cause() -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, person(3), Fault("http", status=503, body="{}"))
    world.post(*said(*range(5)))
    for _ in range(8):
        world.run(world.now + 10 * MINUTE)
    assert by_cause(world) == {WaitsFor.REFUSED: 1}
    world.reconfigure(status=Status.DISABLED, held_since=world.now)
    world.post(*said(5, 6))
    take(world)
    backlog = world.manage_parking.backlog(world.connection.id)
    assert {cause: one.events for cause, one in backlog.parked.items()} == {WaitsFor.REFUSED: 1, WaitsFor.DISABLED: 2}
    assert settled(world) + parked(world) == 7
    calm(world)
    enable(world)
    world.run(world.now + DAY)
    assert_delivered(world, 7)


def test_what_a_wave_left_in_the_queue_is_known_to_wait_whatever_the_next_wave_settles() -> None:
    world = World(connection(limits=Limits(concurrency=1), waiting=Waiting(START - HOUR, START - MINUTE)))
    poison(world, creates, person(0), Fault("skip", "1003"))
    world.letters.refuses = lambda _: True
    world.post(*said(0, 10))
    for number in (1, 2):
        bundle = bundle_of(world, world.connection.id, number, size=MAX_WAVE_BYTES * 2 // 3)
        world.parking.put(bundle, bodies_of(world, world.connection.id, said(number), f"e-{number}"))
    world.resume()
    take(world)
    assert len(world.queue.waiting) == 1
    assert on_list(world) >= {person(1), person(2)}
    waiting = world.target.connection.waiting
    assert waiting is not None
    assert waiting.since == START
