"""The delivery behind its queue as the template deploys it: workers that die, floods, and what comes bit by bit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.delivery.batch import BatchReport
from destination.delivery.requeue import EAGER_RECEIVES
from destination.delivery.turn import LEASE_MARGIN, RETRY_LEASE
from destination.domain.connection import Limits
from destination.domain.event import ProfileEvent
from destination.queue import Message, encode_event, pack
from testing.counts import assert_balanced, outcomes
from testing.crashes import CrashError, mortal
from testing.event_source import record_bytes
from testing.queued_world import Deployed, QueuedWorld
from testing.stages import ADA, REALIZED
from testing.world import START, World, connection, event

SEVEN_MINUTES = 7 * 60.0
DEPLOYED = Deployed.by_template()
WINDOWS = [1, DEPLOYED.window, DEPLOYED.longest_window]
BEFORE = replace(DEPLOYED, window=20, visibility=2100, batch_size=1000)
"""A window as short, and a visibility timeout as long, as Lambda's rule of thumb has them."""


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("moments", [2, 8, 20, 30])
def test_what_a_worker_had_that_was_killed_comes_back_within_seven_minutes(window: float, moments: int) -> None:
    queued = QueuedWorld(replace(DEPLOYED, window=window))
    life = mortal(queued.world)
    life.moments = moments
    queued.post(event(ADA, ("a", REALIZED)))
    queued.run(window + 60)
    assert queued.delivered_at == {}
    life.moments = None
    queued.run(SEVEN_MINUTES)
    assert list(queued.queue.receives.values()) == [2]

    queued.run(2 * SEVEN_MINUTES)
    assert len(queued.world.members("a")) == 1
    assert outcomes(queued.world) == {"activated": 1}
    assert_balanced(queued.world)
    (done,) = queued.delivered_at.values()
    lease_ends = window + DEPLOYED.timeout + LEASE_MARGIN.total_seconds()
    again = max(SEVEN_MINUTES + window, lease_ends)
    assert done <= again + RETRY_LEASE.total_seconds() + window


@pytest.mark.parametrize("window", WINDOWS)
def test_what_a_worker_had_that_hung_until_its_time_out_comes_back_within_seven_minutes(window: float) -> None:
    queued = QueuedWorld(replace(DEPLOYED, window=window))
    sync = queued.world.sync

    def hang(_: Sequence[Message], time_left: timedelta) -> BatchReport:
        queued.world.sleep(time_left.total_seconds())
        queued.world.sync = sync
        raise CrashError("Task timed out")

    queued.world.sync = hang  # type: ignore[assignment]
    queued.post(event(ADA, ("a", REALIZED)))
    queued.run(SEVEN_MINUTES - 1)
    assert [len(batch) for _, batch in queued.begun] == [1]  # nobody had it while the worker may still have lived
    queued.run(SEVEN_MINUTES)
    assert list(queued.queue.receives.values()) == [2]
    queued.run(2 * SEVEN_MINUTES)
    assert len(queued.world.members("a")) == 1


@pytest.mark.parametrize("seconds", [1, 300])
def test_a_message_that_makes_every_worker_fail_is_a_dead_letter_within_a_week(seconds: float) -> None:
    queued = QueuedWorld(DEPLOYED)

    def fail(_: Sequence[Message], __: timedelta) -> BatchReport:
        queued.world.sleep(seconds)
        raise CrashError("the worker is dead")

    queued.world.sync = fail  # type: ignore[assignment]
    queued.post(event(ADA, ("a", REALIZED)))
    queued.run(2 * 24 * 3600)
    assert queued.letters.visible == 0
    queued.run(7 * 24 * 3600)
    assert (queued.letters.visible, queued.queue.visible, queued.queue.in_flight) == (1, 0, 0)
    assert len(queued.begun) == DEPLOYED.max_receives


def flood(deployed: Deployed, *, begins_at_cap: bool) -> QueuedWorld:
    """Ten batches' worth of messages at once, at a pace that makes a batch a matter of 20 s, as full ones are."""
    world = World(connection(limits=Limits(calls_per_20s=3, concurrency=1)), settings={"latency": 0.1})
    queued = QueuedWorld(deployed, world, {"begins_at_cap": begins_at_cap, "max_payload": 10 * record_bytes(BODY)})
    for number in range(100):
        queued.post_at(0, *crowd(number))
    queued.run(1500)
    return queued


def crowd(number: int) -> list[ProfileEvent]:
    return [event(f"{number:03}.{each:03}@example.org", ("a", REALIZED)) for each in range(30)]


((_, BODY),) = pack("connection-1", START, map(encode_event, crowd(0)), envelope_id="envelope-10")


@pytest.mark.parametrize("begins_at_cap", [False, True])
def test_a_flood_is_delivered_as_fast_as_with_a_short_window_but_for_its_end(begins_at_cap: bool) -> None:
    """Full batches wait for no window; the last ones, which are not full, wait for theirs."""
    now, before = (flood(one, begins_at_cap=begins_at_cap) for one in (DEPLOYED, BEFORE))
    times, times_before = (sorted(one.delivered_at.values()) for one in (now, before))
    assert len(times) == len(times_before) == 100
    assert all(one <= other for one, other in zip(times[:80], times_before[:80], strict=True))
    assert times[-1] - times_before[-1] <= DEPLOYED.window - BEFORE.window
    assert len(now.world.calls()) == len(before.world.calls())
    # Whoever waits for the lease in vain comes back, far from being taken for one that always fails.
    assert max(one.receives for _, batch in now.begun for one in batch) < EAGER_RECEIVES / 5
    assert outcomes(now.world) == {"activated": 3000}


def test_whoever_comes_bit_by_bit_shares_a_turn_with_all_that_a_poller_gathers() -> None:
    queued = QueuedWorld(DEPLOYED)
    for second in range(1000):
        queued.post_at(second, event(f"{second}@example.org", ("a", REALIZED)))
    queued.run(1000 + 2 * DEPLOYED.window)
    assert len(queued.world.members("a")) == 1000
    turns = len(queued.begun)
    assert turns <= 5 * (1000 / DEPLOYED.window + 1)
    calls = [one for one in queued.world.calls() if "usage" not in one and "describe" not in one]
    assert len(calls) == 3 * turns
    assert outcomes(queued.world) == {"activated": 1000}


def test_workers_of_different_pollers_at_one_instance_wait_for_each_other_and_deliver_all() -> None:
    """Turns that are longer than a worker waits: the others come again, and nothing is told twice."""
    world = World(connection(limits=Limits(calls_per_20s=1, concurrency=1)), settings={"latency": 0.1})
    queued = QueuedWorld(DEPLOYED, world, {"max_payload": 10 * record_bytes(BODY)})
    for number in range(50):
        queued.post_at(0, *crowd(number))
    queued.run(3600)
    assert len(queued.delivered_at) == 50
    assert max(one.receives for _, batch in queued.begun for one in batch) > 1
    assert len(queued.world.members("a")) == 1500
    assert outcomes(queued.world) == {"activated": 1500}
    assert_balanced(queued.world)
