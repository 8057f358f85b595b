"""Courses of things after which a list was not its audience, each found by a search through random ones."""

from datetime import timedelta

from destination.domain.event import MembershipStatus
from testing.world import START, World, audience, event

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
