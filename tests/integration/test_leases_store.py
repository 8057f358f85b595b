"""What the leases' table tells those who hold no lease; what it tells the others is in tests/contract/stores."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.pace import DayCount, PaceState
from destination.store.leases import Lease, Leases
from testing.aws import aws

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
MUNCHKIN = "123-ABC-456"


@pytest.fixture
def leases() -> Iterator[Leases]:
    with aws() as stack:
        yield Leases(stack.dynamodb, "ConnectionsTable")


def acquired(leases: Leases) -> Lease:
    lease = leases.acquire(MUNCHKIN, NOW, UNTIL)
    assert lease is not None
    return lease


def test_the_calls_of_the_day_are_known_as_they_were_when_the_lease_was_released(leases: Leases) -> None:
    day = DayCount("2026-11-21", 1200, 300, 1795255100.0)
    assert leases.today(MUNCHKIN) is None
    leases.release(acquired(leases), PaceState(today=day), None)
    assert leases.today(MUNCHKIN) == day
    held = acquired(leases)
    assert leases.today(MUNCHKIN) == day
    leases.release(held, PaceState(), None)
    assert leases.today(MUNCHKIN) is None
    assert leases.today("999-ZZZ-999") is None
