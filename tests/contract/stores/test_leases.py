"""Who holds the lease of an instance, for how long, and what it hands over: in memory as in the table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from destination.control.parking import Instances
from destination.delivery.turn import Leases as DeliveryLeases
from destination.domain.pace import DayCount, Lowered, PaceState
from destination.domain.pause import Pause
from destination.domain.refusal import Circuit
from destination.domain.shard import SHARDS
from destination.store.leases import Lease, LeaseLostError, Leases
from testing.memory import MemoryLeases

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
AFTER = UNTIL + timedelta(microseconds=1)
LATER = AFTER + timedelta(minutes=6)
MUNCHKIN = "123-ABC-456"
PACE = PaceState(
    calls=(1795255200.25, 1795255201.5),
    share=Lowered(40, 1795255200.5),
    concurrency=Lowered(2, 1795255201.0),
    today=DayCount("2026-11-21", 1200, 300, 1795255100.0),
)
PAUSE = Pause(UNTIL, "608", "the API is temporarily unavailable", 2)


class AnyLeases(DeliveryLeases, Instances, Protocol):
    """All that delivery and operators ask of leases."""


@pytest.fixture(params=["memory", "table"])
def leases(request: pytest.FixtureRequest) -> AnyLeases:
    if request.param == "memory":
        return MemoryLeases()
    return Leases(request.getfixturevalue("stack").dynamodb, "ConnectionsTable")


def acquired(leases: DeliveryLeases, now: datetime = NOW, until: datetime = UNTIL) -> Lease:
    lease = leases.acquire(MUNCHKIN, now, until)
    assert lease is not None
    return lease


def test_while_it_is_held_nobody_else_has_it(leases: DeliveryLeases) -> None:
    assert acquired(leases) == Lease(MUNCHKIN, 1, UNTIL)
    assert leases.acquire(MUNCHKIN, NOW, UNTIL) is None
    assert leases.acquire(MUNCHKIN, UNTIL, LATER) is None
    assert leases.acquire("999-ZZZ-999", NOW, UNTIL) == Lease("999-ZZZ-999", 1, UNTIL)


@pytest.mark.parametrize("pace", [PaceState(), PACE])
def test_released_it_is_free_at_once_and_takes_the_pace_along(leases: DeliveryLeases, pace: PaceState) -> None:
    leases.release(acquired(leases), pace, None)
    assert acquired(leases) == Lease(MUNCHKIN, 2, UNTIL, pace)


def test_the_pause_goes_along_with_the_lease(leases: DeliveryLeases) -> None:
    leases.release(acquired(leases), PaceState(), PAUSE)
    held = acquired(leases)
    assert held.pause == PAUSE
    leases.release(held, PaceState(), None)
    assert acquired(leases).pause is None


def test_the_last_pause_is_told_as_it_was_when_the_lease_was_given_up(leases: AnyLeases) -> None:
    assert leases.pause(MUNCHKIN) is None
    held = acquired(leases)
    assert leases.pause(MUNCHKIN) is None
    leases.release(held, PACE, PAUSE)
    assert leases.pause(MUNCHKIN) == PAUSE
    since = replace(PAUSE, since=NOW)
    held = acquired(leases)
    assert leases.pause(MUNCHKIN) == PAUSE
    leases.release(held, PACE, since)
    assert leases.pause(MUNCHKIN) == since
    assert leases.pause("999-ZZZ-999") is None


def test_a_pause_that_somebody_ends_is_over_for_whoever_comes_next_and_nothing_else_is(leases: AnyLeases) -> None:
    leases.release(acquired(leases), PACE, PAUSE)
    leases.end_pause(MUNCHKIN)
    assert leases.pause(MUNCHKIN) is None
    held = acquired(leases)
    assert (held.pause, held.pace) == (None, PACE)
    leases.end_pause(MUNCHKIN)
    assert leases.acquire(MUNCHKIN, NOW, UNTIL) is None, "it is held on"
    leases.release(held, PACE, PAUSE)
    assert leases.pause(MUNCHKIN) == PAUSE, "who holds it decides"


def test_ending_the_pause_of_an_instance_that_nobody_knows_makes_nothing(leases: AnyLeases) -> None:
    leases.end_pause(MUNCHKIN)
    assert leases.pause(MUNCHKIN) is None
    assert acquired(leases).fence == 1


def test_the_circuits_go_along_with_the_lease_until_others_are_given(leases: DeliveryLeases) -> None:
    circuits = {"create": Circuit(NOW, PAUSE, None), "add to list 7": Circuit(NOW, None, AFTER)}
    leases.release(acquired(leases), PaceState(), None, circuits)
    held = acquired(leases)
    assert held.circuits == circuits
    leases.release(held, PaceState(), None)
    held = acquired(leases)
    assert held.circuits == circuits
    leases.release(held, PaceState(), None, {})
    assert acquired(leases).circuits == {}


def test_a_lease_of_somebody_who_died_runs_out_and_hands_over_what_was_known_before(leases: DeliveryLeases) -> None:
    leases.release(acquired(leases), PACE, PAUSE)
    acquired(leases)
    assert acquired(leases, AFTER, LATER) == Lease(MUNCHKIN, 3, LATER, PACE, PAUSE)


def test_a_lease_that_was_lost_is_released_without_harm(leases: DeliveryLeases) -> None:
    lost = acquired(leases)
    held = acquired(leases, AFTER, LATER)
    leases.release(lost, PACE, PAUSE)
    assert leases.acquire(MUNCHKIN, AFTER, LATER) is None
    leases.release(held, PaceState(), None)
    assert acquired(leases, AFTER, LATER) == Lease(MUNCHKIN, 3, LATER)


def test_a_lease_that_ran_out_and_that_nobody_took_since_is_still_released(leases: DeliveryLeases) -> None:
    leases.release(acquired(leases), PaceState(), None)
    late = acquired(leases)
    leases.release(late, PACE, PAUSE)
    assert acquired(leases, AFTER, LATER) == Lease(MUNCHKIN, 3, LATER, PACE, PAUSE)


def test_a_shard_is_entered_again_and_by_the_next_holder(leases: DeliveryLeases) -> None:
    held = acquired(leases)
    leases.enter(held, range(SHARDS))
    leases.enter(held, {0, 3})
    leases.release(held, PaceState(), None)
    leases.enter(acquired(leases), {3, 4})


def test_a_shard_is_closed_to_a_holder_before(leases: DeliveryLeases) -> None:
    lost = acquired(leases)
    leases.enter(lost, {3, 4})
    leases.enter(acquired(leases, AFTER, LATER), {3})
    leases.enter(lost, {4, 5})
    with pytest.raises(LeaseLostError, match=MUNCHKIN):
        leases.enter(lost, {3, 4})


def test_shards_are_those_of_one_instance(leases: DeliveryLeases) -> None:
    lost = acquired(leases)
    other = leases.acquire("999-ZZZ-999", NOW, UNTIL)
    assert other is not None
    leases.enter(acquired(leases, AFTER, LATER), {3})
    leases.enter(other, {3})
    with pytest.raises(LeaseLostError):
        leases.enter(lost, {3})


def test_no_shard_is_nothing_to_enter(leases: DeliveryLeases) -> None:
    leases.enter(acquired(leases), ())
