"""A worker that is frozen in the middle of its turn, as Lambda may do, until its lease is over, and then goes on."""

from datetime import timedelta

import pytest
from requests import PreparedRequest

from destination.composition import sync
from destination.domain.connection import Limits
from destination.domain.event import MembershipStatus
from destination.domain.pace import PaceState
from destination.marketo.pace import Pace
from testing.meddler import calm, meddle
from testing.world import World, audience, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PEOPLE = [f"p{number}@example.com" for number in range(700)]


def adds(request: PreparedRequest) -> bool:
    return request.method == "POST" and "/lists/" in str(request.url)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_it_makes_no_further_call(concurrency: int) -> None:
    world = World(connection=connection(limits=Limits(concurrency=concurrency)))
    before: list[int] = []

    def freeze() -> None:
        before.append(len(world.calls()))
        world.now += timedelta(minutes=10)

    def wall() -> float:
        return world.now.timestamp()

    def standing_still(limits: Limits, state: PaceState, time_left: timedelta) -> Pace:
        return sync.pace(limits, state, time_left, lambda: 1_000.0, wall)

    meddle(world, adds, freeze)
    world.post(*(event(one, ("a", REALIZED)) for one in PEOPLE))
    frozen = dict(world.queue.waiting)
    world.delivery(pace=standing_still)(list(frozen.values()), timedelta(minutes=5))
    [sent] = before
    assert len(world.calls()) - sent <= concurrency  # those that were on their way
    if concurrency == 1:
        assert len(world.members("a")) == 300
    calm(world)
    world.deliver()
    assert len(world.members("a")) == len(PEOPLE)
    world.now += timedelta(minutes=1)
    world.deliver(*(event(one, ("a", EXITED), at=world.now) for one in PEOPLE))
    assert world.members("a") == []
    assert world.ledger.total(world.connection.id).audiences.keys() == {audience("a")}
