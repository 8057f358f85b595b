"""A list that was deleted in Marketo: created again where the activation says so, else the connection is blocked."""

from dataclasses import replace

from destination.domain.audience import WhenListMissing
from destination.domain.connection import Status
from destination.domain.event import MembershipStatus
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


def test_it_is_made_anew_and_the_batch_goes_on_and_who_was_on_it_joins_by_the_next_event() -> None:
    world = world_with_a_deleted_list(WhenListMissing.CREATE)
    report = world.deliver(event("mary@example.org", ("a", REALIZED)))
    [message] = report.requeued
    assert world.queue.invisible_for[message] == 0
    world.deliver()
    assert world.members("a") == [3]
    world.deliver(event("ada@example.org", ("a", REALIZED)), event("grace@example.org", company="Navy"))
    assert world.members("a") == [1, 2, 3]
    assert world.queue.waiting == {}
    stored = world.connections.stored[world.connection.id]
    assert stored.connection.status is Status.ENABLED
    assert stored.activations[audience("a")].list_id not in {None, 1001}


def test_those_who_left_are_not_put_on_the_new_one() -> None:
    world = world_with_a_deleted_list(WhenListMissing.CREATE)
    world.simulator.seed({"lists": [{"name": "a", "id": 1001, "workspace": "Default", "members": [1, 2]}]})
    world.sleep(60)
    world.deliver(event("ada@example.org", ("a", MembershipStatus.EXITED), at=world.now))
    world.simulator.state.lists.pop(1001)
    world.deliver(event("mary@example.org", ("a", REALIZED), at=world.now))
    world.deliver()
    assert world.members("a") == [3]
    world.deliver(*(event(f"{one}@example.org", ("a", REALIZED)) for one in ("ada", "grace")))
    assert world.members("a") == [2, 3]


def test_otherwise_the_connection_is_blocked_and_says_so() -> None:
    world = world_with_a_deleted_list(WhenListMissing.BLOCK)
    world.deliver(event("mary@example.org", ("a", REALIZED)))
    connection = world.connections.stored[world.connection.id].connection
    assert len(world.waiting) == 1
    assert (connection.status, (connection.blocked_cause or "")[:4]) == (Status.BLOCKED, "1013")
