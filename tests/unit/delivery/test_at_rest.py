"""Courses of things after which a list was not its audience, each found by a search through random ones."""

from datetime import timedelta
from itertools import permutations

import pytest

from destination.domain.connection import Consent
from destination.domain.event import MembershipStatus
from marketo_simulator import Fault
from testing.world import START, World, audience, connection, event

ADA = "ada@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)


def test_an_exit_from_a_dormant_audience_counts_beside_another_event_of_somebody_who_is_gone() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    world.simulator.state.delete_lead(world.simulator.state.leads[7])
    before = world.connections.stored[world.connection.id]
    world.connections.deactivate(world.connection.id, audience("a"))
    world.now += MINUTE
    world.deliver(event(ADA, ("a", EXITED), at=START + MINUTE), event(ADA, ("b", EXITED), at=START + MINUTE))
    world.connections.stored[world.connection.id] = before
    world.deliver(event(ADA, ("b", REALIZED), at=START + 2 * MINUTE))
    assert (len(world.members("a")), len(world.members("b"))) == (0, 1)


@pytest.mark.parametrize("is_lettered", [True, False], ids=["a dead letter is not taken", "Marketo waits"])
def test_an_entry_to_a_dormant_audience_counts_beside_an_event_that_is_not_done(*, is_lettered: bool) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    before = world.connections.stored[world.connection.id]
    world.connections.deactivate(world.connection.id, audience("b"))
    world.now += MINUTE
    path = "^/rest/v1/lists/"
    world.simulator.script(Fault("skip", "1003", path=path) if is_lettered else Fault(code="713", path=path))
    world.letters.refuses = lambda _: is_lettered
    world.deliver(event(ADA, ("a", EXITED), at=world.now), event(ADA, ("b", REALIZED), at=world.now))
    assert len(world.queue.waiting) == 1
    world.letters.refuses = lambda _: False
    world.now += 15 * MINUTE
    world.deliver()
    assert world.queue.waiting == {}
    world.connections.stored[world.connection.id] = before
    world.deliver(event(ADA, at=world.now, company="Engines"))
    assert (world.members("a"), world.members("b")) == ([], [7])


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
@pytest.mark.parametrize("entry", [0, 1], ids=["entry before the withdrawal", "entry with the withdrawal"])
def test_an_entry_stands_by_consent_given_later_in_any_order_of_arrival(order: tuple[int, ...], entry: int) -> None:
    world = World(connection(consent=Consent("consent", ("y",))), leads=[{"id": 7, "email": ADA}])
    said = [
        event(ADA, *[("a", REALIZED)] * (number == entry), at=START + number * MINUTE, consent=consent)
        for number, consent in enumerate("yny")
    ]
    for number in order:
        world.now += MINUTE
        world.deliver(said[number])
    assert world.members("a") == [7]
