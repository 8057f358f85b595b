"""One writer per Marketo instance: who holds the lease, for how long, and what it hands over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.circuit import Pause
from destination.domain.pace import DayCount, Lowered, PaceState
from destination.store.leases import Lease, Leases
from testing.aws import Aws, aws

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
MUNCHKIN = "123-ABC-456"


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def leases(stack: Aws) -> Leases:
    return Leases(stack.dynamodb, "ConnectionsTable")


def acquired(leases: Leases, now: datetime = NOW, until: datetime = UNTIL) -> Lease:
    lease = leases.acquire(MUNCHKIN, now, until)
    assert lease is not None
    return lease


@contextmanager
def written(stack: Aws) -> Iterator[list[object]]:
    """The updates that are made meanwhile."""
    updates: list[object] = []

    def note(**call: object) -> None:
        updates.append(call)

    stack.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", note)
    try:
        yield updates
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.UpdateItem", note)


def test_while_it_is_held_nobody_else_has_it(leases: Leases) -> None:
    assert acquired(leases) == Lease(MUNCHKIN, 1, UNTIL)
    assert leases.acquire(MUNCHKIN, NOW, UNTIL) is None
    assert leases.acquire(MUNCHKIN, UNTIL, UNTIL + timedelta(minutes=6)) is None
    assert leases.acquire("999-ZZZ-999", NOW, UNTIL) is not None


def test_whoever_waits_for_it_only_reads(stack: Aws, leases: Leases) -> None:
    """A write beside the holder's transactions would make them conflict."""
    acquired(leases)
    with written(stack) as updates:
        assert leases.acquire(MUNCHKIN, NOW, UNTIL) is None
        assert leases.acquire(MUNCHKIN, UNTIL, UNTIL) is None
        assert updates == []
        acquired(leases, UNTIL + timedelta(seconds=1), UNTIL + timedelta(minutes=6))
        assert len(updates) == 1


@pytest.mark.parametrize(
    "pace",
    [
        PaceState(),
        PaceState(
            calls=(1795255200.25, 1795255201.5),
            share=Lowered(40, 1795255200.5),
            concurrency=Lowered(2, 1795255201.0),
            today=DayCount("2026-11-21", 1200, 300, 1795255100.0),
        ),
    ],
)
def test_released_it_is_free_at_once_and_takes_the_pace_along(leases: Leases, pace: PaceState) -> None:
    leases.release(acquired(leases), pace, None)
    assert acquired(leases) == Lease(MUNCHKIN, 2, UNTIL, pace)


def test_the_calls_of_the_day_are_known_as_they_were_when_the_lease_was_given_up(leases: Leases) -> None:
    day = DayCount("2026-11-21", 1200, 300, 1795255100.0)
    assert leases.today(MUNCHKIN) is None
    leases.release(acquired(leases), PaceState(today=day), None)
    assert leases.today(MUNCHKIN) == day
    held = acquired(leases)
    assert leases.today(MUNCHKIN) == day
    leases.release(held, PaceState(), None)
    assert leases.today(MUNCHKIN) is None
    assert leases.today("999-ZZZ-999") is None


def test_the_pause_goes_along_with_the_lease(leases: Leases) -> None:
    pause = Pause(UNTIL, "608", "the API is temporarily unavailable", 2)
    leases.release(acquired(leases), PaceState(), pause)
    held = acquired(leases)
    assert held.pause == pause
    leases.release(held, PaceState(), None)
    assert acquired(leases).pause is None


def test_a_lease_of_somebody_who_died_runs_out(leases: Leases) -> None:
    acquired(leases)
    late = UNTIL + timedelta(microseconds=1)
    assert acquired(leases, late, late + timedelta(minutes=6)).fence == 2


def test_a_lease_that_was_lost_is_released_without_harm(leases: Leases) -> None:
    lost = acquired(leases)
    late = UNTIL + timedelta(seconds=1)
    acquired(leases, late, late + timedelta(minutes=6))
    leases.release(lost, PaceState(calls=(1.0,)), None)
    assert leases.acquire(MUNCHKIN, late, late + timedelta(minutes=6)) is None
