"""A connection that is being deleted: what it let in is still delivered, and it stays what it is."""

from dataclasses import replace

from destination.domain.connection import Connection, Status
from destination.domain.event import MembershipStatus
from marketo_simulator import Fault
from testing.world import START, World, connection, event

LEAVING = connection(status=Status.DELETING, deleting_since=START)
REALIZED = ("a", MembershipStatus.REALIZED)


def stored(world: World) -> Connection:
    return world.connections.stored[world.connection.id].connection


def test_what_is_queued_is_delivered() -> None:
    world = World(connection=LEAVING)
    world.deliver(event("ada@example.com", REALIZED))
    assert len(world.members("a")) == 1
    assert world.queue.waiting == {}
    assert stored(world) == replace(LEAVING, delivered_at=START)


def test_what_blocks_it_is_shown_until_it_is_fixed() -> None:
    world = World(connection=LEAVING)
    world.simulator.script(Fault(code="603", path="describe2"))
    world.deliver(event("ada@example.com", REALIZED))
    blocked = stored(world)
    assert (blocked.status, (blocked.blocked_cause or "")[:3]) == (Status.DELETING, "603")

    world.deliver()
    assert (stored(world).status, stored(world).blocked_cause) == (Status.DELETING, None)
    assert len(world.members("a")) == 1
