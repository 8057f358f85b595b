"""Killed between any two effects while messages are parked or come back: nothing is lost, nothing counted twice."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from destination.domain.connection import Limits, Status
from destination.domain.parking import MAX_WAIT
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, reasons, received
from testing.crashes import CrashError, Life, Mortal, mortal
from testing.meddler import calm, creates, disturb, poison
from testing.stages import ADA, BOB, CARL, EXITED, LEADS, MINUTE, REALIZED, describes, held
from testing.world import START, World, connection, event

STORY = (
    event(ADA, ("a", REALIZED), score=1),
    event(BOB, ("a", EXITED), ("b", REALIZED), at=START + MINUTE),
    event(None, ("a", REALIZED)),
    event(CARL, ("a", EXITED)),
    event(ADA, ("elsewhere", REALIZED)),
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fragile(world: World) -> Life:
    """A mortal worker, and a monitor that dies as it does; the bucket is one of the things that they use."""
    life = mortal(world)
    used = {
        name: Mortal(getattr(world, name), life)
        for name in ("connections", "leases", "ledger", "losses", "queue", "letters", "dead_letters", "parking")
    }
    world.sync = world.delivery(**used)
    world.manage_parking = replace(
        world.manage_parking,
        connections=used["connections"],
        parking=used["parking"],
        queue=used["queue"],
        instances=used["leases"],
    )
    return life


def posted(status: Status = Status.ENABLED) -> World:
    """Bob is on list a; what the story tells waits in messages of their own and in one together."""
    made = World(connection(limits=Limits(concurrency=1)), leads=[{"id": 7, "email": BOB}])
    made.deliver(event(BOB, ("a", REALIZED)))
    made.now += DAY  # What is known of Marketo's fields is asked anew.
    made.reconfigure(status=status, held_since=START)
    made.post(*STORY)
    for number in range(3):
        made.post(event(f"p{number}@example.org", ("a", REALIZED)))
    return made


def take(world: World) -> None:
    """A batch, and the end of what is done of it, which Lambda sees to; a worker that dies ends nothing."""
    batch = list(world.queue.waiting.values())
    report = world.sync(batch, timedelta(minutes=5))
    world.queue.delete([one.id for one in batch if one.id not in report.requeued])


def park_disabled(world: World) -> None:
    world.reconfigure(status=Status.DISABLED)
    take(world)


def park_blocked(world: World) -> None:
    disturb_mortal(world, Fault(code="603", path="describe2"))
    take(world)


def park_paused(world: World) -> None:
    disturb_mortal(world, Fault(code="607", path="describe2"))
    take(world)


def park_in_part(world: World) -> None:
    """The quota ends in the middle: some are settled, the rest is parked."""
    disturb_mortal(world, Fault(code="607", path=LEADS, nth=2))
    take(world)


def disturb_mortal(world: World, fault: Fault) -> None:
    """Beside the way to Marketo, which is that of a mortal worker."""
    world.simulator.clear_faults()
    world.simulator.script(fault)


def come_back(world: World) -> None:
    """All that is parked is sent back, and delivered as it comes."""
    world.reconfigure(status=Status.ENABLED, blocked_cause=None, retry_at=None, held_since=None)
    world.manage_parking(world.connection.id, ends_pause=True)
    take(world)


PARKS: dict[str, Callable[[World], None]] = {
    "disabled": park_disabled,
    "blocked": park_blocked,
    "paused": park_paused,
    "in part": park_in_part,
}


def lives(made: Callable[[], World], act: Callable[[World], None]) -> Iterator[World]:
    """The world after the act by a worker that dies one moment later each time, until one comes to its end."""
    for moments in count():
        world = made()
        life = fragile(world)
        life.moments = moments
        try:
            act(world)
        except CrashError:
            life.moments = None
            world.now += timedelta(minutes=36)  # What was received is received again long before.
            yield world
        else:
            life.moments = None
            assert moments > 3
            yield world
            return


def at_rest(world: World) -> None:
    """Whatever is left is delivered: by whoever mends, and by the monitor."""
    world.simulator.clear_faults()
    come_back(world)
    world.run(world.now + 2 * DAY)


def calm_course() -> World:
    world = posted()
    at_rest(world)
    return world


def assert_as_if_nothing_had_happened(world: World, calm_world: World) -> None:
    assert held(world) == held(calm_world)
    assert outcomes(world) == outcomes(calm_world)
    assert received(world) == received(calm_world)
    assert world.ledger.total(world.connection.id).counts["ignored"] == 0
    assert list(world.parking.all()) == []
    assert world.queue.waiting == {}
    assert world.letters.bodies == []
    assert_balanced(world)


@pytest.mark.parametrize("park", PARKS.values(), ids=PARKS)
def test_a_crash_while_messages_are_parked(park: Callable[[World], None]) -> None:
    expected = calm_course()
    for world in lives(posted, park):
        at_rest(world)
        assert_as_if_nothing_had_happened(world, expected)


@pytest.mark.parametrize("park", PARKS.values(), ids=PARKS)
def test_a_crash_while_they_are_sent_back_and_delivered(park: Callable[[World], None]) -> None:
    def parked() -> World:
        world = posted()
        park(world)
        world.simulator.clear_faults()
        assert list(world.parking.all())
        assert world.queue.waiting == {}
        return world

    expected = calm_course()
    for world in lives(parked, come_back):
        at_rest(world)
        assert_as_if_nothing_had_happened(world, expected)


@pytest.mark.parametrize("again", [park_disabled, park_blocked, park_in_part])
def test_a_crash_while_what_came_back_is_parked_again(again: Callable[[World], None]) -> None:
    def returned() -> World:
        world = posted()
        park_in_part(world)
        world.simulator.clear_faults()
        world.manage_parking(world.connection.id, ends_pause=True)
        return world

    expected = calm_course()
    for world in lives(returned, again):
        at_rest(world)
        assert_as_if_nothing_had_happened(world, expected)


def test_a_crash_while_what_is_too_old_fails_writes_a_letter_twice_rather_than_never() -> None:
    def old() -> World:
        world = posted()
        park_disabled(world)
        world.now += MAX_WAIT + HOUR
        world.monitor()
        assert world.queue.waiting
        return world

    for number, world in enumerate(lives(old, take)):
        world.monitor()
        take(world)
        world.run(world.now + 3 * HOUR)
        persons = received(world)
        assert outcomes(world).get("failed", 0) >= 7, number
        assert reasons(world)["WAITED_TOO_LONG"] == outcomes(world)["failed"] - reasons(world).get(
            "MISSING_DEDUPE_VALUE", 0
        )
        assert persons == sum(outcomes(world).values())
        assert list(world.parking.all()) == []
        assert world.queue.waiting == {}
        assert set(world.letters.codes) >= {"WAITED_TOO_LONG"}
        assert_balanced(world)


def test_what_is_sent_back_while_it_is_delivered_is_delivered_once() -> None:
    """Two messages of a bundle, each with a worker of its own: the second reads it before the first removes it."""
    world = posted()
    park_disabled(world)
    world.reconfigure(status=Status.ENABLED, held_since=None)
    for _ in range(2):
        world.manage_parking(world.connection.id)
    first, second = ([one] for one in world.queue.waiting.values())
    stored = dict(world.parking.stored)
    world.queue.delete([one.id for one in first + second])
    world.sync(first, timedelta(minutes=5))
    assert list(world.parking.all()) == []
    world.parking.stored = stored
    world.sync(second, timedelta(minutes=5))
    assert_as_if_nothing_had_happened(world, calm_course())


def test_a_person_that_two_workers_park_is_counted_once_in_the_end() -> None:
    """Both leave the same person to another bundle; both come back."""
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, "p1@", Fault("http", status=503, body="{}"))
    world.post(*(event(f"p{number}@example.org", ("a", REALIZED)) for number in range(4)))
    [message] = world.queue.waiting.values()
    for _ in range(2):  # The message is received again, though it was parked.
        world.queue.waiting[message.id] = message
        world.run(world.now + 2 * HOUR)
    calm(world)
    world.run(world.now + 2 * DAY)
    assert outcomes(world) == {"activated": 4}
    assert len(world.leads_now()) == 4
    assert list(world.parking.all()) == []
    assert_balanced(world)


def test_a_worker_that_dies_while_it_tries_a_refused_connection_leaves_it_to_be_tried_again() -> None:
    def refused() -> World:
        world = posted()
        disturb(world, describes, Fault(code="603"))
        take(world)
        calm(world)
        world.now += 20 * MINUTE
        world.monitor()
        assert len(world.queue.waiting) == 1, "one attempt"
        return world

    expected = calm_course()
    for world in lives(refused, take):
        world.simulator.clear_faults()
        world.run(world.now + 3 * HOUR)
        assert_as_if_nothing_had_happened(world, expected)


def test_a_monitor_that_dies_sends_the_rest_the_next_time() -> None:
    def due() -> World:
        world = World()
        disturb(world, describes, Fault(code="607"))
        for number in range(5):
            world.post(event(f"p{number}@example.org", ("a", REALIZED)))
            take(world)
            world.now += MINUTE
        calm(world)
        world.leases.pauses.clear()
        world.now = max(one.due_at for one in world.parking.all())
        return world

    for world in lives(due, World.monitor):
        world.run(world.now + 3 * HOUR)
        assert outcomes(world) == {"activated": 5}
        assert list(world.parking.all()) == []
        assert world.queue.waiting == {}


def test_life_is_told_of_the_bucket_too() -> None:
    """The other tests are about nothing where it is not."""
    world = posted()
    life = fragile(world)
    moments = 10**6
    life.moments = moments
    with contextlib.suppress(CrashError):
        park_disabled(world)
    assert life.moments is not None
    assert moments - life.moments >= 4
