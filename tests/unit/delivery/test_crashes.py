"""Killed between any two effects, and delivered again: Marketo and the accounts are as if nothing had happened."""

import contextlib
from datetime import timedelta
from itertools import count

import pytest

from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, received
from testing.crashes import CrashError, mortal
from testing.results import assert_listed
from testing.stages import ADA, BOB, CARL, EXITED, LEADS, MINUTE, REALIZED, held
from testing.world import START, World, event

STORY = (
    event(ADA, ("a", REALIZED), score=1),
    event(BOB, ("a", EXITED), ("b", REALIZED), at=START + MINUTE),
    event(None, ("a", REALIZED)),
    event(CARL, ("a", EXITED)),
    event(ADA, ("elsewhere", REALIZED)),
    event("dora@example.org", ("elsewhere", REALIZED)),
)
"""Ada is in an activated audience, so that all that is said of her is received; of Dora nothing is."""


def world() -> World:
    """Bob is on list a; Carl will be unknown."""
    made = World(leads=[{"id": 7, "email": BOB}])
    made.deliver(event(BOB, ("a", REALIZED)))
    return made


def deliver_dying(made: World, moments: int) -> bool:
    """Deliver what waits, by a worker with so many moments left; tells whether it died."""
    life = mortal(made)
    life.moments = moments
    try:
        report = made.sync(list(made.queue.waiting.values()), timedelta(minutes=5))
    except CrashError:
        made.now += timedelta(minutes=7)
        return True
    else:
        made.queue.delete([one for one in list(made.queue.waiting) if one not in report.requeued])
        return False
    finally:
        life.moments = None


def lives() -> list[int]:
    """Every number of moments that is too few for the story, and one that is enough."""
    for moments in count():
        made = world()
        made.post(*STORY)
        if not deliver_dying(made, moments):
            return list(range(moments + 1))
    return []


@pytest.mark.parametrize("one_by_one", [False, True], ids=["together", "one by one"])
def test_after_a_crash_at_any_moment_everything_is_delivered_once(*, one_by_one: bool) -> None:
    calm = world()
    calm.deliver(*STORY)
    moments_needed = lives()
    assert len(moments_needed) > 20
    for moments in moments_needed:
        made = world()
        for said in [(one,) for one in STORY] if one_by_one else [STORY]:
            made.post(*said)
        deliver_dying(made, moments)
        made.deliver()
        assert held(made) == held(calm)
        assert received(made) == received(calm) == 6
        assert outcomes(made)["excluded"] == 1
        assert made.ledger.total(made.connection.id).counts["ignored"] == 1
        assert made.queue.waiting == {}
        assert_balanced(made)
        assert_listed(made)


def test_a_failed_event_is_never_lost_by_a_crash() -> None:
    """Its dead letter is written before it is counted; a crash in between writes it twice rather than never."""
    for moments in range(60):
        made = world()
        made.simulator.script(Fault("skip", "1003", path=LEADS, nth=2), Fault("skip", "1003", path=LEADS, nth=4))
        made.post(event(ADA, ("a", REALIZED)))
        died = deliver_dying(made, moments)
        made.deliver()
        total = outcomes(made)
        assert total == {"activated": 2} or (total == {"activated": 1, "failed": 1} and made.letters.bodies)
        assert len(made.letters.bodies) <= 1 + died
        assert_balanced(made)
        assert_listed(made)


def test_a_worker_that_died_holds_the_instance_up_for_its_lease_only() -> None:
    made = world()
    made.post(event(ADA, ("a", REALIZED)))
    before = made.now
    life = mortal(made)
    life.moments = 12
    with pytest.raises(CrashError):
        made.sync(list(made.queue.waiting.values()), timedelta(minutes=5))
    life.moments = None
    while made.queue.waiting:
        made.deliver()
    assert made.now - before <= timedelta(minutes=6, seconds=30)
    assert outcomes(made) == {"activated": 2}


@pytest.mark.parametrize("moments", range(0, 60, 3))
def test_a_creation_that_was_not_recorded_is_found_by_a_newer_exit(moments: int) -> None:
    world = World()
    world.deliver(event(ADA, ("b", EXITED)))  # Nobody is there, and that is remembered.
    world.post(event(ADA, ("a", REALIZED), at=START + MINUTE))
    first = dict(world.queue.waiting)
    life = mortal(world)
    life.moments = moments
    with contextlib.suppress(CrashError):
        world.sync(list(first.values()), timedelta(minutes=5))
    life.moments = None
    world.now += timedelta(minutes=7)
    world.queue.waiting.clear()
    world.deliver(event(ADA, ("a", EXITED), at=START + 2 * MINUTE))
    world.queue.waiting |= first
    world.deliver()
    assert world.members("a") == []
