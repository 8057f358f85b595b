"""The first delivery of a connection: noted once, before anybody is told, and by the configuration that stands."""

from dataclasses import replace
from datetime import datetime, timedelta

from destination.domain.connection import ActiveConnection, Connection
from destination.domain.event import MembershipStatus
from destination.domain.verification import AudienceCheck, Verification
from destination.queue import verification_message
from testing.memory import MemoryConnections
from testing.world import START, World, audience, event

REALIZED = ("a", MembershipStatus.REALIZED)
ADA, BOB = "ada@example.org", "bob@example.org"


def delivered_at(world: World) -> datetime | None:
    return world.connections.stored[world.connection.id].connection.delivered_at


def test_the_first_event_is_noted_and_no_later_one() -> None:
    world = World()
    assert delivered_at(world) is None
    world.deliver(event(ADA, REALIZED))
    first = delivered_at(world)
    world.now += timedelta(hours=1)
    world.deliver(event(BOB, REALIZED, at=world.now))
    assert first == delivered_at(world) == START
    assert len(world.members("a")) == 2


def test_a_verification_delivers_nothing() -> None:
    world, name = World(), "20261121T100000000000Z-00000000"
    requested = Verification(name, world.connection.id, frozenset(), world.now, 1, is_whole=True)
    world.verifications.create(requested, [AudienceCheck(audience("a"), "a", 1001, "a")])
    world.queue.send(world.connection.id, [verification_message(world.connection.id, name, world.now)])
    world.deliver()
    assert delivered_at(world) is None


class ChangedMeanwhile(MemoryConnections):
    """An operator changes the connection just after it was read for the first time."""

    is_changed = False

    def active(self, connection_id: str) -> ActiveConnection:
        read = super().active(connection_id)
        if not self.is_changed:
            self.is_changed = True
            self.stored[connection_id] = replace(read, connection=changed(read.connection))
        return read


def changed(before: Connection) -> Connection:
    rows = [replace(row, source="work") if row.target == "DedupeField" else row for row in before.mapping]
    return replace(before, version=before.version + 1, mapping=tuple(rows))


def test_nothing_is_delivered_by_what_was_changed_before_the_first_delivery() -> None:
    world = World()
    connections = ChangedMeanwhile(world.connections.stored)
    world.sync = world.delivery(connections=connections)
    report = world.deliver(event(ADA, REALIZED, work=BOB))
    assert (len(report.requeued), world.leads_now(), delivered_at(world)) == (1, {}, None)
    assert list(world.queue.invisible_for.values()) == [0]
    world.deliver()
    assert [one["email"] for one in world.leads_now().values()] == [BOB]
    assert delivered_at(world) == START
    assert world.queue.waiting == {}
