"""A list that was deleted in Marketo: created again where the activation says so, else the connection is blocked."""

from dataclasses import replace

from destination.domain.audience import WhenListMissing
from destination.domain.connection import Status
from destination.domain.event import MembershipStatus
from destination.domain.verification import REPAIRED_BY_DEFAULT, AudienceCheck, Verification
from destination.queue import verification_message
from testing.world import World, audience, event

REALIZED = MembershipStatus.REALIZED


def world_with_a_deleted_list(when_list_missing: WhenListMissing) -> World:
    """Ada and Grace were put on list `a`; then somebody deleted it in Marketo."""
    world = World()
    stored = world.connections.stored[world.connection.id]
    wanted = {audience("a"): replace(stored.activations[audience("a")], when_list_missing=when_list_missing)}
    world.connections.stored[world.connection.id] = replace(stored, activations={**stored.activations, **wanted})
    world.deliver(event("ada@example.org", ("a", REALIZED)), event("grace@example.org", ("a", REALIZED)))
    world.simulator.state.lists.pop(1001)
    return world


def fill(world: World) -> None:
    """Do what the monitor has done where a list is to be filled."""
    activation = world.connections.stored[world.connection.id].activations[audience("a")]
    name = f"{world.now:%Y%m%dT%H%M%S%fZ}-0f0f0f0f"
    requested = Verification(name, world.connection.id, REPAIRED_BY_DEFAULT, world.now, 1, is_whole=False)
    world.verifications.create(requested, [AudienceCheck.of(activation, activation.list_id or 0)])
    world.queue.send(world.connection.id, [verification_message(world.connection.id, name, world.now)])
    world.deliver()


def test_it_is_made_anew_with_those_who_were_on_it_and_the_batch_goes_on() -> None:
    world = world_with_a_deleted_list(WhenListMissing.CREATE)
    report = world.deliver(event("mary@example.org", ("a", REALIZED)))
    [message] = report.requeued
    assert world.queue.invisible_for[message] == 0
    world.deliver()
    assert world.queue.waiting == {}
    stored = world.connections.stored[world.connection.id]
    activation = stored.activations[audience("a")]
    assert stored.connection.status is Status.ENABLED
    assert activation.list_id not in {None, 1001}
    assert activation.fill_at is not None
    fill(world)
    assert world.members("a") == [1, 2, 3]


def test_those_who_left_are_not_put_on_the_new_one() -> None:
    world = world_with_a_deleted_list(WhenListMissing.CREATE)
    world.simulator.seed({"lists": [{"name": "a", "id": 1001, "workspace": "Default", "members": [1, 2]}]})
    world.sleep(60)
    world.deliver(event("ada@example.org", ("a", MembershipStatus.EXITED), at=world.now))
    world.simulator.state.lists.pop(1001)
    world.deliver(event("mary@example.org", ("a", REALIZED), at=world.now))
    world.deliver()
    fill(world)
    assert world.members("a") == [2, 3]


def test_otherwise_the_connection_is_blocked_and_says_so() -> None:
    world = world_with_a_deleted_list(WhenListMissing.BLOCK)
    report = world.deliver(event("mary@example.org", ("a", REALIZED)))
    connection = world.connections.stored[world.connection.id].connection
    assert len(report.requeued) == 1
    assert (connection.status, (connection.blocked_cause or "")[:4]) == (Status.BLOCKED, "1013")
