"""No more leads are created or updated in an hour than the connections allow; the others wait, and nobody is lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination.delivery.turn import strictest
from destination.domain.connection import Limits, SyncType
from destination.domain.event import ProfileEvent
from destination.domain.parking import WaitsFor
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes
from testing.stages import EXITED, REALIZED
from testing.world import World, connection, event

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def bounded(per_hour: int | None, **others: Any) -> World:
    return World(connection(limits=Limits(lead_updates_per_hour=per_hour), **others))


def people(*numbers: int, score: int = 0, at: datetime | None = None) -> list[ProfileEvent]:
    more = {} if at is None else {"at": at}
    return [event(f"p{one}@example.org", ("a", REALIZED), score=score, **more) for one in numbers]


def take(world: World) -> None:
    """Deliver what is in the queue, whatever is parked."""
    batch = list(world.queue.waiting.values())
    report = world.sync(batch, timedelta(minutes=5))
    world.queue.delete([one.id for one in batch if one.id not in report.requeued])


def written(world: World) -> list[tuple[datetime, int]]:
    """When leads were created or updated, and how many."""
    made = (one for one in world.simulator.log() if one.endpoint == "POST /rest/v1/leads.json" and one.executed)
    return [(one.time, one.records) for one in made]


def most_in_an_hour(times: Sequence[tuple[datetime, int]]) -> int:
    return max((sum(count for at, count in times if start <= at < start + HOUR) for start, _ in times), default=0)


def test_what_does_not_fit_is_parked_with_its_cause_and_comes_back_when_it_may() -> None:
    world = bounded(4)
    world.post(*people(*range(10)))
    take(world)
    assert outcomes(world).get("activated", 0) == 4
    [bundle] = world.parking.all()
    assert (bundle.waits_for, bundle.due_at > world.now + 55 * MINUTE) == (WaitsFor.RATE, True)
    before = len(world.calls())
    world.run(world.now + 50 * MINUTE)
    assert len(world.calls()) == before
    world.run(world.now + 4 * HOUR)
    assert outcomes(world) == {"activated": 10}
    assert most_in_an_hour(written(world)) == 4
    assert not world.letters.codes
    assert len(world.members("a")) == 10
    assert_balanced(world)


def test_nothing_is_held_where_there_is_no_bound() -> None:
    world = bounded(None)
    world.deliver(*people(*range(10)))
    assert outcomes(world) == {"activated": 10}
    assert world.leases.paces[world.connection.munchkin_id].updates == ()


def test_lists_change_meanwhile_where_nothing_is_written() -> None:
    world = bounded(2, sync_type=SyncType.AUDIENCE_ONLY)
    world.simulator.seed({"leads": [{"email": f"p{one}@example.org"} for one in range(5)]})
    world.deliver(*people(*range(5)))
    assert outcomes(world) == {"activated": 5}
    world.deliver(*(event(f"p{one}@example.org", ("a", EXITED), at=world.now + MINUTE) for one in range(5)))
    assert world.members("a") == []


def test_who_waits_is_told_the_newest_when_it_is_their_turn() -> None:
    world = bounded(1)
    world.post(*people(1, 2))
    take(world)
    world.now += MINUTE
    world.post(*people(1, 2, score=7, at=world.now))
    world.run(world.now + 6 * HOUR)
    assert {one.get("leadScore") for one in world.leads_now().values()} == {7}
    assert most_in_an_hour(written(world)) == 1
    assert_balanced(world)


def test_updates_that_may_have_been_carried_out_count() -> None:
    world = bounded(4)
    world.simulator.script(Fault("drop", executes=True, path="^/rest/v1/leads.json", method="POST", nth=2))
    world.post(*people(*range(4)))
    world.run(world.now + 5 * HOUR)
    assert outcomes(world) == {"activated": 4}
    assert most_in_an_hour(written(world)) <= 4
    assert_balanced(world)


@pytest.mark.remedy("await-rate")
def test_a_bound_that_was_raised_lets_all_come_at_once() -> None:
    world = bounded(2)
    world.post(*people(*range(10)))
    take(world)
    assert outcomes(world) == {"activated": 2}
    world.reconfigure(limits=Limits(lead_updates_per_hour=100))
    world.manage_parking(world.connection.id, ends_pause=True)
    take(world)
    assert outcomes(world) == {"activated": 10}


def test_the_strictest_of_an_instances_connections_counts() -> None:
    given = [Limits(), Limits(lead_updates_per_hour=7), Limits(lead_updates_per_hour=3)]
    assert strictest(given).lead_updates_per_hour == 3
    assert strictest([Limits(), Limits()]).lead_updates_per_hour is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    most=st.integers(1, 12),
    arrivals=st.lists(st.tuples(st.integers(0, 90), st.lists(st.integers(0, 15), max_size=15)), min_size=1, max_size=5),
)
def test_whatever_comes_when_no_hour_has_more_and_all_arrive(most: int, arrivals: list[tuple[int, list[int]]]) -> None:
    world = bounded(most)
    for number, (minutes, numbers) in enumerate(arrivals):
        world.run(world.now + minutes * MINUTE)
        world.now += MINUTE
        world.post(*people(*numbers, score=number + 1, at=world.now))
        take(world)
    world.run(world.now + 100 * HOUR)
    assert most_in_an_hour(written(world)) <= most
    wanted = {f"p{one}@example.org": number + 1 for number, (_, numbers) in enumerate(arrivals) for one in numbers}
    assert {one["email"]: one.get("leadScore") for one in world.leads_now().values()} == wanted
    assert not world.queue.waiting
    assert not list(world.parking.all())
    assert not world.letters.codes
