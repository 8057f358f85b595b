"""An event that carries its audience's new name renames the list, where the connection propagates renames."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.domain.audience import Activation
from destination.domain.connection import Status, SyncType
from destination.domain.event import MembershipStatus, ProfileEvent
from marketo_simulator import Fault
from testing.world import START, World, audience, connection, event

ADA = "ada@example.org"
MINUTE = timedelta(minutes=1)


def named(name: str, *, of: str = "a", at: datetime = START) -> ProfileEvent:
    said = event(ADA, (of, MembershipStatus.REALIZED), at=at)
    return replace(said, memberships=tuple(one._replace(name=name) for one in said.memberships))


def worlds(*, propagates: bool = True, **changes: object) -> World:
    return World(connection(propagate_renames=propagates, **changes), leads=[{"id": 7, "email": ADA}])


def activation(world: World) -> Activation:
    return world.connections.stored[world.connection.id].activations[audience("a")]


def names(world: World) -> tuple[str, str | None, str]:
    """What the audience is called, what its list is said to be called, and what it is called in Marketo."""
    one = activation(world)
    return one.name, one.list_name, world.simulator.state.lists[one.list_id or 0].name


def test_the_new_name_is_that_of_the_audience_and_of_its_list() -> None:
    world = worlds()
    before = activation(world)
    world.deliver(named("Spring, second wave"))
    assert names(world) == ("Spring, second wave", "Spring; second wave", "Spring; second wave")
    assert activation(world).list_id == before.list_id
    assert world.members("Spring; second wave") == [7]


def test_a_name_that_is_said_again_costs_no_call() -> None:
    world = worlds()
    world.deliver(named("Anew"))
    before = world.calls()
    world.now += MINUTE
    world.deliver(named("Anew", at=world.now))
    assert [one for one in world.calls()[len(before) :] if "asset" in one] == []


def test_a_connection_that_does_not_propagate_renames_leaves_all_names() -> None:
    world = worlds(propagates=False)
    before = names(world)
    world.deliver(named("Anew"))
    assert names(world) == before


def test_the_name_that_was_received_last_counts_whatever_is_delivered_last() -> None:
    world = worlds()
    world.post(named("First"))
    world.now += MINUTE
    world.post(named("Second", at=world.now))
    first, second = world.queue.waiting.values()
    for message in (second, first):
        world.sync([message], 5 * MINUTE)
    assert names(world) == ("Second", "Second", "Second")


def test_of_the_names_in_one_batch_the_last_one_counts() -> None:
    world = worlds()
    world.deliver(named("First"), named("Second"))
    assert names(world)[0] == "Second"


def test_a_list_that_cannot_be_renamed_keeps_its_name_and_events_are_delivered() -> None:
    world = worlds()
    world.simulator.seed({"lists": [{"name": "Taken", "workspace": "Default"}]})
    world.deliver(named("Taken"))
    assert names(world) == ("Taken", "a", "a")
    assert world.members("a") == [7]


@pytest.mark.parametrize("code", ["603", "611", "709", "1003"])
def test_no_delivery_is_held_up_for_a_name(code: str) -> None:
    world = worlds()
    world.simulator.script(Fault(code=code, path="^/rest/asset/v1/staticList/", every=1))
    world.deliver(named("Anew"))
    assert (world.members("a"), world.queue.waiting) == ([7], {})
    assert world.connections.stored[world.connection.id].connection.status is Status.ENABLED


@pytest.mark.parametrize("fault", [Fault("drop", executes=True), Fault(code="611"), Fault("http", status=503)])
def test_a_renaming_that_has_to_wait_is_done_with_the_next_event_that_says_the_name(fault: Fault) -> None:
    world = worlds()
    world.simulator.script(replace(fault, path="^/rest/asset/v1/staticList/"))
    world.deliver(named("Anew"))
    assert world.queue.waiting == {}
    world.now += MINUTE
    world.deliver(named("Anew", at=world.now))
    assert names(world) == ("Anew", "Anew", "Anew")
    assert world.members("Anew") == [7]


def test_an_audience_without_a_list_is_renamed_too() -> None:
    world = worlds(sync_type=SyncType.PROFILE_ONLY)
    stored = world.connections.stored[world.connection.id]
    bare = replace(activation(world), list_id=None, list_name=None)
    world.connections.stored[world.connection.id] = replace(stored, activations={audience("a"): bare})
    world.deliver(named("Anew"))
    assert activation(world).name == "Anew"


def test_the_name_of_an_audience_that_is_not_activated_is_nobodys() -> None:
    world = worlds()
    world.deliver(named("Anew", of="unknown"))
    assert {one.name for one in world.simulator.state.lists.values()}.isdisjoint({"Anew"})
