"""What is known of the oldest event that waits: when it was received, and until when it is invisible."""

from datetime import timedelta

import pytest

from destination.domain.connection import Status, Waiting
from destination.domain.event import MembershipStatus
from marketo_simulator import Fault
from testing.world import START, World, connection, event

REALIZED = ("a", MembershipStatus.REALIZED)


def waiting(world: World) -> Waiting | None:
    return world.connections.stored[world.connection.id].connection.waiting


def test_what_is_delivered_does_not_wait() -> None:
    world = World()
    world.deliver(event("ada@example.com", REALIZED))
    assert waiting(world) is None


def test_an_event_that_was_given_back_waits_until_it_is_delivered() -> None:
    world = World()
    world.simulator.script(Fault(code="608", path="describe2"))

    world.deliver(event("ada@example.com", REALIZED))

    held = waiting(world)
    assert held is not None
    assert held.since == START
    assert held.until > START

    world.now = held.until + timedelta(seconds=1)
    world.deliver()
    assert waiting(world) is None
    assert len(world.members("a")) == 1


def test_a_younger_event_does_not_hide_that_an_older_one_waits() -> None:
    world = World()
    world.simulator.script(Fault(code="608", path="describe2"))
    world.deliver(event("ada@example.com", REALIZED))
    held = waiting(world)
    assert held is not None
    old = list(world.queue.waiting.values())

    world.leases.pauses.clear()
    world.post(event("grace@example.com", REALIZED))
    young = [one for one in world.queue.waiting.values() if one not in old]
    world.sync(young, timedelta(minutes=5))

    assert len(world.members("a")) == 1
    assert waiting(world) == held


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_events_of_a_connection_that_does_not_deliver_are_not_late(status: Status) -> None:
    world = World(connection=connection(status=status))
    world.deliver(event("ada@example.com", REALIZED))
    assert waiting(world) is None
    assert len(world.waiting) == 1
